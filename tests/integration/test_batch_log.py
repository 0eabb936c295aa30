"""Log lines of batches, refusals and operator actions, found by trace or batch id."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.conftest import CNPJ, Client
from tests.integration.test_flow import catalogue, product


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Return the lines that are logged from now on."""
    with capture_logs() as found:
        yield found


def _of(lines: list[Any], trace: str) -> list[Any]:
    """Return the lines of a trace id, as `grep` in docs/howto/monitoring.md does."""
    return [line for line in lines if trace in str(line)]


async def _until(lines: list[Any], event: str, trace: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while not (found := [line for line in _of(lines, trace) if line["event"].startswith(event)]):
            await asyncio.sleep(0.01)
    return dict(found[0])


@pytest.mark.parametrize("load_type", ["full", "delta"])
async def test_a_batch_is_logged_when_it_is_accepted_and_when_it_is_final(
    client: Client, lines: list[Any], load_type: str
) -> None:
    batch = await client.load([product(1), product(2) | {"PRICE": "x"}], load_type)
    final = await _until(lines, "batch final", batch["trace_id"])
    accepted = await _until(lines, "batch accepted", batch["trace_id"])
    assert (accepted["log_level"], accepted["cnpj"], accepted["load_type"]) == ("info", CNPJ, load_type)
    told = {name: final[name] for name in ("log_level", "batch", "cnpj", "load_type", "status", "items", "inserted")}
    assert told == {
        "log_level": "info",
        "batch": batch["batch_id"],
        "cnpj": CNPJ,
        "load_type": load_type,
        "status": "PARTIAL_FAIL",
        "items": 2,
        "inserted": 1,
    }
    assert final["rejected"] == 1 and 0 < final["seconds"] < 120
    assert len(_of(lines, batch["trace_id"])) == 2


@pytest.mark.parametrize(
    ("load_type", "body", "code"),
    [("full", b'[{"PRODUCTID": 1', "body_truncated"), ("delta", b'[{"PRODUCTID": "x"}]', "nothing_applied")],
)
async def test_a_batch_that_failed_is_a_warning_with_its_code(
    client: Client, lines: list[Any], load_type: str, body: bytes, code: str
) -> None:
    batch = await client.load(body, load_type)
    assert batch["status"] == "FAILED"
    failed = await _until(lines, "batch failed", batch["trace_id"])
    assert (failed["log_level"], failed["code"], failed["cnpj"]) == ("warning", batch["error"]["code"], CNPJ)
    assert failed["code"] == code


async def test_a_held_deactivation_and_the_decision_on_it_are_logged(client: Client, lines: list[Any]) -> None:
    await client.load(catalogue(100))
    batch = await client.load(catalogue(10))
    held = await _until(lines, "deactivation held", batch["trace_id"])
    assert (held["candidates"], held["active"], held["batch"]) == (90, 100, batch["batch_id"])
    await client.admin("POST", f"/v1/batches/{batch['batch_id']}/deactivation", {"decision": "approve"})
    assert (await _until(lines, "deactivation approved", batch["trace_id"]))["log_level"] == "info"
    act = await _until(lines, "operator action", batch["batch_id"])
    assert (act["act"], act["actor"], act["outcome"]) == ("batch.approve", "operator", "done")


async def test_a_refusal_is_logged_with_its_code_and_key_under_the_trace_of_the_answer(
    client: Client, lines: list[Any]
) -> None:
    refused = await client.post([product(1)], "both")
    line = next(line for line in lines if line["event"] == "request refused")
    assert (line["code"], line["status"], line["log_level"]) == (refused.json()["code"], 400, "warning")
    assert line["key"].startswith("key ") and client.key not in str(lines)
    await client.post([product(1)], "both", **{"X-Api-Key": "ihub_live_wrong"})
    line = [line for line in lines if line["event"] == "request refused"][-1]
    assert (line["code"], line["status"]) == ("key_malformed", 401) and "key" not in line and line["address"]
    assert "ihub_live_wrong" not in str(lines)
