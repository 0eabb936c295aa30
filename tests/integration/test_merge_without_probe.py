"""A chunk that is merged without a probe has the same result as with one, for every state of the table."""

from array import array
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from integrahub.db.products import merge as merging
from integrahub.db.products.bisect import write_all, write_bisecting
from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.db.products.dry_run import DryRun, rehearse_chunks
from integrahub.domain.batches import LoadType
from integrahub.domain.chunks.formats import ChunkObject
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY
from integrahub.domain.products import ChunkCounters
from tests.integration.conftest import SHARED, Client, new_pharmacy
from tests.integration.test_flow import product

pytestmark = [SHARED, pytest.mark.kernel]
_BATCH = uuid4()
_PRODUCTS = (
    "SELECT to_jsonb(p) - '{updated_at,created_at}'::text[] AS row FROM products p WHERE pharmacy_id = %s"
    " ORDER BY product_id"
)
_CHANGES = "SELECT to_jsonb(c) - 'at' AS row FROM product_changes c WHERE batch_id = %s ORDER BY product_id, kind"


@pytest_asyncio.fixture(loop_scope="module")
async def prepared(shared_client: Client) -> tuple[Client, int]:
    """Return a client and its pharmacy with the products 1 to 20, of which 19 and 20 are inactive."""
    if shared_client.hub.dialect.kernel is None:
        pytest.skip("only rows of the kernel are staged without a probe")
    client = await new_pharmacy(shared_client)
    await client.load([product(n, CNPJ="") for n in range(1, 21)])
    batch = await client.load([product(n, CNPJ="") for n in range(1, 19)])
    assert batch["deactivated"] == 2
    async with client.hub.database.transaction() as connection:
        found = await connection.execute("SELECT pharmacy_id FROM batches WHERE id = %s", [batch["batch_id"]])
        [row] = await found.fetchall()
    return client, row["pharmacy_id"]


def _chunk(
    client: Client, pharmacy_id: int, records: list[dict[str, Any]], *, is_probed: bool, load_type: str = "full"
) -> ChunkToApply:
    dialect = client.hub.dialect
    raw = [msgspec.json.encode(record) for record in records]
    ids, texts, hashes = dialect.identify_and_hash(raw, dialect.derive_seed(load_type, "America/Sao_Paulo"))
    return ChunkToApply(
        batch_id=_BATCH,
        number=0,
        pharmacy_id=pharmacy_id,
        seq=9,
        fills_catalogue=False,
        cnpj="",
        load_type=LoadType(load_type),
        time_zone="America/Sao_Paulo",
        has_products=True,
        ids=array("q", ids),
        hashes=hashes,
        records=ChunkObject(list(range(len(raw))), [1] * len(raw), texts, {}),
        may_use_kernel=True,
        is_probed=is_probed,
    )


async def _merge(
    client: Client, chunk: ChunkToApply, write_rows: Any = write_all
) -> tuple[ChunkCounters, list[Any], list[Any]]:
    """Return the counters of a chunk, the products and the recorded changes, and roll all of it back."""
    async with (
        client.hub.database.transaction() as connection,
        connection.transaction(force_rollback=True),
    ):
        rules = merging.MergeRules(client.hub.decoder)
        [counters] = await merging.merge_chunks(connection, [chunk], rules, write_rows)
        rows = []
        for statement, value in ((_PRODUCTS, chunk.pharmacy_id), (_CHANGES, chunk.batch_id)):
            found = await connection.execute(statement.encode(), [value])
            rows.append([row["row"] for row in await found.fetchall()])
    return counters, rows[0], rows[1]


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which each probe adds the number of its chunks."""
    counts: list[int] = []
    probe = merging._probe_records

    async def counted(connection: Any, chunks: Any) -> Any:
        counts.append(len(chunks))
        return await probe(connection, chunks)

    monkeypatch.setattr(merging, "_probe_records", counted)
    return counts


async def test_changed_unchanged_inactive_and_missing_products_come_out_as_with_a_probe(
    prepared: tuple[Client, int], probes: list[int]
) -> None:
    client, pharmacy_id = prepared
    changed = [product(n, CNPJ="", PRICE=99, INDICE=n) for n in range(1, 13)]
    unchanged = [product(n, CNPJ="") for n in (13, 14)] + [product(15, CNPJ="", INDICE=4)]
    inactive = [product(19, CNPJ=""), product(20, CNPJ="", PRICE=1)]
    missing = [product(n, CNPJ="", DESCRIPTION="ação") for n in (400, 401, 402)]
    records = [*missing, *changed, *unchanged, *inactive]
    results = [
        await _merge(client, _chunk(client, pharmacy_id, records, is_probed=is_probed)) for is_probed in (True, False)
    ]
    assert probes == [1]
    assert results[0] == results[1]
    assert results[1][0] == ChunkCounters(inserted=3, updated=14, unchanged=3, reactivated=2)
    kinds = {row["product_id"]: row["kind"] for row in results[1][2]}
    assert kinds == dict.fromkeys(range(1, 13), "updated") | {19: "reactivated", 20: "reactivated"} | dict.fromkeys(
        (400, 401, 402), "inserted"
    )


async def test_records_of_a_later_chunk_are_neither_staged_nor_counted(prepared: tuple[Client, int]) -> None:
    client, pharmacy_id = prepared
    chunk = _chunk(client, pharmacy_id, [product(n, CNPJ="", PRICE=7) for n in (1, 2, 3, 500, 501)], is_probed=False)
    for slot in (1, 4):
        chunk.ids[slot] *= -1
    counters, _, changes = await _merge(client, chunk)
    assert counters == ChunkCounters(inserted=1, updated=2)
    assert [row["product_id"] for row in changes] == [1, 3, 500]


async def test_a_chunk_that_the_kernel_does_not_read_or_that_is_bisected_is_probed(
    prepared: tuple[Client, int], probes: list[int]
) -> None:
    client, pharmacy_id = prepared
    odd = [product(n, CNPJ="", PRICE=7) for n in range(1, 6)] + [product(6, CNPJ="", FOO={"a": 1})]
    plain = [product(n, CNPJ="", PRICE=7) for n in range(1, 6)]
    for records, write_rows in ((odd, write_all), (plain, write_bisecting)):
        counters, *_ = await _merge(client, _chunk(client, pharmacy_id, records, is_probed=False), write_rows)
        assert counters == ChunkCounters(updated=len(records))
    assert probes == [1, 1]


async def test_a_dry_run_without_a_probe_records_what_it_would_change(prepared: tuple[Client, int]) -> None:
    client, pharmacy_id = prepared
    records = [product(n, CNPJ="", PRICE=7) for n in (1, 2, 600)]
    found = []
    for is_probed in (True, False):
        async with client.hub.database.transaction() as connection, connection.transaction(force_rollback=True):
            chunk = _chunk(client, pharmacy_id, records, is_probed=is_probed)
            dry_run = DryRun(_BATCH, pharmacy_id, chunk.seq)
            rules = merging.MergeRules(client.hub.decoder)
            counters = await rehearse_chunks(connection, dry_run, [chunk], rules)
            rows = await connection.execute(
                "SELECT to_jsonb(c) AS row FROM dry_run_changes c WHERE batch_id = %s ORDER BY product_id", [_BATCH]
            )
            found.append((counters, [row["row"] for row in await rows.fetchall()]))
    assert found[0] == found[1]
    assert [row["kind"] for row in found[1][1]] == ["updated", "updated", "inserted"]


async def test_a_full_that_changes_nearly_all_probes_its_first_chunks_alone(
    prepared: tuple[Client, int], probes: list[int]
) -> None:
    client, _ = prepared
    await client.load([product(n, CNPJ="") for n in range(1, 1501)])
    probes.clear()
    changed = [product(n, CNPJ="", PRICE=99) if n % 50 else product(n, CNPJ="") for n in range(1, 1501)]
    batch = await client.load([*changed[:700], product(9000, CNPJ=""), *changed[700:]])
    assert (batch["inserted"], batch["updated"], batch["unchanged"]) == (1, 1470, 30)
    most = UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION  # the transactions that begin before the first one ends
    assert 0 < sum(probes) <= most < batch["chunks_total"], probes
    assert (await client.products())[9000]["title"] == "P 9000"


async def test_a_product_that_another_pharmacy_has_is_missing(prepared: tuple[Client, int]) -> None:
    client, pharmacy_id = prepared
    await (await new_pharmacy(client)).load([product(n, CNPJ="") for n in range(700, 710)])
    records = [product(n, CNPJ="", PRICE=7) for n in (1, 2, 700)]
    counters, products, _ = await _merge(client, _chunk(client, pharmacy_id, records, is_probed=False))
    assert counters == ChunkCounters(inserted=1, updated=2)
    assert products[-1]["product_id"] == 700


async def test_rows_of_chunks_that_were_probed_are_not_sought(prepared: tuple[Client, int]) -> None:
    """The probe of the first chunk took its product for an existing one, and another session deleted it."""
    client, pharmacy_id = prepared
    first = _chunk(client, pharmacy_id, [product(1, CNPJ="", PRICE=7)], is_probed=True)
    second = _chunk(client, pharmacy_id, [product(n, CNPJ="", PRICE=7) for n in (2, 3, 800)], is_probed=False)
    async with client.hub.database.transaction() as connection, connection.transaction(force_rollback=True):
        merges = await merging._read_chunks(
            connection, [first, second], merging.MergeRules(client.hub.decoder), write_all
        )
        await connection.execute("DELETE FROM products WHERE pharmacy_id = %s AND product_id = 1", [pharmacy_id])
        await merging._merge(connection, LoadType.FULL, merges, merging.MergeRules(client.hub.decoder), write_all)
        assert [(merge.inserted, merge.new_ids) for merge in merges] == [(0, []), (1, [800])]


async def test_a_delta_is_always_probed(prepared: tuple[Client, int], probes: list[int]) -> None:
    client, pharmacy_id = prepared
    records = [{"PRODUCTID": n, "PRICE": 7} for n in (1, 2, 900)]
    chunk = _chunk(client, pharmacy_id, records, is_probed=False, load_type="delta")
    counters, *_ = await _merge(client, chunk)
    assert counters == ChunkCounters(updated=2, rejected=1)
    assert probes == [1]
