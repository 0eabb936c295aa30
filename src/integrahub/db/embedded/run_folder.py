"""A folder below /tmp for what cannot be in the data folder of the embedded PostgreSQL.

That is a socket whose path would be too long, and programs that the user of the server could not reach. The folder has
a random name, which is stored where only the hub can read it.
"""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from integrahub.db.embedded.process_user import ProcessUser, make_private_folder

_MAX_SOCKET_PATH_BYTES = 107
_SOCKET_NAME = ".s.PGSQL.5432"


class RunFolder:
    """The folder, created at its first use. `name_file` stores its path."""

    def __init__(self, name_file: Path) -> None:
        self._name_file = name_file

    def folder(self) -> Path:
        """Return the stored folder if only this process can change it, else a new one."""
        with contextlib.suppress(OSError):
            stored = Path(self._name_file.read_text("utf-8").strip())
            status = stored.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
                return stored
        created = Path(tempfile.mkdtemp(prefix="ihub-", dir="/tmp"))
        created.chmod(0o711)  # the user of the server must pass through; the contents have their own modes
        fresh = self._name_file.with_suffix(".new")
        fresh.write_text(str(created), "utf-8")
        fresh.replace(self._name_file)
        return created

    def socket_folder(self, cluster: Path, user: ProcessUser) -> Path:
        """Return the folder of the socket: that of the cluster if the path is short enough, else one in here."""
        if len(os.fsencode(cluster / _SOCKET_NAME)) <= _MAX_SOCKET_PATH_BYTES:
            return cluster
        folder = self.folder() / "socket"
        shutil.rmtree(folder, ignore_errors=True)
        make_private_folder(folder, user)
        return folder

    def remove(self) -> None:
        """Remove the socket, and the folder unless it holds programs, which the next start uses again."""
        with contextlib.suppress(OSError):
            stored = Path(self._name_file.read_text("utf-8").strip())
            shutil.rmtree(stored / "socket", ignore_errors=True)
            stored.rmdir()
            self._name_file.unlink()
