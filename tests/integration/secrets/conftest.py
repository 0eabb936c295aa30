"""Secret stores of the tests: Vault or its stand-in, AWS by moto, PostgreSQL with passwords."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from moto.server import ThreadedMotoServer

from tests.integration.secrets import vault_server
from tests.integration.secrets.guarded_postgres import Guarded, guarded_postgres
from tests.integration.secrets.vault_stand_in import vault_stand_in

_REAL = vault_server.find_program() is not None
Environment = Callable[..., None]


@dataclass(frozen=True, slots=True)
class VaultServer:
    """Vault that tests configure through its own API."""

    address: str
    token: str

    def tell(self, path: str, **fields: Any) -> dict[str, Any]:
        answer = httpx2.post(
            f"{self.address}/v1/{path}", json=fields, headers={"X-Vault-Token": self.token}, timeout=30
        )
        assert answer.status_code in (200, 204), answer.text
        return dict(answer.json()) if answer.content else {}

    def ask(self, path: str) -> dict[str, Any]:
        answer = httpx2.get(f"{self.address}/v1/{path}", headers={"X-Vault-Token": self.token}, timeout=30)
        return dict(answer.json())

    def keep(self, **values: str) -> None:
        """Store settings as the secret that the hub reads."""
        self.tell("secret/data/integrahub", data=values)

    def lend(self, postgres: Guarded, seconds: int) -> None:
        """Configure logins of the hub's roles under database/creds/hub."""
        login = urlsplit(postgres.url)
        url = postgres.url.replace(login.netloc, "{{username}}:{{password}}@")
        self.tell("sys/mounts/database", type="database")
        config = {"plugin_name": "postgresql-database-plugin", "allowed_roles": ["hub"], "username": "integrahub"}
        self.tell("database/config/pg", connection_url=url, password=login.password or "", **config)
        made = (
            "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' "
            "IN ROLE integrahub_api, integrahub_worker"
        )
        lease = f"{seconds}s"
        self.tell("database/roles/hub", db_name="pg", creation_statements=[made], default_ttl=lease, max_ttl=lease)


@pytest.fixture(params=["stand-in", *(["real"] if _REAL else [])])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VaultServer]:
    """Yield the stand-in, and a real server where there is one."""
    with ExitStack() as running:
        if request.param == "stand-in":
            yield VaultServer(*running.enter_context(vault_stand_in()))
            return
        yield VaultServer(*running.enter_context(vault_server.vault_server(tmp_path)))


@pytest.fixture(scope="session")
def guarded() -> Iterator[Guarded]:
    """Start one PostgreSQL with passwords per session."""
    with guarded_postgres() as server:
        yield server


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of AWS Secrets Manager that moto serves."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        httpx2.post(f"{address}/moto-api/reset")
        chain = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "sa-east-1"}
        chain |= {"AWS_DEFAULT_REGION": "sa-east-1", "AWS_ENDPOINT_URL_SECRETS_MANAGER": address}
        for name, value in chain.items():
            monkeypatch.setenv(name, value)
        import boto3

        yield boto3.client("secretsmanager")
    finally:
        server.stop()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Return a function that sets settings in the environment by their names without prefix."""

    def put(**named: str) -> None:
        for name, value in named.items():
            monkeypatch.setenv(f"INTEGRAHUB_{name}", value)

    for name in ("DATABASE_URL", "ADMIN_API_KEY", "VAULT_TOKEN", "VAULT_ADDR"):
        monkeypatch.delenv(name, raising=False)
    return put
