"""Prometheus on a hub, with the hub's own rules; the program is that of this machine or of Debian's packages."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from integrahub.tools.devservices.debian_packages import unpack
from integrahub.tools.devservices.program import ServiceMissing, find_free_ports, run_program

SHIPPED = Path(__file__).parents[4] / "deploy" / "prometheus"  # absent if only the package is installed
_SHIPPED_INTERVAL, _SHIPPED_TARGET = "15s", "127.0.0.1:8000"
_PROMETHEUS_ANSWER_TIMEOUT_SECONDS = 1.0


def find_prometheus() -> Path:
    """Return the folder with `prometheus` and `promtool`. Raise ServiceMissing if they cannot be fetched."""
    own = shutil.which("promtool")
    if own and shutil.which("prometheus", path=str(Path(own).parent)):
        return Path(own).parent
    unpacked = unpack("prometheus", ("prometheus",))
    if unpacked is None:
        raise ServiceMissing(
            "Prometheus is not installed and cannot be fetched. Install it (Debian: apt-get install prometheus)."
        )
    return unpacked / "usr" / "bin"


@contextmanager
def run_prometheus(
    folder: Path, target: str, interval_seconds: int, change_rules: Callable[[str], str] = str
) -> Iterator[str]:
    """Run a Prometheus that scrapes `target` (host:port) while the block runs; yield its URL.

    It has the rules of deploy/prometheus as `change_rules` returns them. Raise ServiceMissing without program or rules.
    """
    program = find_prometheus() / "prometheus"
    settings = _write_settings(folder, target, f"{interval_seconds}s", change_rules)
    url = f"http://127.0.0.1:{find_free_ports(1)[0]}"
    command = [str(program), f"--config.file={settings}", f"--storage.tsdb.path={folder / 'kept'}"]
    command.append(f"--web.listen-address={url.removeprefix('http://')}")
    with run_program(command, folder / "prometheus.log", lambda: _is_ready(url)):
        yield url


def _write_settings(folder: Path, target: str, interval: str, change_rules: Callable[[str], str]) -> Path:
    """Write the shipped settings and rules into the folder; return the file of the settings."""
    if not SHIPPED.is_dir():
        raise ServiceMissing(f"The rules of alerts are not here: {SHIPPED}. Run this from a copy of the repository.")
    (folder / "rules").mkdir(parents=True)
    for rules in (SHIPPED / "rules").glob("*.yml"):
        (folder / "rules" / rules.name).write_text(change_rules(rules.read_text("utf-8")), "utf-8")
    text = (SHIPPED / "prometheus.yml").read_text("utf-8")
    settings = folder / "prometheus.yml"
    settings.write_text(text.replace(_SHIPPED_INTERVAL, interval).replace(_SHIPPED_TARGET, target), "utf-8")
    return settings


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", timeout=_PROMETHEUS_ANSWER_TIMEOUT_SECONDS, trust_env=False).is_success
    except httpx2.HTTPError:
        return False
