"""Keys and secrets appear in no output, and no client can choose the address that limits count."""

import io

import pytest
import structlog
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from integrahub.settings.model import Settings
from integrahub.web.server import build_server
from tests.integration.conftest import ADMIN, CNPJ, Client

_SECRETS = ("an-admin-secret", "a-pepper-secret", "a-vendor-secret", "a-client-secret", "a-database-secret")


async def test_no_secret_shows_in_settings_logs_or_errors(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(
        database_url="postgresql://u:a-database-secret@nowhere/x",
        admin_api_key="an-admin-secret",
        key_pepper="a-pepper-secret",
        valid_api_keys=("a-vendor-secret",),
        key="a-client-secret",
    )
    assert not any(secret in f"{settings!r} {settings}" for secret in _SECRETS)
    written, before = io.StringIO(), structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    try:
        made = (await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]}))["api_key"]
        told = []
        async with client.hub.database.transaction() as connection:
            await connection.execute("ALTER TABLE batches RENAME TO hidden")
        for key in (made, ADMIN, "a-wrong-key-of-mine"):
            for path in ("/v1/batches", f"/v1/batches/{CNPJ}", "/admin/keys"):
                told.append((await client.http.get(path, headers={"X-Api-Key": key})).text)
    except Exception as error:  # the framework hands the fault on after it has answered
        told.append(repr(error))
    finally:
        structlog.configure(**before)
    out = capsys.readouterr()
    everything = written.getvalue() + out.out + out.err + "".join(told)
    assert made not in everything and made.rpartition("_")[2] not in everything
    assert ADMIN not in everything and "a-wrong-key-of-mine" not in everything


async def _address(settings: Settings, peer: str) -> str:
    """Return the client's address as the application sees it behind the server's middleware."""
    seen = []

    async def app(scope: object, *_: object) -> None:
        seen.append(scope["client"][0])  # type: ignore[index]

    config = build_server(settings, app, 1, None).config
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": [(b"x-forwarded-for", b"6.6.6.6")]}
    served = ProxyHeadersMiddleware(app, config.forwarded_allow_ips) if config.proxy_headers else app  # type: ignore[arg-type]
    await served(scope, None, None)  # type: ignore[arg-type]
    return str(seen[0])


async def test_an_address_is_what_the_connection_says_unless_a_proxy_is_trusted() -> None:
    assert await _address(Settings(), "127.0.0.1") == "127.0.0.1"
    trusting = Settings(trusted_proxies="10.0.0.0/8")
    assert await _address(trusting, "10.1.2.3") == "6.6.6.6"
    assert await _address(trusting, "11.1.2.3") == "11.1.2.3"
