"""The step breaker in a running hub: a fault of every chunk costs few chunks; all are applied once it is repaired."""

import asyncio
from typing import Any

import pytest

from integrahub.db.products import merge as merging
from integrahub.domain.errors import Poison
from tests.integration.command_line import CommandLine, verb
from tests.integration.conftest import CNPJ, Client
from tests.integration.operator import Operator
from tests.integration.test_replays import catalogue

__all__ = ["verb"]


async def chunks(client: Client, status: str) -> int:
    async with client.hub.database.transaction() as connection:
        asked = "SELECT count(*) AS n FROM batch_chunks WHERE status = %s"
        row = await (await connection.execute(asked, [status])).fetchone()
    assert row is not None
    return int(row["n"])


async def test_a_fault_of_every_chunk_pauses_upserting_and_work_goes_on_once_it_is_mended(
    client: Client, verb: CommandLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    merge, step_breaker = merging.merge_chunks, client.hub.step_breakers["upsert"]
    mended = False

    async def failing(*given: Any) -> Any:
        if not mended:
            raise Poison("every chunk fails")
        return await merge(*given)

    monkeypatch.setattr("integrahub.db.chunks.apply.merge_chunks", failing)
    monkeypatch.setattr(step_breaker, "pause", 3.0)
    keys = {}
    for cnpj in ("11222333000181", "33000167000101", "60746948000112", "00000000000191"):
        keys[cnpj] = (await client.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    posted = [await client.post(catalogue(4000), **{"X-Api-Key": key}) for key in keys.values()]
    async with asyncio.timeout(60):
        while not step_breaker.open_reason:
            await asyncio.sleep(0.02)
    operator, logged = Operator(verb, "step-pauses"), capsys.readouterr().out
    operator.expect("search the log for `open_step_breaker`: its `cause` is the message of the failures")
    assert "open_step_breaker" in logged and "cause='every chunk fails'" in logged
    mended = True
    dead = await chunks(client, "FAILED")
    assert dead < 30
    ended = [
        await client.finished(answer.json()["batch_id"], key) for answer, key in zip(posted, keys.values(), strict=True)
    ]
    assert sum(batch["dead"] for batch in ended) == 50 * await chunks(client, "FAILED") < 50 * 40
    assert sum(batch["inserted"] + batch["dead"] for batch in ended) == 16_000
    assert step_breaker.open_reason == ""
    assert (await operator.run("dead groups")).lines
    assert (await operator.run("top --once")).lines


async def test_one_pharmacys_own_faults_cost_its_own_batches_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, step_breaker = merging.merge_chunks, client.hub.step_breakers["upsert"]

    async def failing(connection: Any, parts: Any, *rest: Any) -> Any:
        if any(part.cnpj == CNPJ for part in parts):
            raise Poison("whatever this pharmacy sends")
        return await merge(connection, parts, *rest)

    monkeypatch.setattr("integrahub.db.chunks.apply.merge_chunks", failing)
    monkeypatch.setattr("integrahub.resilience.retry_policy.RetryPolicy.decide", lambda *_, **__: None)
    for price in range(1, 5):
        batch = await client.load(catalogue(500, PRICE=price))
        assert (batch["status"], batch["dead"]) == ("FAILED", 500)
    assert (step_breaker.open_reason, step_breaker.retry_after()) == ("", 0.0)
