"""The API's process: what it asks of the system at its start."""

import asyncio
import resource
from pathlib import Path

import pytest

from integrahub.api import server
from integrahub.api.tls import Certificate
from integrahub.cli.development_tls import development_certificate
from integrahub.telemetry.process import raise_descriptor_limit


def test_a_client_that_never_speaks_tls_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Certificate(*development_certificate(tmp_path)).context
    assert server._HANDSHAKE_SECONDS == 10
    monkeypatch.setattr(server, "_HANDSHAKE_SECONDS", 0.3)

    async def wait_for_the_end() -> bytes:
        listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        try:
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
            listening.close()

    with asyncio.Runner(loop_factory=server._Loop) as runner:
        assert runner.run(wait_for_the_end()) == b""


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, wanted), hard))
        assert raise_descriptor_limit() == wanted
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
