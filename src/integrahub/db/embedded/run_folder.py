"""What of the embedded PostgreSQL cannot be in its own folder: a socket whose path would be too long, and programs that
its account could not reach. A folder of a random name has them, noted where only the hub can read it."""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from integrahub.db.embedded.process_user import ProcessUser, own_folder

_LONGEST = 107  # bytes of a socket's path
_SOCKET = ".s.PGSQL.5432"


class Outside:
    """The folder beside, made when it is asked for; `note` is the file that names it."""

    def __init__(self, note: Path) -> None:
        self._note = note

    def folder(self) -> Path:
        """Return the folder noted if it is still ours alone to change, else a new one."""
        with contextlib.suppress(OSError):
            noted = Path(self._note.read_text("utf-8").strip())
            found = noted.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
                return noted
        made = Path(tempfile.mkdtemp(prefix="ihub-", dir="/tmp"))
        made.chmod(0o711)  # the server's account passes through; what is in there has owners and modes of its own
        fresh = self._note.with_suffix(".new")
        fresh.write_text(str(made), "utf-8")
        fresh.replace(self._note)
        return made

    def socket_folder(self, cluster: Path, account: ProcessUser) -> Path:
        """Return where the socket goes: the cluster's own folder, which is closed, if the path is short enough."""
        if len(os.fsencode(cluster / _SOCKET)) <= _LONGEST:
            return cluster
        place = self.folder() / "socket"
        shutil.rmtree(place, ignore_errors=True)
        own_folder(place, account)
        return place

    def remove(self) -> None:
        """Remove the folder, unless it holds programs, which the next start would have to copy again."""
        with contextlib.suppress(OSError):
            noted = Path(self._note.read_text("utf-8").strip())
            shutil.rmtree(noted / "socket", ignore_errors=True)
            noted.rmdir()
            self._note.unlink()
