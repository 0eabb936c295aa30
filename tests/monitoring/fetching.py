"""Prometheus and promtool: from this machine, or downloaded once from Debian's packages into the user's cache."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub" / "prometheus"
MISSING = "Prometheus is not here and cannot be fetched (Debian: apt-get install prometheus)"


def tools() -> Path | None:
    """Return the folder with `prometheus` and `promtool`, or None."""
    own = shutil.which("promtool")
    if own and shutil.which("prometheus", path=str(Path(own).parent)):
        return Path(own).parent
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes ask at once
        return _fetched()


def _fetched() -> Path | None:
    found = _CACHE / "usr" / "bin"
    if (found / "promtool").exists():
        return found
    if not shutil.which("apt-get"):
        return None
    steps = (["apt-get", "download", "prometheus"], ["apt-get", "update"], ["apt-get", "download", "prometheus"])
    for step in steps:
        subprocess.run(step, cwd=_CACHE, capture_output=True, timeout=120, check=False)
        if package := next(_CACHE.glob("prometheus_*.deb"), None):
            fresh = _CACHE / "unpacked"
            subprocess.run(["dpkg", "-x", package, fresh], check=True, timeout=120)
            (fresh / "usr").rename(_CACHE / "usr")
            package.unlink()
            return found
    return None
