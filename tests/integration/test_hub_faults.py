"""Defects of the hub are reported as such; the records are kept and clients need not post again."""

import pytest

from tests.integration.conftest import Client
from tests.integration.test_replays import catalogue, killing, product


async def test_a_batch_whose_every_chunk_died_says_that_its_records_are_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await killing(client, monkeypatch, catalogue(40), "full")
    assert (batch["status"], batch["dead"], batch["error"]["code"]) == ("FAILED", 40, "records_not_applied")
    assert batch["error"]["message_pt"].startswith("40 registros não foram aplicados por falha do hub")
    assert "Nothing need be sent again" in batch["error"]["message_en"]
    assert batch["deactivation"] == batch["deactivation"] | {"state": "none", "active": None}


async def test_a_batch_of_which_a_chunk_died_says_so_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = await killing(client, monkeypatch, catalogue(120), "full")
    assert (batch["status"], batch["dead"], batch["error"]["code"]) == ("PARTIAL_FAIL", 50, "records_not_applied")
    assert batch["error"]["message_pt"].startswith("50 registros")


async def test_a_batch_whose_records_are_all_at_fault_is_the_clients_to_correct(client: Client) -> None:
    batch = await client.load([product(1, PRICE="x"), product(2, PRICE="y")])
    assert (batch["status"], batch["error"]["code"]) == ("FAILED", "nothing_applied")
    assert (await client.load([product(3)], "delta"))["deactivation"]["active"] is None
    judged = await client.load([product(3)])
    assert (judged["deactivation"]["state"], judged["deactivation"]["active"]) == ("none", 1)
