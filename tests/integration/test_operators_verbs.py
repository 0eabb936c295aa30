"""Commands for alerts: held batches, silent pharmacies, open dead letters."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from integrahub.domain.events import CHUNKS_READY
from tests.integration.command_line import CommandLine, verb
from tests.integration.conftest import CNPJ, Client
from tests.integration.test_flow import catalogue, product

__all__ = ["verb"]


async def _until(condition: Any) -> Any:
    async with asyncio.timeout(20):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
    return found


async def test_a_held_deactivation_is_found_asked_about_and_approved(client: Client, verb: CommandLine) -> None:
    await client.load(catalogue(100))
    assert (await verb("batch", "list", "--held")).out == "No deactivation is held.\n"
    held = (await client.load(catalogue(10)))["batch_id"]
    await client.load([product(500)], "delta")
    shown = await verb("batch", "list", "--held", columns=80)
    assert len(shown.lines) == 2 and held in shown.out and " 90 " in shown.out and " 100" in shown.out
    assert [row["batch_id"] for row in json.loads((await verb("batch", "list", "--held", "--json")).out)] == [held]
    asked = await verb("batch", "approve", held, typed="n\n")
    assert asked.code == 1 and "90 of 100 active products of" in asked.err
    assert "Nothing was changed." in asked.err
    assert (await client.get(f"/v1/batches/{held}"))["deactivation"]["state"] == "held"
    assert (await verb("batch", "approve", held, "--yes")).code == 0

    async def approved() -> bool:
        return bool((await client.get(f"/v1/batches/{held}"))["deactivation"]["state"] == "approved")

    await _until(approved)
    again = await verb("batch", "approve", held, "--yes")
    assert again.code == 1 and "nothing to decide" in again.err


async def test_a_replay_of_a_body_at_fault_is_confirmed_first(client: Client, verb: CommandLine) -> None:
    failed = (await client.load(b'[{"PRODUCTID": 1, "TITLE": "A"'))["batch_id"]
    asked = await verb("batch", "replay", failed, typed="n\n")
    assert asked.code == 1 and "Replay it anyway?" in asked.err and "Nothing was changed." in asked.err
    assert "fails in the same way" in asked.out
    assert len((await client.get("/v1/batches"))["items"]) == 1
    assert (await verb("batch", "replay", failed, "--yes")).code == 0


async def test_a_watched_post_ends_with_its_rejections_and_where_they_are(
    client: Client, verb: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "catalogue.json").write_text(json.dumps([product(1), product(2) | {"PRICE": "x"}]))
    sent = await verb("send", str(tmp_path / "catalogue.json"), "--type", "full", "--watch", "--cnpj", CNPJ)
    assert sent.code == 0, sent.err
    assert sent.lines[-1].startswith("1 rejected: integrahub batch errors "), sent.out


async def test_a_batch_is_named_by_how_its_id_begins(client: Client, verb: CommandLine) -> None:
    first, second = [(await client.load([product(n)], "delta"))["batch_id"] for n in (1, 2)]
    begins = next(first[:length] for length in range(4, 36) if first[:length] != second[:length])
    assert first in (await verb("batch", "show", begins)).out.split()
    assert first in (await verb("batch", "show", first.replace("-", ""))).out.split()
    for given, told in ((first[:4], "Several batches begin"), ("ffff", "No batch begins"), ("x", "is no batch id")):
        refused = await verb("batch", "show", given)
        assert (refused.code, told in refused.err) == (1, True), refused.err


async def test_listings_are_narrowed_and_say_what_was_not_found(client: Client, verb: CommandLine) -> None:
    assert (await verb("batch", "list")).out == "No batches yet.\n"
    batch = await client.load([product(1)], "delta")
    for arguments in (("--status", "completed"), ("--type", "DELTA"), ("--since", "2h"), ("--cnpj", CNPJ)):
        assert batch["batch_id"] in (await verb("batch", "list", *arguments)).out, arguments
    for arguments in (("--status", "Failed"), ("--type", "full"), ("--since", "2099-01-01")):
        assert (await verb("batch", "list", *arguments)).out == "No batch matches.\n", arguments
    for cnpj in ("123", "33000167000101"):
        unknown = await verb("batch", "list", "--cnpj", cnpj)
        assert unknown.code == 1 and cnpj in unknown.err


async def test_open_letters_are_listed_alone_and_replayed_when_confirmed(client: Client, verb: CommandLine) -> None:
    for arguments in (("replay", "5"), ("replay", "--error", "Foo"), ("show", "5")):
        missing = await verb("dead", *arguments)
        assert missing.code == 1 and arguments[-1] in missing.err, missing
    await client.hub.bus.publish(CHUNKS_READY, [b"not json"])

    async def letters() -> Any:
        return (await client.admin("GET", "/v1/dead-letters"))["items"]

    (letter,) = await _until(letters)
    number = str(letter["id"])
    shown = await verb("dead", "show", number)
    assert "not json" in shown.out and "error.class" in shown.out
    assert (await verb("dead", "replay", number, typed="n\n")).code == 1
    replayed = await verb("dead", "replay", number, "--yes")
    assert replayed.code == 0 and "1 letters" in replayed.out

    async def settled() -> Any:
        return (await client.admin("GET", "/v1/dead-letters?settled=true"))["items"]

    await _until(settled)
    (operation,) = json.loads((await verb("dead", "replays", "--json")).out)
    assert operation["id"] in replayed.out and operation["letters"] == 1
    assert "failed_again" in (await verb("dead", "replays", operation["id"])).out

    async def ended() -> bool:
        return (await verb("dead", "stop", operation["id"])).code == 1

    await _until(ended)
    open_ones = json.loads((await verb("dead", "list", "--json")).out)
    every = json.loads((await verb("dead", "list", "--all", "--json")).out)
    assert letter["id"] not in [row["id"] for row in open_ones]
    assert [row["settled_at"] is None for row in every] == sorted(
        [row["settled_at"] is None for row in every], reverse=True
    ) and letter["id"] in [row["id"] for row in every]


async def test_silent_pharmacies_are_listed(client: Client, verb: CommandLine) -> None:
    assert (await verb("pharmacy", "list", "--silent")).out == "No pharmacy is silent.\n"
    for number in range(5):
        await client.load([product(number + 1)], "delta")
    async with client.hub.all_tenants.transaction() as connection:
        await connection.execute("UPDATE batches SET received_at = received_at - interval '30 hours'")
    shown = await verb("pharmacy", "list", "--silent", columns=80)
    assert len(shown.lines) == 2 and CNPJ in shown.out and "1 day, 6:00" in shown.out


async def test_a_share_is_shown_as_it_was_set(client: Client, verb: CommandLine) -> None:
    assert "30%" in (await verb("pharmacy", "set", CNPJ, "--deactivation-limit", "30%")).out
    assert "30%" in (await verb("pharmacy", "list", columns=170)).out
    assert "2.5%" in (await verb("pharmacy", "set", CNPJ, "--deactivation-limit", "2,5%")).out
    assert float(json.loads((await verb("pharmacy", "show", CNPJ, "--json")).out)["deactivation_limit"]) == 0.025


@pytest.mark.parametrize("option", ["--url", "--key"])
async def test_the_hub_and_the_key_may_be_named_on_the_verb(client: Client, verb: CommandLine, option: str) -> None:
    named = await verb("batch", "list", option, {"--url": "ftp://nowhere", "--key": "wrong"}[option])
    assert (named.code, {"--url": "ftp", "--key": "401"}[option] in named.err) == (
        {"--url": 2, "--key": 1}[option],
        True,
    )


async def test_reports_reasons_and_refusals_are_in_the_operators_language(
    client: Client, verb: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
    await client.load(catalogue(100))
    held = (await client.load([*catalogue(10), product(11) | {"PRICE": "x"}]))["batch_id"]
    assert "produtos ativos" in (await verb("batch", "list", "--held")).out
    assert "não é um número" in (await verb("batch", "errors", held)).out
    assert "Não há falha definitiva 99" in (await verb("dead", "show", "99")).err
    monkeypatch.setenv("LC_ALL", "C")
    assert "active products" in (await verb("batch", "list", "--held")).out
    assert "There is no dead letter 99" in (await verb("dead", "show", "99")).err
