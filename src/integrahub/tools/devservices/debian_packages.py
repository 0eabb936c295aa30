"""Programs from Debian's packages, unpacked once into the user's cache; nothing is installed."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub"
_PACKAGES_TIMEOUT_SECONDS = 300.0


def unpack(name: str, packages: tuple[str, ...]) -> Path | None:
    """Return the folder that holds the packages' files, or None if they cannot be fetched."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may fetch at once
        if not (folder / "usr").exists() and not _fetch(folder, packages):
            return None
    return folder


def _fetch(folder: Path, packages: tuple[str, ...]) -> bool:
    if not shutil.which("apt-get"):
        return False
    download = ["apt-get", "download", *packages]
    for step in (download, ["apt-get", "update"], download):
        subprocess.run(step, cwd=folder, capture_output=True, timeout=_PACKAGES_TIMEOUT_SECONDS, check=False)
        files = list(folder.glob("*.deb"))
        if len(files) == len(packages):
            fresh = folder / "unpacked"
            for file in files:
                subprocess.run(["dpkg", "-x", file, fresh], check=True, timeout=_PACKAGES_TIMEOUT_SECONDS)
                file.unlink()
            for part in sorted(fresh.iterdir(), key=lambda part: part.name == "usr"):
                part.rename(folder / part.name)  # usr last: it marks a complete folder
            return True
    return False
