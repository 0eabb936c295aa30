"""TLS to PostgreSQL as DATABASE_URL configures it.

The embedded server has no TLS, so the tests put a proxy in front of it that ends TLS with PostgreSQL's handshake.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from integrahub.db.database import Database
from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        sink.close()


@asynccontextmanager
async def _gate(database_url: str, folder: Path) -> AsyncIterator[int]:
    certificate, key = ensure_development_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    place = parse_qs(urlsplit(database_url).query)["host"][0]
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        serving.add(task)
        try:
            assert await reader.readexactly(8) == _SSL_REQUEST
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(context)
            inner, out = await asyncio.open_unix_connection(f"{place}/.s.PGSQL.5432")
            await asyncio.gather(_pump(inner, writer), _pump(reader, out))
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*serving, return_exceptions=True)


async def test_a_pool_speaks_tls_to_who_it_trusts_and_to_nobody_else(database_url: str, tmp_path: Path) -> None:
    name, owner = urlsplit(database_url).path, urlsplit(database_url).netloc
    async with _gate(database_url, tmp_path / "own") as port:
        base = f"postgresql://{owner}localhost:{port}{name}?hostaddr=127.0.0.1&gssencmode=disable&sslmode=verify-full"
        trusted = Database(f"{base}&sslrootcert={tmp_path / 'own' / CA_FILE}", size=2)
        await trusted.open()
        async with trusted.transaction() as connection:
            assert connection.pgconn.ssl_in_use
        await trusted.close()
        ensure_development_certificate(tmp_path / "another")
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            await psycopg.AsyncConnection.connect(f"{base}&sslrootcert={tmp_path / 'another' / CA_FILE}")
        elsewhere = base.replace("@localhost:", "@elsewhere.example:")
        with pytest.raises(psycopg.OperationalError, match="does not match host name"):
            await psycopg.AsyncConnection.connect(f"{elsewhere}&sslrootcert={tmp_path / 'own' / CA_FILE}")
