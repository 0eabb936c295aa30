"""Backup of a hub under load, restored elsewhere: it holds all that was acknowledged before the end of the backup."""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from typer.testing import CliRunner

from integrahub.cli.app import app
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.steps import STEPS
from integrahub.operations.verify import Verification
from integrahub.settings.model import Settings
from integrahub.tools.backup.backup import make_backup
from integrahub.tools.backup.errors import BackupDamaged, BackupRefused
from integrahub.tools.backup.manifest import MANIFEST, read_manifest
from integrahub.tools.backup.restore import Restoration, restore_backup, verify_restored
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_replays import catalogue
from tests.runbook_entry import FollowedEntry

OTHER = "33000167000101"
KEY = b"the key of the backup, long enough"
_POSTS_AFTERWARDS = 3
_LONG = bool(os.environ.get("IHUB_LONG"))
_PAUSE_SECONDS = 0.0 if _LONG else 0.05
_PRODUCTS = 50_000 if _LONG else 1000
_NO_LIMITS: dict[str, Any] = {"rate_limit": "off", "read_rate_limit": "off"}


class Backup(NamedTuple):
    """A backup, what the hub acknowledged and when, also later, and a key that it gave before."""

    folder: Path
    acknowledged: list[tuple[datetime, int]]
    key: str


def _report(kind: str, done: int, total: int | None) -> None:
    return


@asynccontextmanager
async def _hub_on(folder: Path) -> AsyncIterator[Client]:
    """Run a hub in this process on an embedded PostgreSQL of its own in the folder."""
    postgres = EmbeddedPostgres(folder / "postgres")
    try:
        url = await postgres.start()
        await migrate(url)
        settings = Settings(
            database_url=url, data_dir=folder, admin_api_key=ADMIN, chunk_size=1000 if _LONG else 50, **_NO_LIMITS
        )
        async with running(settings, list(STEPS)) as client:
            yield client
    finally:
        await postgres.stop()


class _Load:
    """Posts DELTAs of one new product each until it is stopped, and keeps the time of each 202."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.acknowledged: list[tuple[datetime, int]] = []

    async def run(self, done: asyncio.Event) -> None:
        while not done.is_set():
            product = 100_000 + len(self.acknowledged)
            answer = await self._client.post([{"PRODUCTID": product, "TITLE": "LOAD"}], "delta")
            assert answer.status_code == 202, answer.text
            self.acknowledged.append((datetime.now(UTC), product))
            await asyncio.sleep(_PAUSE_SECONDS)


async def _back_up_under_load(client: Client, folder: Path, backup: Path) -> list[tuple[datetime, int]]:
    """Return what the hub acknowledged, and when; some of it after the backup."""
    done, load = asyncio.Event(), _Load(client)
    posting = asyncio.create_task(load.run(done))
    await make_backup(Settings(data_dir=folder), backup, KEY, _report)
    last = len(load.acknowledged) + _POSTS_AFTERWARDS
    while len(load.acknowledged) < last:
        await asyncio.sleep(0.01)
    done.set()
    await posting
    return load.acknowledged


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """Make one backup for all tests of this module: of a hub with two catalogues, while it is posted to."""
    folder, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("backup") / "one"

    async def make() -> Backup:
        async with _hub_on(folder) as client:
            for cnpj in (OTHER, CNPJ):
                client.key = (await client.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
                await client.load(catalogue(_PRODUCTS))
            (folder / "secrets" / "admin.hmac").write_text("the hash of the operator's key")
            return Backup(target, await _back_up_under_load(client, folder, target), client.key)

    return asyncio.run(make())


def _restore(settings: Settings, wanted: Restoration) -> dict[str, Verification]:
    found: dict[str, Verification] = {}

    async def run() -> None:
        await restore_backup(settings, wanted, _report)
        await verify_restored(settings, _report, found.__setitem__)

    asyncio.run(run())
    return found


def _wanted(folder: Path, key: bytes | None = KEY) -> Restoration:
    return Restoration(folder, key, folder / "secrets.tar.zst.sealed")


def test_a_restored_hub_has_all_that_was_acknowledged_before_the_end_of_the_backup(
    backup: Backup, tmp_path: Path
) -> None:
    folder, acknowledged, key = backup
    covers_until = read_manifest(folder).covers_until
    covered = {product for at, product in acknowledged if at < covers_until}
    assert covered and len(covered) < len(acknowledged)
    settings = Settings(data_dir=tmp_path / "restored")
    found = _restore(settings, _wanted(folder))
    assert {cnpj: (one.found, one.unjudged) for cnpj, one in found.items()} == {CNPJ: (0, 0), OTHER: (0, 0)}
    assert all(one.batches == one.all_batches and one.judged >= _PRODUCTS for one in found.values())
    held = asyncio.run(_finish_and_read(settings.data_dir, key))
    assert covered <= held and set(range(1, _PRODUCTS + 1)) <= held


async def _finish_and_read(folder: Path, key: str) -> set[int]:
    """Let the restored hub finish what it was doing, and return its products, read with a key from before."""
    async with _hub_on(folder) as client:
        client.key = key
        async with asyncio.timeout(60):
            while any(not batch["finished_at"] for batch in (await client.get("/v1/batches"))["items"]):
                await asyncio.sleep(0.05)
        return set(await client.products())


def test_secrets_of_the_hub_are_in_a_file_of_their_own(
    backup: Backup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = backup.folder
    names = {path.name for path in folder.iterdir()}
    assert names == {MANIFEST, "database.tar.zst.sealed", "objects.tar.zst.sealed", "secrets.tar.zst.sealed"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.name != MANIFEST} == {0o600}
    (key := tmp_path / "key").write_bytes(KEY)
    options = ["--data", str(tmp_path / "a"), "--key-file", str(key), "--without-secrets", "--without-verify", "--json"]
    mask = os.umask(0o022)
    restored = CliRunner().invoke(app, ["restore", str(folder), *options])
    os.umask(mask)
    assert restored.exit_code == 0, restored.output
    assert json.loads(restored.stdout)["is_verified"] is False
    assert (tmp_path / "a" / "postgres" / "cluster" / "PG_VERSION").exists()
    assert not (tmp_path / "a" / "secrets").exists()
    with pytest.raises(BackupRefused, match=r"There is no .*elsewhere.*--without-secrets"):
        asyncio.run(
            restore_backup(Settings(data_dir=tmp_path / "b"), Restoration(folder, KEY, Path("elsewhere")), _report)
        )
    monkeypatch.chdir(tmp_path)
    entry = FollowedEntry("restore")
    command = "restore DIR --data restored --key-file FILE --secrets FILE"
    arguments = entry.command(command, DIR=str(folder), FILE=str(key))
    restored = CliRunner().invoke(app, [*arguments[:-1], str(folder / "secrets.tar.zst.sealed")])
    assert restored.exit_code == 0, restored.output
    shown = " ".join(restored.output.split())
    assert "Every catalogue equals its bodies: 2 pharmacies." in shown
    assert "has only the hash: the key that you have stays valid. If it is lost, remove" in shown
    assert (tmp_path / "restored" / "secrets" / "pepper.key").stat().st_mode & 0o777 == 0o600


def _copy(folder: Path, target: Path, **changes: Any) -> Path:
    """Return a backup with links to the same files, and another manifest."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).symlink_to(path)
    manifest = msgspec.structs.replace(read_manifest(folder), sealed=None, **changes)
    (target / MANIFEST).unlink()
    (target / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return target


def test_a_restoration_that_cannot_begin_says_why_and_writes_nothing(backup: Backup, tmp_path: Path) -> None:
    folder = backup.folder
    target = tmp_path / "target"
    newer = _copy(folder, tmp_path / "newer", migrations=["0099_future.sql"])
    other = _copy(folder, tmp_path / "other", postgresql=17)
    cases = [
        (Restoration(folder, b"another key of characters"), "encrypted with another key"),
        (Restoration(folder), "is encrypted"),
        (Restoration(tmp_path, KEY), "no whole backup"),
        (Restoration(newer), r"whose schema has 0099_future\.sql"),
        (Restoration(other), "of PostgreSQL 17"),
    ]
    for wanted, reason in cases:
        with pytest.raises(BackupRefused, match=reason):
            asyncio.run(restore_backup(Settings(data_dir=target), wanted, _report))
        assert not target.exists()


def test_a_target_with_files_or_a_running_hub_is_refused(backup: Backup, tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    lock = tmp_path / "postgres" / "lock"
    lock.write_text("4711")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError, match=r"Another IntegraHub is running on .*process 4711"):
            asyncio.run(restore_backup(Settings(data_dir=tmp_path), _wanted(backup.folder), _report))
    with pytest.raises(BackupRefused, match=r"is not empty \(postgres\)"):
        asyncio.run(restore_backup(Settings(data_dir=tmp_path), _wanted(backup.folder), _report))
    assert [path.name for path in tmp_path.iterdir()] == ["postgres"]


@pytest.mark.parametrize("is_truncated", [True, False])
def test_a_damaged_backup_is_refused_and_nothing_of_it_stays(
    backup: Backup, tmp_path: Path, *, is_truncated: bool
) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    for path in backup.folder.iterdir():
        (folder / path.name).symlink_to(path)
    objects = folder / "objects.tar.zst.sealed"
    content = objects.read_bytes()
    objects.unlink()
    objects.write_bytes(content[:-1] if is_truncated else content[:-1] + bytes([content[-1] ^ 1]))
    target = tmp_path / "target"
    reason = "the backup wrote" if is_truncated else "truncated or was changed"
    with pytest.raises(BackupDamaged, match=reason):
        asyncio.run(restore_backup(Settings(data_dir=target), _wanted(folder), _report))
    assert not target.exists()


def test_a_backup_that_cannot_begin_says_why(backup: Backup, tmp_path: Path) -> None:
    (tmp_path / "postgres" / "cluster").mkdir(parents=True)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pepper.key").write_text("pepper")
    cases = [
        (Settings(data_dir=tmp_path, database_url="postgresql://db/hub"), tmp_path / "new", "DATABASE_URL .* is set"),
        (Settings(data_dir=tmp_path / "none"), tmp_path / "new", "There is no hub in"),
        (Settings(data_dir=tmp_path), tmp_path / "inside", "is inside the hub's own folder"),
        (Settings(data_dir=tmp_path), backup.folder, "is not empty. Each backup needs a new"),
    ]
    for settings, folder, reason in cases:
        with pytest.raises(BackupRefused, match=reason):
            asyncio.run(make_backup(settings, folder, None, _report))
    assert not (tmp_path / "new").exists()
