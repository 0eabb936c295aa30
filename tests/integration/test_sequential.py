"""Whatever the concurrency, each catalogue equals its batches applied one at a time in order."""

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from integrahub.settings.model import Settings
from tests.crash.client import cnpj_of
from tests.integration.conftest import ADMIN, Client, running
from tests.integration.test_replays import replay
from tests.reference_model.compare import Comparison
from tests.reference_model.loads import Load
from tests.reference_model.sequential import Pharmacy
from tests.reference_model.wire import FORMS, body_of

_HUGE = ["@1e99999999999999999999@", "@-1e-99999999999999999999@"]
_ROOTS = itertools.count(1)

record = st.fixed_dictionaries(
    {"PRODUCTID": st.integers(1, 14)},
    optional={
        "TITLE": st.sampled_from(["A", "B", " C ", "", None]),
        "PRICE": st.sampled_from([1, "2.000", 2.5, "3,50", "1.234,56", None, "", *_HUGE]),
        "PRICEPROMO": st.sampled_from([0, 9.9, "8,50", None, *_HUGE[1:]]),
        "QUANTITY": st.sampled_from([0, "4,5", -2, 1.0005, "?", *_HUGE]),
        "BRAND": st.sampled_from(["", "X", None]),
        "EAN": st.sampled_from(["789", "", "@7.89600470339E12@", *_HUGE]),
        "INDICE": st.integers(1, 3),
        "DATAATUALIZACAOPRODUTO": st.sampled_from(["2026-01-02T03:04:05", "bad", ""]),
        "CNPJ": st.just(""),
        "FOO": st.sampled_from([1, "a", [1, {"b": None}], {"b": [*_HUGE]}]),
    },
)
titled = record.map(lambda wire: {"TITLE": "T"} | {k: v for k, v in wire.items() if k != "TITLE" or v})
broken = st.one_of(
    record.map(lambda wire: wire | {"PRICE": "x"}),
    record.map(lambda wire: wire | {"PRICE": -1}),
    record.map(lambda wire: wire | {"PRODUCTID": "abc"}),
    record.map(lambda wire: wire | {"PRODUCTID": ""}),
    record.map(lambda wire: wire | {"CNPJ": "33000167000101"}),
    st.just(7),
    record.map(
        lambda wire: {name: value for name, value in wire.items() if name != "PRODUCTID"} | {"PRODUCTID": _HUGE[0]}
    ),
)
others = st.lists(st.one_of(titled, titled, titled, record, broken), max_size=30)
records = st.builds(lambda first, rest: [first, *rest], titled, others)  # another's CNPJ in the first record is a 403
load = st.builds(
    lambda kind, wire, form, is_dry: Load(kind, wire, form=form, is_dry=is_dry),
    st.sampled_from(["full", "delta"]),
    records,
    st.sampled_from(FORMS),
    st.sampled_from([False, False, True]),
)
schedule = st.lists(st.lists(load, min_size=1, max_size=5), min_size=1, max_size=3)


@pytest.fixture
async def busy(database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Yield a hub with 2 split and 3 upsert workers, chunks of 4 records, and parts of 3 records or 150 bytes."""
    monkeypatch.setattr("integrahub.pipeline.split.fast_path.MIN_FULLS_PER_TRANSACTION", 1)
    monkeypatch.setattr("integrahub.domain.chunks.formats._MAX_ARRAY_RECORDS", 3)
    monkeypatch.setattr("integrahub.domain.chunks.formats._MAX_ARRAY_BYTES", 150)
    hub = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, chunk_size=4, rate_limit="off")
    async with running(hub, ["split", "split", "upsert", "upsert", "upsert", "finish", "sweep"]) as client:
        yield client


@given(schedule)
@settings(
    max_examples=2000 if os.environ.get("IHUB_LONG") else 15,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example takes seconds: shrinking would take an hour
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_concurrent_batches_equal_the_sequential_model(busy: Client, schedule: list[list[Any]]) -> None:
    await asyncio.gather(*(_pharmacy(busy, loads) for loads in schedule))


async def test_two_fulls_and_five_deltas_posted_at_once_equal_the_model_in_order_of_receipt(busy: Client) -> None:
    for round_ in range(100 if os.environ.get("IHUB_LONG") else 2):
        draw = random.Random(round_)
        loads = [
            Load("full", [{"PRODUCTID": n, "TITLE": f"F{i}"} for n in draw.sample(range(1, 30), 20)]) for i in (1, 2)
        ]
        for price in range(1, 6):
            ids = draw.sample(range(1, 30), 8)
            loads.append(Load("delta", [{"PRODUCTID": n, "TITLE": "D", "PRICE": price * 10 + n} for n in ids]))
        draw.shuffle(loads)
        await _pharmacy(busy, loads)


async def test_usual_records_that_repeat_in_another_part_of_their_chunk_equal_the_model(busy: Client) -> None:
    for round_ in range(100 if os.environ.get("IHUB_LONG") else 2):
        draw = random.Random(round_)
        loads = []
        for price in range(1, 7):
            wire = [{"PRODUCTID": n, "TITLE": "T", "PRICE": price * 100 + n} for n in draw.sample(range(1, 30), 9)]
            for repeated in draw.sample(wire[:], 3):
                place = draw.randint(0, len(wire))
                wire.insert(place, {"PRODUCTID": repeated["PRODUCTID"], "TITLE": "U", "QUANTITY": place})
            loads.append(Load(draw.choice(["full", "delta"]), wire, form=draw.choice(FORMS)))
        await _pharmacy(busy, loads)


async def test_a_replayed_full_equals_the_model_where_a_later_delta_gave_the_title_it_lacks(busy: Client) -> None:
    cnpj = cnpj_of(next(_ROOTS))
    key = (await busy.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    known = Comparison(rows_of(busy), cnpj, busy.hub.settings.data_dir / "objects")
    untitled = Load("full", [{"PRODUCTID": 1, "TITLE": "T"}, {"PRODUCTID": 2, "PRICE": " "}])
    for wanted in (untitled, Load("delta", [{"PRODUCTID": 2, "TITLE": "D", "PRICE": 3}])):
        known.sent[(await _post(busy, key, wanted))["batch_id"]] = wanted
        await busy.finished(list(known.sent)[-1], key)
    await replay(busy, {"batch_id": next(iter(known.sent))}, key)
    await asyncio.to_thread(known.check)


async def _pharmacy(client: Client, loads: list[Load]) -> None:
    cnpj = cnpj_of(next(_ROOTS))
    key = (await client.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    answers = await asyncio.gather(*(_post(client, key, wanted) for wanted in loads))
    known = Comparison(rows_of(client), cnpj, client.hub.settings.data_dir / "objects")
    known.sent = {answer["batch_id"]: wanted for answer, wanted in zip(answers, loads, strict=True)}
    for batch_id in known.sent:
        await client.finished(batch_id, key)
    await asyncio.to_thread(known.check)


def rows_of(client: Client) -> Any:
    def rows(statement: str, values: Any = None) -> list[dict[str, Any]]:
        with psycopg.connect(client.hub.database.url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    return rows


async def _post(client: Client, key: str, load: Load) -> dict[str, Any]:
    body, headers = body_of(load.records, load.form)
    answer = await client.post(body, load.kind, **headers | load.headers | {"X-Api-Key": key})
    assert answer.status_code == 202, answer.text
    posted: dict[str, Any] = answer.json()
    return posted


def test_the_model_rounds_and_reads_as_the_contract_says() -> None:
    pharmacy = Pharmacy("0" * 14)
    pharmacy.apply(Load("full", [{"PRODUCTID": 1, "TITLE": "a", "PRICE": "1.234,56", "QUANTITY": 1.0005}]), 1)
    assert pharmacy.products[1][0]["price"] == Decimal("1234.56")
    assert pharmacy.products[1][0]["stock"] == Decimal("1.001")
