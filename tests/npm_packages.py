"""Programs from the npm registry, installed once into the user's cache as a lock file with hashes says."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from integrahub.tools.devservices.debian_packages import CACHE

_TIMEOUT_SECONDS = 120.0
_LOCK_FILES = ("package.json", "package-lock.json")


def install(source: Path) -> Path | None:
    """Return `node_modules` with the packages of the folder's lock file, or None if they cannot be fetched.

    No script of a package runs.
    """
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        return None
    digest = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = CACHE / f"{source.name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    complete = folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may install at once
        if not complete.exists():
            for name in _LOCK_FILES:
                shutil.copy(source / name, folder / name)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            try:
                subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT_SECONDS, check=True)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                return None
            complete.touch()
    return folder / "node_modules"
