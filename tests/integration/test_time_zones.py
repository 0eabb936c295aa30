"""A batch is read in the time zone that its pharmacy has at the split."""

import asyncio
import json
from typing import Any

from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import product

_WIRE = [product(n, DATAATUALIZACAOESTOQUE="2026-03-01T10:20:30Z") for n in range(1, 4)]


async def _move(client: Client, zone: str) -> None:
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"time_zone": zone})


async def _times(client: Client) -> set[Any]:
    return {item["rawJson"]["DATAATUALIZACAOESTOQUE"][11:16] for item in (await client.products()).values()}


async def test_the_same_full_in_another_time_zone_is_read_again(client: Client) -> None:
    await client.load(_WIRE)
    assert await _times(client) == {"07:20"}
    await _move(client, "America/Manaus")
    batch = await client.load(json.dumps(_WIRE).encode() + b" ")
    assert (batch["updated"], await _times(client)) == (3, {"06:20"})


async def test_a_zone_that_changes_between_split_and_upsert_leaves_no_wrong_time(settings: Settings) -> None:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = (await client.post(_WIRE)).json()["batch_id"]
        async with running(settings, ["split"]):
            await _split(client, posted)
        await _move(client, "America/Manaus")
        async with running(settings, list(STEPS)):
            await client.finished(posted)
            assert await _times(client) == {"07:20"}
            await _move(client, "America/Sao_Paulo")
            again = await client.load(json.dumps(_WIRE).encode() + b" ")
            assert (again["unchanged"], await _times(client)) == (3, {"07:20"})


async def _split(client: Client, batch_id: str) -> None:
    async with asyncio.timeout(30):
        while (await client.get(f"/v1/batches/{batch_id}"))["stage"] in ("received", "splitting"):
            await asyncio.sleep(0.02)
