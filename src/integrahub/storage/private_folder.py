"""The data folder: accessible to one account only."""

import os
import stat
from pathlib import Path

_GITIGNORE = "# Data and secrets of the hub: keep this folder out of repositories.\n*\n"
# Entries that earlier versions left readable by every account of the machine.
_ENTRIES = ("objects", "postgres", "secrets", "tls", "admin.key", "pepper.key", "fleet.json", "counts.json")


def make_private_folder(folder: Path, mode: int = 0o700) -> None:
    """Create `folder` with `mode` and a .gitignore; in an existing folder, restrict the entries of earlier versions.

    An existing folder keeps its own mode, because the operator may share it on purpose; `doctor` warns about it.
    Raise OSError if the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, mode=mode)
        folder.chmod(mode)  # mkdir applies the umask
    except FileExistsError:
        _restrict_entries(folder, mode)
    if not (ignored := folder / ".gitignore").exists():
        ignored.write_text(_GITIGNORE, "utf-8")


def excess_mode(folder: Path, mode: int = 0o700) -> str | None:
    """Return the folder's mode in octal if it allows more than `mode`, else None."""
    try:
        actual = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        return None
    return f"{actual:04o}" if actual & 0o777 & ~mode else None


def _restrict_entries(folder: Path, mode: int) -> None:
    for name in _ENTRIES:
        try:
            status = (folder / name).lstat()
        except FileNotFoundError:
            continue
        is_ours = status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if is_ours and status.st_mode & 0o777 & ~mode:
            (folder / name).chmod(stat.S_IMODE(status.st_mode) & mode)
