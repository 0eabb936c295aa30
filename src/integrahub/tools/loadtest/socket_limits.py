"""Limits of this machine on the connections of one process to one address."""

import resource
from pathlib import Path

_RESERVED_FILES = 500  # for all other files of the processes
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RESERVED_PORTS = 1000
_DEFAULT_PORTS = 16_384  # dynamic ports of IANA


def max_connections(requested: int) -> int:
    """Return `requested`, or the lower number that open files and ports allow.

    Raise the soft limit of open files; a hub started later inherits it, for its ends of the connections.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = requested + _RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = requested if soft == resource.RLIM_INFINITY else soft - _RESERVED_FILES
    return max(1, min(requested, files, _count_ports() - _RESERVED_PORTS))


def _count_ports() -> int:
    """Return the number of local ports for connections to one address."""
    try:
        low, high = map(int, _PORT_RANGE.read_text().split())
    except OSError:
        return _DEFAULT_PORTS
    return high - low + 1
