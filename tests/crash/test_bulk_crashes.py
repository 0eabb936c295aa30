"""A replay of 1000 dead letters, whose worker is killed at every step, replays each letter once."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.settings.model import Settings
from tests.crash.crash_points import counted
from tests.crash.test_crashes import ADMIN, CNPJ, LONG
from tests.forked import ForkedProcess
from tests.integration.conftest import running
from tests.integration.test_bulk_operations import add_chunks, add_messages
from tests.integration.test_replays import catalogue

_LETTERS = 1000
_RATE = 40 if LONG else 200
_STEPS = (
    "before publish to chunks.ready",  # only the first replay of the pharmacy gets its turn
    "after commit of bulk_operations.claim_due",
    "after bulk_operations.letters",
    "after replays.lock_unresolved",
    "after replays.insert_chunk_replay",
    "after replays.insert_chunk_replay_chunks",
    "after replays.resolve_letters",
    "after bulk_operations.count_replayed",
    "after turns.grant_turns_if_free",
    "after commit of turns.grant_turns_if_free",
    "after bulk_operations.resolve_message",
    "before commit of bulk_operations.complete_if_running",
    "after commit of bulk_operations.complete_if_running",
)


def _settings(database_url: str, folder: Path) -> Settings:
    return Settings(
        database_url=database_url, data_dir=folder, admin_api_key=ADMIN, chunk_size=1, read_rate_limit="off"
    )


def _run(settings: Settings, crash_at: str, record: Path) -> int:
    """Run a sweep process until it is killed at a point; return its exit code, 0 if it does not reach the point."""
    own = {"DATABASE_URL": settings.database_url, "DATA_DIR": str(settings.data_dir), "ADMIN_API_KEY": ADMIN}
    own |= {"WORKER_NAME": "sweep", "REPLAY_RATE": str(_RATE)}
    environment = os.environ | {f"INTEGRAHUB_{name}": value or "" for name, value in own.items()}
    environment |= {"CRASH_AT": crash_at, "CRASH_RECORD": str(record)}
    log = str(settings.data_dir / "log")
    with ForkedProcess(["tests.crash.process", "sweep"], environment, Path.cwd(), os.devnull, log, log) as process:
        try:
            while True:
                try:
                    return process.wait(1)
                except subprocess.TimeoutExpired:
                    if not _rows(settings, "SELECT FROM bulk_operations WHERE state = 'running'"):
                        return 0
        finally:
            process.kill()


def _rows(settings: Settings, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(str(settings.database_url), row_factory=dict_row) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type]


async def test_each_of_1000_letters_is_replayed_once_however_its_worker_is_killed(
    database_url: str, tmp_path: Path
) -> None:
    settings, record = _settings(database_url, tmp_path), tmp_path / "points"
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await add_chunks(client, catalogue(_LETTERS - 5))
        assert len(await add_messages(client, 5)) == _LETTERS
        started = await client.hub.bulk_replays().start("Ana", DeadLetterFilters(error="WorkerDied"))
        assert started.asked == _LETTERS - 5
        codes = {point: _run(settings, point, record) for point in _STEPS[:10]}
        other = await client.hub.bulk_replays().start("Ana", DeadLetterFilters(error="Unreadable"))
        assert other.asked == 5
        codes |= {point: _run(settings, point, record) for point in _STEPS[10:]}
        assert codes == dict.fromkeys(_STEPS, -signal.SIGKILL), dict(counted(str(record)))
        assert _run(settings, "", record) == 0
    (totals,) = _rows(settings, "SELECT sum(letters) AS letters, sum(replayed) AS replayed FROM bulk_operations")
    assert (totals["letters"], totals["replayed"]) == (_LETTERS, _LETTERS)
    (letters,) = _rows(
        settings,
        "SELECT count(*) AS all, count(settled_at) AS settled, count(replayed_by) AS chunks FROM dead_letters",
    )
    assert letters == {"all": _LETTERS, "settled": _LETTERS, "chunks": _LETTERS - 5}
    (chunks,) = _rows(
        settings,
        "SELECT count(*) AS all, count(DISTINCT c.ids) AS different, sum(c.records) AS records FROM batch_chunks c"
        " JOIN batches b ON b.id = c.batch_id AND b.kind = 'chunk_replay'",
    )
    assert chunks == {"all": _LETTERS - 5, "different": _LETTERS - 5, "records": _LETTERS - 5}
