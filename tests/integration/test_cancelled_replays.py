"""A cancelled replay returns its dead letters to the open ones; a replay that cannot succeed is refused."""

import gzip
import json
import random
import shutil
from typing import Any

import pytest

from integrahub.db.batches import replays
from integrahub.db.chunks import bulk_operations
from integrahub.db.chunks.bulk_operations import NewOperation
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_replays import _cancelled, _post, _settled, catalogue, killing, product, refused


async def _letters(client: Client) -> list[dict[str, Any]]:
    return list((await client.admin("GET", "/v1/dead-letters"))["items"])


async def test_letters_of_a_chunk_replay_that_is_cancelled_wait_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings, list(STEPS)) as client:
        key = client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch = await killing(client, monkeypatch, catalogue(120), "full")
    async with running(settings, []) as client:
        client.key = key
        (letter,) = await _letters(client)
        database, filters = client.hub.database, DeadLetterFilters(ids=[letter["id"]])
        started = await bulk_operations.start(database, NewOperation("", filters), filters, 1)
        assert started is not None
        limit = InFlightLimit(4, 4)
        await replays.queue_chunk_replay(database, batch["batch_id"], [letter["id"]], started[0], limit)
        (taken,) = await _letters(client)
        assert taken["settled_at"] and taken["replayed_by"]
        cancelled = await client.admin("POST", f"/v1/batches/{taken['replayed_by']}/cancel")
        assert cancelled["cancelled"] == 50
        (again,) = await _letters(client)
        assert (again["settled_at"], again["replayed_by"], again["replay_asked_at"]) == (None, None, None)
    async with running(settings, list(STEPS)) as client:
        client.key = key
        told = await _post(client, "/v1/dead-letters/replay", {"filter": {"batch_id": batch["batch_id"]}})
        assert (told["asked"], told["refused"]) == (1, [])
        assert (await _settled(client, letter["id"]))["inserted"] == 50
        assert len(await client.products()) == 120


async def test_a_batch_that_was_never_split_is_refused_once_a_later_delta_is_gone(client: Client) -> None:
    first = await _cancelled(client, catalogue(5), "delta")
    records = [product(number, DESCRIPTION=random.randbytes(1500).hex()) for number in range(1, 60)]
    text = gzip.compress(json.dumps(records).encode())
    later = await client.load(text, "delta", **{"Content-Encoding": "gzip"})
    objects = client.hub.settings.data_dir / "objects"
    for folder in ("chunks", "batches"):
        shutil.rmtree(objects / folder)
    told = await refused(client, f"/v1/batches/{first['batch_id']}/replay")
    assert (told["code"], told["batch_id"]) == ("replay_later_expired", later["batch_id"])
