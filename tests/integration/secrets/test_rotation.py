"""Rotation of PostgreSQL's login while a hub works: no failed request, no loss, no restart."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from integrahub.db.database import Database
from integrahub.domain.errors import Transient
from integrahub.domain.steps import STEPS
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.credentials import CredentialRotation
from integrahub.settings import secret_sources as reading
from integrahub.settings.model import Settings
from integrahub.storage.s3.objects import S3Storage
from tests.acceptance.conftest import Installation, installation, parts
from tests.integration.conftest import ADMIN, CNPJ, running
from tests.integration.secrets.conftest import Environment, VaultServer
from tests.integration.secrets.guarded_postgres import Guarded
from tests.runbook_entry import FollowedEntry

__all__ = ["installation", "parts"]

_SESSIONS = "SELECT count(*), count(*) FILTER (WHERE backend_start < '{}') FROM pg_stat_activity WHERE usename = '{}'"


@pytest.fixture
def owner(guarded: Guarded) -> Iterator[str]:
    """Create a login with a password and the privileges of the hub's processes."""
    name = f"hub_{secrets.token_hex(4)}"
    guarded.ask(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'first'")
    yield name
    guarded.ask(f"DROP ROLE {name}")


def _keep(folder: Path, url: str) -> None:
    """Replace the file with the address atomically, as mounted secrets change."""
    aside = folder.with_name("aside")
    aside.write_text(url)
    aside.rename(folder / "INTEGRAHUB_DATABASE_URL")


class _Posting:
    """Clients that post continuously, each its own products, until they are stopped."""

    def __init__(self, hub: Installation) -> None:
        self._hub = hub
        self._stop = Event()
        self.statuses: Counter[int] = Counter()

    def post(self, client: int) -> int:
        """Post for one client; return the number of posts."""
        number = 0
        while not self._stop.is_set():
            body = [{"PRODUCTID": client * 1_000_000 + number * 10 + n, "TITLE": "P"} for n in range(10)]
            answer = self._hub.post(json.dumps(body).encode(), "delta")
            self.statuses[answer.status_code] += 1
            number += 1
        return number

    def stop(self) -> None:
        self._stop.set()


@pytest.mark.timeout(300)
def test_a_password_rotated_under_load_fails_no_request_and_loses_nothing(
    guarded: Guarded, owner: str, installation: Installation, tmp_path: Path
) -> None:
    (folder := tmp_path / "secrets").mkdir()
    _keep(folder, guarded.url_of(owner, "first"))
    installation.settings |= {"SECRETS_DIR": str(folder), "SECRETS_REFRESH": "1", "RATE_LIMIT": "off"}
    installation.start()
    installation.key = installation.make_key()
    posting = _Posting(installation)
    with ThreadPoolExecutor(4) as clients:
        counts = [clients.submit(posting.post, client) for client in range(1, 5)]
        try:
            for turn in range(2):
                since = _rotate(guarded, owner, folder, f"password {turn}", told_first=bool(turn % 2))
                installation.wait_until(lambda since=since: _all_are_new(guarded, owner, since))
        finally:
            posting.stop()
    posted = sum(count.result() for count in counts)
    assert posting.statuses == {202: posted} and posted > 100
    installation.wait_until(lambda: not guarded.ask("SELECT id FROM batches WHERE finished_at IS NULL"))
    assert guarded.ask("SELECT status, count(*) FROM batches GROUP BY status") == [("COMPLETED", posted)]
    assert guarded.ask("SELECT count(*) FROM products WHERE is_active")[0][0] == 10 * posted
    entry = FollowedEntry("secrets")
    entry.expect("change it at the service and in the secret store; processes read it within `SECRETS_REFRESH` seconds")
    found = json.loads(installation.command(*entry.command("doctor"), "--json").stdout)
    good = {one["check"] for one in found if one["status"] == "ok"}
    assert {"postgresql", "bus", "storage", "secrets"} <= good, found
    told = (installation.folder / "hub.log").read_text(errors="replace")
    assert "password 0" not in told and "password%200" not in told


def _rotate(guarded: Guarded, owner: str, folder: Path, password: str, *, told_first: bool) -> str:
    """Change the password in the database and in the hub's source; return when the second change began."""
    url = guarded.url_of(owner, password.replace(" ", "%20"))
    acts = [lambda: guarded.set_password(owner, password), lambda: _keep(folder, url)]
    first, then = reversed(acts) if told_first else acts
    first()
    Event().wait(2)  # longer than the hub waits between looks: it meets the half-done rotation
    complete = str(guarded.ask("SELECT clock_timestamp()")[0][0])
    then()
    return complete


def _all_are_new(guarded: Guarded, owner: str, since: str) -> bool:
    total, old = guarded.ask(_SESSIONS.format(since, owner))[0]
    return bool(total and not old)


async def test_a_refused_password_is_read_again_at_once_and_the_connection_made(guarded: Guarded, owner: str) -> None:
    urls = {password: guarded.url_of(owner, password) for password in ("first", "second")}
    kept = Settings(database_url=urls["first"], secrets_dir=Path("/nowhere"))
    newest = {"database_url": urls["first"]}
    rotation = CredentialRotation(kept, lambda settings: settings.model_copy(update=newest))
    database = Database(urls["first"], size=2, on_login_refused=rotation.on_refused)
    watching = asyncio.create_task(rotation.watch(lambda found: database.renew(found.database_url or "")))
    await asyncio.sleep(0)
    guarded.set_password(owner, "second")
    newest["database_url"] = urls["second"]
    await database.open()
    try:
        await database.check()
        assert database.url == urls["second"]
    finally:
        watching.cancel()
        await database.close()


async def test_a_new_login_the_database_does_not_take_yet_leaves_the_old_one_in_use(
    guarded: Guarded, owner: str
) -> None:
    database = Database(guarded.url_of(owner, "first"), size=2)
    await database.open()
    try:
        await database.check()
        with pytest.raises(psycopg.OperationalError):
            await database.renew(guarded.url_of(owner, "not yet".replace(" ", "%20")))
        await database.check()
        assert database.url == guarded.url_of(owner, "first")
    finally:
        await database.close()


async def test_logins_vault_lends_follow_each_other_while_batches_are_applied(
    guarded: Guarded, vault: VaultServer, environment: Environment, tmp_path: Path
) -> None:
    reading._open_secret_store_once.cache_clear()
    vault.keep(DATABASE_URL=guarded.place, ADMIN_API_KEY=ADMIN)
    vault.lend(guarded, 6)
    environment(SECRETS="vault", VAULT_ADDR=vault.address, VAULT_TOKEN=vault.token, DATA_DIR=str(tmp_path))
    environment(DATABASE_LOGIN="database/creds/hub", SECRETS_REFRESH="1", RATE_LIMIT="off")
    settings, seen, number = Settings(), set[str](), 0
    async with running(settings, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        async with asyncio.timeout(60):
            while len(seen) < 3:
                number += 1
                batch: dict[str, Any] = await client.load([{"PRODUCTID": 10**9 + number, "TITLE": "P"}], "delta")
                assert (batch["status"], batch["inserted"]) == ("COMPLETED", 1)
                seen |= {row[0] for row in guarded.ask("SELECT usename FROM pg_stat_activity WHERE usename ~ '^v-'")}
    reading._open_secret_store_once.cache_clear()


async def test_a_refused_database_login_keeps_no_other_credential_from_being_used(
    guarded: Guarded, owner: str, tmp_path: Path
) -> None:
    place = {"storage_url": "s3://bucket?endpoint=http://127.0.0.1:1", "storage_access_key": "a", "data_dir": tmp_path}
    settings = Settings(database_url=guarded.url_of(owner, "first"), storage_secret_key="old", **place)  # type: ignore[arg-type]
    async with open_hub(settings) as hub:
        newer = {"database_url": guarded.url_of(owner, "wrong"), "storage_secret_key": "new"}
        with pytest.raises(psycopg.OperationalError):
            await hub.renew(settings.model_copy(update=newer))
        assert isinstance(hub.adapters[0], S3Storage) and hub.adapters[0]._config.secret_key == "new"
        await hub.database.check()


async def test_a_keeper_that_is_away_changes_nothing(environment: Environment) -> None:
    settings = Settings(database_url="postgresql:///x", secrets_dir=Path("/nowhere"))

    def away(_: Settings) -> Settings:
        raise Transient("away")

    rotation = CredentialRotation(settings, away)
    await rotation.on_refused()
    assert rotation.settings == settings
