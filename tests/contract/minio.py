"""MinIO: found on the PATH, or built once by `make minio` into the user's cache."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from integrahub.tools.devservices.program import find_free_ports, run_program
from integrahub.tools.devservices.seaweedfs import S3Server

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub"
PROGRAM = shutil.which("minio") or shutil.which("minio", path=str(_CACHE / "bin"))


@contextmanager
def minio(folder: Path) -> Iterator[S3Server]:
    """Run a server on `folder` and a free port."""
    assert PROGRAM is not None
    port, _ = find_free_ports(2)
    server = S3Server(f"http://127.0.0.1:{port}", secrets.token_hex(10), secrets.token_hex(20))
    keys = {"MINIO_ROOT_USER": server.access_key, "MINIO_ROOT_PASSWORD": server.secret_key}
    own = {"HOME": str(folder), "PATH": os.environ["PATH"], "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
    command = [PROGRAM, "server", str(folder / "minio"), "--address", f"127.0.0.1:{port}"]
    with run_program(command, folder / "minio.log", lambda: _answers(server), own | keys):
        yield server


def _answers(server: S3Server) -> bool:
    try:
        server.client().list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True
