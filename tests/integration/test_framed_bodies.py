"""Bodies as frames in a bucket: chunks are slices of them, older processes can go on, damage is named."""

import asyncio
import gzip
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import zstandard

from integrahub.console.pages.batches_files import _stream
from integrahub.db.console import provenance
from integrahub.db.database import Database
from integrahub.db.monitoring import statistics, workers
from integrahub.domain.errors import Gone
from integrahub.domain.parsing.seekable_zstd import read_table
from integrahub.domain.steps import STEPS
from integrahub.pipeline.split import frame_readers
from integrahub.reports.raw_records import WhyUnread, read_raw_records
from integrahub.reports.stored_records import read_excerpt, read_record
from integrahub.settings.model import Settings
from integrahub.storage.bodies import StoredBody
from integrahub.storage.framed import slice_location
from integrahub.storage.s3.config import S3Config
from integrahub.storage.s3.objects import S3Storage
from tests.integration.conftest import ADMIN, CNPJ, Client, running

_NOISE = random.Random(11)
_RECORDS = [
    {"PRODUCTID": n, "TITLE": f"LIMÃO {n}", "DESCRIPTION": f"{_NOISE.getrandbits(2000):x}", "PRICE": 1}
    for n in range(1, 401)
]
_ENCODE = {"": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}
_CASES = [
    *(("", "utf-8", False), ("gzip", "utf-8", True), ("zstd", "utf-8", False)),
    *(("", "windows-1252", True), ("gzip", "windows-1252", False)),
]


def _write(records: list[dict[str, Any]], *, ndjson: bool = False) -> str:
    texts = [json.dumps(record, ensure_ascii=False) for record in records]
    return "\n".join(texts) if ndjson else f"[{', '.join(texts)}]"


def _in_bucket(settings: Settings, bucket: S3Config, **more: Any) -> Settings:
    url = f"s3://{bucket.bucket}?endpoint={bucket.endpoint}"
    keys = {"storage_access_key": bucket.access_key, "storage_secret_key": bucket.secret_key}
    return settings.model_copy(update=keys | {"storage_url": url, "max_chunk_retries": 1} | more)


@asynccontextmanager
async def _hub(settings: Settings, without: str = "", key: str = "") -> AsyncIterator[Client]:
    async with running(settings, [step for step in STEPS if step != without]) as client:
        client.key = key or (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _rows(client: Client, statement: str, *params: object) -> list[tuple[Any, ...]]:
    async with client.hub.database.transaction() as connection:
        found = await connection.execute(statement, params)  # type: ignore[arg-type]
        return [tuple(row.values()) for row in await found.fetchall()]


async def _locations(client: Client, batch: dict[str, Any]) -> tuple[str, str, set[str]]:
    """Return location and encoding of a body, and the first parts of the locations of its chunks."""
    ((location, encoding),) = await _rows(
        client, "SELECT location, encoding FROM batches WHERE id = %s", batch["batch_id"]
    )
    chunks = await _rows(
        client, "SELECT DISTINCT split_part(location, '/', 1) FROM batch_chunks WHERE batch_id = %s", batch["batch_id"]
    )
    return location, encoding, {place for (place,) in chunks}


async def test_chunks_are_slices_of_a_framed_body_whatever_the_client_sent(
    settings: Settings, bucket: S3Config
) -> None:
    async with _hub(_in_bucket(settings, bucket)) as client:
        for price, (encoding, charset, ndjson) in enumerate(_CASES, 2):
            records = [record | {"PRICE": price} for record in _RECORDS]
            records[333] = records[333] | {"PRODUCTID": 334, "PRICE": "much"}
            text = _write(records, ndjson=ndjson)
            kind = "application/x-ndjson" if ndjson else "application/json"
            headers = {"Content-Type": f"{kind}; charset={charset}", "Content-Encoding": encoding}
            batch = await client.load(_ENCODE[encoding](text.encode(charset)), "delta", **headers)
            location, stored_as, places = await _locations(client, batch)
            assert (batch["status"], batch["bytes"], batch["items_failed"]) == (
                *("PARTIAL_FAIL", len(text.encode())),
                1,
            ), batch
            assert (stored_as, places) == ("zstd", {"batches"}) and location.endswith(".zst")
            chunks = await _rows(client, "SELECT location FROM batch_chunks WHERE batch_id = %s", batch["batch_id"])
            assert {place for (place,) in chunks} == {slice_location(location)}
            whole = b"".join([block async for block in client.hub.storage.get(location)])
            assert whole == text.encode()
            stored = b"".join([block async for block in S3Storage(bucket).get(location)])
            assert len(stored) < len(whole) * 0.7 and read_table(stored).text[-1] == len(whole)
            size = "SELECT stored_bytes FROM batches WHERE id = %s"
            assert await _rows(client, size, batch["batch_id"]) == [(len(stored),)]
            report = await client.get(f"/v1/batches/{batch['batch_id']}/errors")
            at = next(issue["byte_offset"] for issue in report["items"] if issue["position"] == 333)
            assert json.loads(text.encode()[at:].split(b"}", 1)[0] + b"}") == records[333]
            rejected = await client.http.get(
                f"/v1/batches/{batch['batch_id']}/rejected", headers={"X-Api-Key": client.key}
            )
            assert rejected.json() == [records[333]]
        products = await client.products()
        assert (len(products), products[400]["price"], products[400]["title"]) == (399, price, "LIMÃO 400")
        verdict = msgspec.to_builtins(await client.hub.verify()(CNPJ, lambda done, total: None))
        assert (verdict["found"], verdict["batches"]) == (0, len(_CASES))


async def test_the_record_of_a_settled_chunk_is_read_from_its_frames(settings: Settings, bucket: S3Config) -> None:
    async with _hub(_in_bucket(settings, bucket)) as client:
        await client.load(gzip.compress(_write(_RECORDS).encode()), **{"Content-Encoding": "gzip"})
        batch = await client.load(_write(_RECORDS[::-1]).encode())
        assert batch["unchanged"] == 400
        location, _, _ = await _locations(client, batch)
        chunks = await _rows(client, "SELECT location FROM batch_chunks WHERE batch_id = %s", batch["batch_id"])
        assert {place for (place,) in chunks} == {slice_location(location)}
        (place,) = await provenance.find_records(client.hub.reads, 1, 77, UUID(batch["batch_id"]))
        found = await read_raw_records(client.hub.storage, place)
        assert not isinstance(found, WhyUnread) and json.loads(found[0].content) == _RECORDS[76]


async def test_a_replay_takes_no_room_in_the_bucket(settings: Settings, bucket: S3Config) -> None:
    async with _hub(_in_bucket(settings, bucket)) as client:
        batch = await client.load(_write(_RECORDS).encode())
        size = await statistics.stored_bytes(client.hub.database)
        answer = await client.http.post(f"/v1/batches/{batch['batch_id']}/replay", headers={"X-Admin-Api-Key": ADMIN})
        await client.finished(answer.json()["batch_id"])
        assert 0 < await statistics.stored_bytes(client.hub.database) == size < batch["bytes"]
        rows = await _rows(client, "SELECT stored_bytes::float8 FROM batches WHERE location IS NOT NULL")
        assert rows == [(size,), (size,)]


async def test_while_an_older_process_may_come_back_chunks_are_objects(
    settings: Settings, bucket: S3Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_readers, "_TTL_SECONDS", -1.0)
    older = "INSERT INTO workers (name, id, steps, pid, left_at) VALUES ('old', uuidv7(), '{upsert}', 2, now())"
    migrated = "UPDATE schema_migrations SET applied_at = now() - interval '%s minutes' WHERE name LIKE '%s%%'"
    async with _hub(_in_bucket(settings, bucket)) as client:
        readers = frame_readers.FrameReaders(client.hub.database)
        assert await readers.are_all_current()
        async with client.hub.database.transaction() as connection:
            await connection.execute(migrated % (600, "0001"))
        assert not await readers.are_all_current()
        async with client.hub.database.transaction() as connection:
            await connection.execute(migrated % (61, "0014"))
        assert await readers.are_all_current()
        async with client.hub.database.transaction() as connection:
            await connection.execute(older)
        body = _write(_RECORDS).encode()
        first = await client.load(body)
        assert (first["inserted"], (await _locations(client, first))[1:]) == (400, ("zstd", {"chunks"}))
        async with client.hub.database.transaction() as connection:
            await connection.execute("UPDATE workers SET seen_at = now() - interval '61 minutes' WHERE name = 'old'")
        second = await client.load(body.replace(b'"PRICE": 1', b'"PRICE": 2'))
        assert (second["updated"], (await _locations(client, second))[1:]) == (400, ("zstd", {"batches"}))


async def test_a_process_of_0_2_that_was_replaced_under_its_name_is_remembered(database: Database) -> None:
    older = (
        "INSERT INTO workers (name, id, steps, pid, seen_at)"
        " VALUES ('upsert', uuidv7(), '{upsert}', 2, now() - interval '%s')"
    )
    for silent, expected in (("61 minutes", False), ("59 minutes", True), ("61 minutes", True)):
        async with database.transaction() as connection:
            await connection.execute("DELETE FROM workers WHERE name = 'upsert'")
            await connection.execute(older % silent)
        for _ in range(2):  # the second one replaces a process of this version
            await workers.register(database, "upsert", uuid4(), ["upsert"], 3)
        assert await workers.is_upgrade_recent(database) is expected
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM workers WHERE name = 'before 0.3'")
    await workers.register(database, "upsert", uuid4(), ["upsert"], 3)
    assert not await workers.is_upgrade_recent(database)


async def test_bodies_stored_without_frames_are_read_as_before(settings: Settings, bucket: S3Config) -> None:
    body = _write(_RECORDS).encode()
    async with _hub(_in_bucket(settings, bucket, storage_frames="off")) as client:
        plain = await client.load(body)
        packed = await client.load(zstandard.compress(body) + zstandard.compress(b" "), **{"Content-Encoding": "zstd"})
        assert [await _locations(client, each) for each in (plain, packed)] == [
            (f"batches/{plain['batch_id'][-1]}/{plain['batch_id']}", "", {"batches"}),
            (f"batches/{packed['batch_id'][-1]}/{packed['batch_id']}", "zstd", {""}),
        ]
    async with _hub(_in_bucket(settings, bucket), key=client.key) as client:
        headers = {"X-Admin-Api-Key": ADMIN}
        for batch in (plain, packed):
            answer = await client.http.post(f"/v1/batches/{batch['batch_id']}/replay", headers=headers)
            assert answer.status_code == 202, answer.text
            assert (await client.finished(answer.json()["batch_id"]))["status"] == "COMPLETED"


async def test_a_damaged_body_fails_its_batch_and_a_damaged_frame_its_chunks(
    settings: Settings, bucket: S3Config
) -> None:
    settings, body = _in_bucket(settings, bucket), _write(_RECORDS).encode()
    for step, expected in (("split", ("FAILED", 0)), ("upsert", ("PARTIAL_FAIL", 150))):
        async with _hub(settings, without=step) as client:
            batch = (await client.post(body.replace(b'"PRICE": 1', f'"PRICE": {len(step)}'.encode()))).json()
            while step == "upsert" and not await _rows(client, "SELECT FROM batch_chunks WHERE worker_id IS NULL"):
                await asyncio.sleep(0.02)
            ((location,),) = await _rows(client, "SELECT location FROM batches WHERE id = %s", batch["batch_id"])
        await _damage(S3Storage(bucket), location)
        async with _hub(settings, key=client.key) as client:
            ended = await client.finished(batch["batch_id"])
            assert ended["status"] == expected[0], ended
            if step == "split":
                assert ended["error"]["code"] == "body_damaged" and "Post the catalogue again" in str(ended["error"])
            else:
                errors = await _rows(client, "SELECT DISTINCT last_error FROM batch_chunks WHERE status = 'FAILED'")
                assert "is damaged: frame 0 cannot be decoded" in errors[0][0] and 0 < ended["inserted"] < 400


async def test_a_damaged_record_is_refused_by_name_and_not_shown(settings: Settings, bucket: S3Config) -> None:
    async with _hub(_in_bucket(settings, bucket)) as client:
        records = [record | {"PRICE": "much" if record["PRODUCTID"] == 3 else 5} for record in _RECORDS]
        batch = await client.load(_write(records).encode())
        location, _, _ = await _locations(client, batch)
        await _damage(S3Storage(bucket), location)
        storage, batch_id = client.hub.storage, UUID(batch["batch_id"])
        refused = await client.http.get(f"/v1/batches/{batch_id}/rejected", headers={"X-Api-Key": client.key})
        assert (refused.status_code, refused.json()["code"]) == (410, "records_damaged")
        (place,) = await provenance.find_records(client.hub.reads, 1, 5, batch_id)
        assert await read_raw_records(storage, place) is WhyUnread.DAMAGED
        assert await read_record(storage, place, 4) is None
        assert await read_excerpt(storage, StoredBody(location, None, "application/json", "zstd"), 100) is None
        blocks = storage.get(location)
        with pytest.raises(Gone, match="damaged"):
            await _stream(blocks, "body.json", Gone("records_expired"))


async def _damage(storage: S3Storage, location: str) -> None:
    stored = bytearray(b"".join([block async for block in storage.get(location)]))
    stored[1000] ^= 0xFF

    async def blocks() -> AsyncIterator[bytes]:
        yield bytes(stored)

    await storage.put(location, blocks())
