"""Prometheus and promtool: from this machine, or downloaded once from Debian's packages into the user's cache."""

import shutil
from pathlib import Path

from tests.debian_packages import unpack

MISSING = "Prometheus is not here and cannot be fetched (Debian: apt-get install prometheus)"


def tools() -> Path | None:
    """Return the folder with `prometheus` and `promtool`, or None."""
    own = shutil.which("promtool")
    if own and shutil.which("prometheus", path=str(Path(own).parent)):
        return Path(own).parent
    unpacked = unpack("prometheus", ("prometheus",))
    return unpacked / "usr" / "bin" if unpacked else None
