"""The data folder: made for one account alone, checked for what other accounts could open."""

import os
import stat
from pathlib import Path

_IGNORED = "# Everything the hub keeps, secrets among it: nothing of it belongs in a repository.\n*\n"
# What earlier versions left open to every account of the machine.
_ENTRIES = ("objects", "postgres", "secrets", "tls", "admin.key", "pepper.key", "fleet.json", "counts.json")


def make_private_folder(folder: Path, mode: int = 0o700) -> None:
    """Make `folder` with `mode`, keep it out of repositories, and close entries that earlier versions left open.

    An existing folder keeps its own mode: it may be one the operator shares on purpose; `doctor` warns about it.
    OSError when it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, mode=mode)
        folder.chmod(mode)  # mkdir takes the umask off
    except FileExistsError:
        _close_entries(folder, mode)
    if not (ignored := folder / ".gitignore").exists():
        ignored.write_text(_IGNORED, "utf-8")


def excess_mode(folder: Path, mode: int = 0o700) -> str | None:
    """Return the folder's mode in octal when it allows more than `mode`, else None."""
    try:
        found = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        return None
    return f"{found:04o}" if found & 0o777 & ~mode else None


def _close_entries(folder: Path, mode: int) -> None:
    for name in _ENTRIES:
        try:
            found = (folder / name).lstat()
        except FileNotFoundError:
            continue
        is_ours = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
        if is_ours and found.st_mode & 0o777 & ~mode:
            (folder / name).chmod(stat.S_IMODE(found.st_mode) & mode)
