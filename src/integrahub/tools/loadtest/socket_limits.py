"""How many connections this machine lets one process have to one address."""

import resource
from pathlib import Path

_SPARE = 500  # files the processes need besides
_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SPARE_PORTS = 1000


def most_connections(wanted: int) -> int:
    """As many of those wanted as open files and ports allow; the soft limit of open files is raised for it.

    Processes started later inherit the limit: the hub's API holds the other ends.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + _SPARE
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft - _SPARE
    return max(1, min(wanted, files, _ports() - _SPARE_PORTS))


def _ports() -> int:
    """Ports a client may take towards one address."""
    try:
        low, high = map(int, _PORTS.read_text().split())
    except OSError:
        return 16_384  # the range the standard sets aside
    return high - low + 1
