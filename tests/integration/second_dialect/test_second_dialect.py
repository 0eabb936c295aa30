"""A second ERP needs one folder: its catalogues equal the reference model's, and clients read them in its own keys."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from integrahub.api.app import build_openapi, create_app
from integrahub.domain.dialects.inovafarma.keys import KNOWN
from integrahub.hub.bootstrap import compose_hub
from integrahub.settings.model import Settings
from tests.crash.client import cnpj_of
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.second_dialect.dialect import Balcao
from tests.integration.second_dialect.records import BalcaoRecords, load
from tests.integration.test_sequential import rows_of
from tests.reference_model.compare import Comparison
from tests.reference_model.loads import Load
from tests.reference_model.wire import body_of, form

_PHARMACIES, _LOADS = (100, 12) if os.environ.get("IHUB_LONG") else (4, 8)
_STEPS = ["split", "split", "upsert", "upsert", "finish", "sweep"]


@pytest.fixture
async def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Yield a hub for the second dialect with chunks of 8 records, read in parts of 5 records or 400 bytes."""
    monkeypatch.setattr("integrahub.domain.chunks.formats._MAX_ARRAY_RECORDS", 5)
    monkeypatch.setattr("integrahub.domain.chunks.formats._MAX_ARRAY_BYTES", 400)
    small = settings.model_copy(update={"chunk_size": 8, "rate_limit": "off"})
    async with running(small, _STEPS, dialect=Balcao()) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def test_random_loads_posted_at_once_equal_the_reference_model(client: Client) -> None:
    seed = int(os.environ.get("IHUB_SEED") or random.randrange(1 << 32))
    loads = await asyncio.gather(*(_pharmacy(client, number, seed) for number in range(1, _PHARMACIES + 1)))
    for name in ("inserted", "updated", "unchanged", "merged", "rejected"):
        assert sum(load.counters[name] for each in loads for load in each), name


async def _pharmacy(client: Client, number: int, seed: int) -> list[Load]:
    """Post all loads of one pharmacy, replay one of them, and compare its catalogue with the model and its bodies."""
    draw, cnpj = random.Random(f"{seed}/{number}"), cnpj_of(number)
    key = (await client.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    compared = Comparison(rows_of(client), cnpj, client.hub.settings.data_dir / "objects")
    for _ in range(_LOADS):
        one = Load(*load(draw, 40), form=form(draw), dialect=BalcaoRecords())
        body, headers = body_of(one.records, one.form)
        answer = await client.post(body, one.kind, **headers | {"X-Api-Key": key})
        assert answer.status_code == 202, answer.text
        compared.sent[answer.json()["batch_id"]] = one
    for batch_id in compared.sent:
        await client.finished(batch_id, key)
    await asyncio.to_thread(compared.check, f"IHUB_SEED={seed}, pharmacy {number}")
    replayed = draw.choice(list(compared.sent))
    path = f"/v1/batches/{replayed}/replay"
    again = await client.http.post(path, headers={"X-Admin-Api-Key": ADMIN})
    assert again.status_code == 202, again.text
    await client.finished(again.json()["batch_id"], key)
    await asyncio.to_thread(compared.check, f"IHUB_SEED={seed}, pharmacy {number}, replayed")
    verified = await client.hub.verify()(cnpj, lambda done, total: None)
    assert (verified.found, verified.differences) == (0, [])
    return compared.model.loads


async def test_a_full_and_a_delta_are_read_and_shown_in_the_erps_own_keys(client: Client) -> None:
    full = [{"loja": CNPJ, "id": n, "nome": f"N{n}", "preco": f"{n}.50", "ofertas": ["0.90", "0.80"]} for n in (1, 2)]
    assert (await client.load(full))["inserted"] == 2
    delta = [{"id": 1, "ofertas": ["0.70"]}, {"id": 3, "preco": "1"}, {"id": 2, "preco": "1,50"}, {"id": "x"}]
    batch = await client.load(delta, "delta")
    assert (batch["updated"], batch["rejected"]) == (1, 3)
    products = await client.products()
    assert {n: item["pricePromos"] for n, item in products.items()} == {1: [0.7], 2: [0.8, 0.9]}
    own = {"loja": CNPJ, "id": 1, "nome": "N1", "marca": "", "preco": "1.5000", "ofertas": ["0.7000"]}
    assert products[1]["rawJson"] == own
    issues = (await client.get(f"/v1/batches/{batch['batch_id']}/errors"))["items"]
    assert {(issue["position"], issue["field"], issue["code"]) for issue in issues} == {
        (1, "nome", "title_missing"),
        (2, "preco", "price_invalid"),
        (3, "id", "product_id_invalid"),
    }
    schema: Any = (await client.http.get("/schemas/balcao-product.json")).json()
    assert schema["required"] == ["id"]


def test_the_description_of_the_api_names_the_keys_of_the_dialect() -> None:
    hub = replace(compose_hub(Settings()), dialect=Balcao())
    document = msgspec.json.encode(build_openapi(create_app(hub, hub.ingest())))
    assert b'"preco"' in document
    assert not {key for key in KNOWN - {"CNPJ", "EAN", "NCM"} if f'"{key}"'.encode() in document}
