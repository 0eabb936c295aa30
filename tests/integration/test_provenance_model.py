"""Whatever the concurrency, a product's batches, outcomes, records and origins are those of the sequential model."""

import asyncio
import itertools
import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from integrahub.db.console import provenance
from integrahub.db.console.provenance import SearchLimits
from integrahub.reports.provenance import Outcome, find_provenance, read_story
from integrahub.reports.raw_records import WhyUnread, read_raw_records
from tests.crash.client import cnpj_of
from tests.integration.conftest import Client
from tests.integration.test_sequential import _post, busy, rows_of, schedule
from tests.reference_model.compare import Comparison
from tests.reference_model.loads import Load
from tests.reference_model.records import identity
from tests.reference_model.wire import body_of

__all__ = ["busy"]
_ROOTS = itertools.count(500_001)
_IDS = range(1, 16)  # those of `schedule`, and one that no record has
_WHOLE = ("title_missing", "record_refused")
_OUTCOMES = {"inserted": Outcome.INSERTED, "updated": Outcome.UPDATED, "reactivated": Outcome.REACTIVATED}


@given(schedule)
@settings(
    max_examples=400 if os.environ.get("IHUB_LONG") else 8,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_provenance_equals_the_sequential_model(busy: Client, schedule: list[list[Any]]) -> None:
    for loads in schedule:
        await _check_pharmacy(busy, loads)


async def _check_pharmacy(client: Client, loads: list[Load]) -> None:
    cnpj = cnpj_of(next(_ROOTS))
    key = (await client.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    answers = await asyncio.gather(*(_post(client, key, wanted) for wanted in loads))
    known = Comparison(rows_of(client), cnpj, client.hub.settings.data_dir / "objects")
    known.sent = {answer["batch_id"]: wanted for answer, wanted in zip(answers, loads, strict=True)}
    for batch_id in known.sent:
        await client.finished(batch_id, key)
    await asyncio.to_thread(known.check)
    (row,) = rows_of(client)("SELECT id FROM pharmacies WHERE cnpj = %s", [cnpj])
    changes = known._changes._expected
    for product_id in _IDS:
        await _check_batches(client, row["id"], product_id, known, changes)
        await _check_origins(client, row["id"], product_id, changes)


async def _check_batches(client: Client, pharmacy_id: int, product_id: int, known: Comparison, changes: Any) -> None:
    found = await find_provenance(client.hub.reads, pharmacy_id, product_id, None, SearchLimits())
    expected = {}
    for load in {id(load): load for load in known.sent.values() if not load.is_dry}.values():
        positions = [place for place, record in enumerate(load.records) if identity(record) == product_id]
        if positions:
            expected[load.origin] = (len(positions), positions[-1], _outcome(load, product_id, positions, changes))
    shown = {
        each.sighting.received_seq: (each.sighting.records, each.sighting.position, each.outcome)
        for each in found.appearances
    }
    assert shown == expected, product_id
    assert found.brought == len(expected)
    rejected = {seq for seq, (_, _, outcome) in expected.items() if outcome is Outcome.REJECTED}
    assert rejected <= {refusal.received_seq for refusal in found.refusals}
    for each in found.appearances:
        load = known.sent[str(each.sighting.batch_id)]
        await _check_records(client, pharmacy_id, product_id, each.sighting.batch_id, load)


def _outcome(load: Load, product_id: int, positions: list[int], changes: Any) -> Outcome:
    faults = [
        (place, code) for place, severity, _, code in load.faults if severity == "rejected" and place in positions
    ]
    if len(faults) == len(positions) or any(code in _WHOLE for _, code in faults):
        return Outcome.REJECTED
    kind = changes.get((load.origin, product_id), ("",))[0]
    if (load.origin, 0) in changes:
        return Outcome.INSERTED
    return _OUTCOMES.get(kind, Outcome.UNCHANGED)


async def _check_records(client: Client, pharmacy_id: int, product_id: int, batch_id: Any, load: Load) -> None:
    body, headers = body_of(load.records, load.form.replace("gzip", "").replace("zstd", "").strip())
    assert not headers.get("Content-Encoding")
    places = await provenance.find_records(client.hub.reads, pharmacy_id, product_id, batch_id)
    read = [await read_raw_records(client.hub.storage, place) for place in places]
    records = [record for part in read if not isinstance(part, WhyUnread) for record in part]
    assert [record.position for record in records] == [
        place for place, sent in enumerate(load.records) if identity(sent) == product_id
    ]
    for record in records:
        assert body[record.byte_offset :].startswith(record.content), (load.form, record)


async def _check_origins(client: Client, pharmacy_id: int, product_id: int, changes: Any) -> None:
    story = await read_story(client.hub.reads, pharmacy_id, product_id)
    own = sorted((seq, kind, fields) for (seq, number), (kind, _, fields) in changes.items() if number == product_id)
    first = [seq for seq, kind, _ in own if kind == "inserted"] or [seq for seq, number in changes if number == 0]
    if story is None:
        assert not own
        return
    for name in ("title", "brand", "ean", "price", "stock", "price_promos", "extra"):
        newest = [seq for seq, kind, fields in own if kind != "inserted" and name in (fields or {})]
        assert story.origins[name].change.seq == max([*newest, *first]), (product_id, name)
