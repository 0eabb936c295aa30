"""S3 servers for the contract tests."""

from collections.abc import Iterator

import pytest

from integrahub.tools.devservices.seaweedfs import S3Server
from tests.conftest import part
from tests.contract.minio import PROGRAM, minio

S3_KINDS = ["seaweed", "minio"] if PROGRAM else ["seaweed"]


@pytest.fixture(scope="session")
def minio_server() -> Iterator[S3Server]:
    """Start one MinIO per session."""
    yield from part("minio", minio)


def server_of(request: pytest.FixtureRequest, kind: str) -> S3Server:
    """Return the server of a kind."""
    server: S3Server = request.getfixturevalue("s3_server" if kind == "seaweed" else "minio_server")
    return server
