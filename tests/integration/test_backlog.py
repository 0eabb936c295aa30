"""Admission control: over its bound the hub refuses posts with Retry-After, then recovers by itself."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, PATH, Client, running
from tests.integration.test_flow import catalogue

_OTHER = "33000167000101"


async def _backlog(client: Client) -> dict[str, int]:
    text = (await client.http.get("/metrics")).text
    found = re.findall(r'^integrahub_backlog_records\{step="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {step: int(float(records)) for step, records in found}


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers, with bounds of 1000 records per pharmacy and 1500 in all."""
    bounds = {"max_backlog_per_pharmacy": 1000, "max_backlog": 1500}
    async with running(settings.model_copy(update=bounds), []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def test_over_its_own_bound_a_pharmacy_is_refused_over_that_of_all_everybody_is(idle: Client) -> None:
    other = (await idle.admin("POST", f"/admin/pharmacies/{_OTHER}/api-key"))["api_key"]
    body = b'[{"PRODUCTID":1,"TITLE":"t"}' + b" " * 500_000 + b"]"
    assert (await idle.post(body, "delta")).status_code == 202
    refused = await idle.post(catalogue(2), "delta", **{"Accept-Language": "pt-BR"})
    assert (refused.status_code, refused.json()["code"]) == (503, "backlog_long")
    assert int(refused.headers["Retry-After"]) >= 1
    assert "registros ainda esperam" in refused.json()["message"]
    assert (await idle.post(body, "delta", **{"X-Api-Key": other})).status_code == 202
    for key in (idle.key, other):
        assert (await idle.post(body + b" ", "delta", **{"X-Api-Key": key})).status_code == 503
    assert (await _backlog(idle))["split"] == 2 * (len(body) // 500)
    assert len((await idle.get("/v1/batches"))["items"]) == 1


async def test_a_body_of_any_size_is_taken_while_nothing_waits(idle: Client) -> None:
    body = b'[{"PRODUCTID":1,"TITLE":"t"}' + b" " * 5_000_000 + b"]"
    assert (await idle.post(body, "delta")).status_code == 202


async def test_when_the_backlog_has_drained_posts_are_taken_again_and_all_accepted_is_applied(
    settings: Settings,
) -> None:
    settings = settings.model_copy(update={"max_backlog_per_pharmacy": 1000})
    async with running(settings, ["split"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        first = (await client.post(catalogue(1500))).json()["batch_id"]
        async with asyncio.timeout(60):
            while await _backlog(client) != {"split": 0, "upsert": 1500}:
                await asyncio.sleep(0.05)
            while (await client.post(catalogue(2), "delta")).status_code != 503:
                await asyncio.sleep(0.2)
    async with running(settings, ["upsert", "finish", "sweep"]) as again:
        again.key = client.key
        async with asyncio.timeout(60):
            while (answer := await again.post(catalogue(3), "delta")).status_code != 202:
                assert (answer.status_code, answer.json()["code"]) == (503, "backlog_long")
                await asyncio.sleep(0.2)
            assert (await again.finished(first))["inserted"] == 1500


async def test_the_backlog_is_not_counted_by_each_post(settings: Settings) -> None:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        statements: list[str] = []
        async with client.hub.database.transaction() as connection:
            kind = type(connection)
        plain = kind.execute

        async def told(self: object, query: object, *more: object, **rest: object) -> object:
            statements.append(str(query))
            return await plain(self, query, *more, **rest)  # type: ignore[arg-type]

        kind.execute = told  # type: ignore[assignment, method-assign]
        try:
            body = b'[{"PRODUCTID":1,"TITLE":"t"}]'
            headers = {"X-Api-Key": client.key, "X-Inova-Load-Type": "delta"}
            answers = await asyncio.gather(
                *(client.http.post(PATH, content=body + b" " * n, headers=headers) for n in range(60))
            )
        finally:
            kind.execute = plain  # type: ignore[method-assign]
        assert {answer.status_code for answer in answers} == {202}
        assert 1 <= sum("AS step" in statement for statement in statements) <= 3
