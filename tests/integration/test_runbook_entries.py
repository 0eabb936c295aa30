"""Entries of the runbook are followed as written on a hub with that fault, until it is over."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from integrahub.domain.events import CHUNKS_READY
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.command_line import CommandLine, verb
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.operator import Operator
from tests.integration.test_flow import catalogue, product
from tests.integration.test_replays import killing

__all__ = ["verb"]


@pytest.fixture
def database_of_commands(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Let commands that open the database find that of the test."""
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("INTEGRAHUB_DATA_DIR", str(settings.data_dir))


async def _until(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.02)


async def test_an_emptied_catalogue_is_kept_then_given_up(client: Client, verb: CommandLine) -> None:
    operator = Operator(verb, "emptied-catalogue")
    await client.load(catalogue(20))
    held = (await client.load(catalogue(5)))["batch_id"]
    assert held in (await operator.run("batch list --held")).out
    await operator.run("batch reject ID", ID=held)
    assert len(await client.products()) == 20
    again = (await client.load([*catalogue(4), product(30)]))["batch_id"]
    await operator.run("batch approve ID", typed="y\n", ID=again)

    async def deactivated() -> bool:
        return len(await client.products()) == 5

    await _until(deactivated)
    assert again not in (await operator.run("batch list --held")).out
    await operator.run("pharmacy set CNPJ --deactivation-limit 30%")
    assert (await client.load([product(30), *catalogue(3)]))["deactivation"]["state"] == "applied"


@pytest.mark.usefixtures("database_of_commands")
async def test_dead_chunks_are_replayed_by_cause_and_a_batch_as_a_whole(
    client: Client, verb: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.load(catalogue(3))
    dead = await killing(client, monkeypatch, [product(1, BRAND="B")], "delta")
    operator = Operator(verb, "dead-chunks")
    assert "Poison" in (await operator.run("dead groups")).out
    (letter,) = (await client.admin("GET", "/v1/dead-letters"))["items"]
    assert "a fault of this chunk's own" in (await operator.run("dead show ID", ID=str(letter["id"]))).out
    await operator.run("dead replay --error CLASS", typed="y\n", CLASS=letter["error"]["class"])

    async def settled() -> bool:
        return not (await client.admin("GET", "/v1/dead-letters?settled=false"))["items"]

    await _until(settled)
    assert (await operator.run("dead replays")).lines
    operator = Operator(verb, "replay-batch")
    await operator.run("batch show ID", ID=dead["batch_id"])
    queued = (await operator.run("batch replay ID", ID=dead["batch_id"])).out.split()[2].rstrip(".")
    assert (await client.finished(queued))["status"] == "COMPLETED"
    assert queued in (await operator.run("batch list --cnpj CNPJ --limit 3")).out
    assert (await operator.run("verify CNPJ")).lines[0].startswith("Read postgresql://")
    assert (await client.products())[1]["brand"] == "B"


@pytest.mark.usefixtures("database_of_commands")
async def test_a_table_that_differs_is_found_and_corrected_by_the_latest_full(
    client: Client, verb: CommandLine
) -> None:
    full = (await client.load(catalogue(3)))["batch_id"]
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE products SET price = 999 WHERE product_id = 2")
    operator = Operator(verb, "table-differs")
    await operator.run("verify CNPJ", code=1)
    await operator.run("batch replay ID", ID=full)

    async def corrected() -> bool:
        return bool((await client.products())[2]["price"] == 2.5)

    await _until(corrected)
    await operator.run("verify CNPJ")


async def test_a_batch_that_does_not_finish_is_cancelled(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(settings, []) as client:  # no worker runs
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch = (await client.post([product(1)], "delta")).json()["batch_id"]
        operator = Operator(CommandLine(client, monkeypatch), "batch-does-not-finish")
        assert batch in (await operator.run("batch list --cnpj CNPJ")).out
        await operator.run("batch cancel ID", ID=batch)
        assert "CANCELLED" in (await operator.run("batch show ID", ID=batch)).out


async def test_a_pharmacy_that_sends_too_much_is_limited(client: Client, verb: CommandLine) -> None:
    operator = Operator(verb, "sends-too-much")
    await operator.run("pharmacy set CNPJ --rate-limit 10/minute")

    async def refused() -> bool:
        return (await client.post([product(1)], "delta")).status_code == 429

    await _until(refused)
    assert (await operator.run("batch list --cnpj CNPJ --since 1h --limit 100")).lines


async def test_keys_are_created_rotated_and_revoked(client: Client, verb: CommandLine) -> None:
    operator = Operator(verb, "api-keys")
    await operator.run("key create --cnpj CNPJ")
    old = (await client.admin("GET", "/admin/keys"))["items"][-1]["id"]  # that of the fixture
    await operator.run("key rotate ID --old-ends-in-hours 72", ID=old)
    assert (await client.post([product(1)], "delta")).status_code == 202
    await operator.run("key revoke ID", ID=old)

    async def refused() -> bool:
        return (await client.post([product(2)], "delta")).status_code == 401

    await _until(refused)
    assert "key.revoke" in (await operator.run("audit --subject ID", ID=old)).out


async def test_posts_that_get_503_are_accepted_once_workers_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"max_backlog_per_pharmacy": 1000})
    body = b'[{"PRODUCTID":1,"TITLE":"t"}' + b" " * 600_000 + b"]"
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        assert (await client.post(body, "delta")).status_code == 202
        refused = await client.post([product(1)], "delta")
        assert (refused.status_code, refused.json()["code"]) == (503, "backlog_long")
        operator = Operator(CommandLine(client, monkeypatch), "posts-refused")
        operator.expect('`curl -s "$INTEGRAHUB_URL/health"`', "`backlog_long`", "(#backlog-grows)")
        assert (await client.http.get("/health")).json()["status"] == "ok"
    async with running(settings, list(STEPS)) as again:
        again.key = client.key

        async def accepted() -> bool:
            return (await again.post([product(2)], "delta")).status_code == 202

        await _until(accepted)
        operator = Operator(CommandLine(again, monkeypatch), "posts-refused")
        assert len((await operator.run("batch list --since 5m")).lines) >= 3


async def test_a_dead_message_is_shown_and_sent_again(client: Client, verb: CommandLine) -> None:
    operator = Operator(verb, "dead-messages")
    assert "chunks.ready" not in (await operator.run("dead list")).out
    await client.hub.bus.publish(CHUNKS_READY, [b"not json"])

    async def dies() -> bool:
        return "chunks.ready" in (await operator.run("dead list")).out

    await _until(dies)
    (letter,) = (await client.admin("GET", "/v1/dead-letters"))["items"]
    assert "not json" in (await operator.run("dead show ID", ID=str(letter["id"]))).out
    await operator.run("dead replay ID", typed="y\n", ID=str(letter["id"]))
    operator.expect("An unreadable message becomes a new letter; leave that one.")

    async def is_replaced() -> bool:
        return [item["id"] for item in (await client.admin("GET", "/v1/dead-letters?settled=false"))["items"]] not in (
            [],
            [letter["id"]],
        )

    await _until(is_replaced)


@pytest.mark.usefixtures("database_of_commands")
async def test_storage_that_is_unavailable_is_named_and_posts_are_accepted_after_it_is_back(
    client: Client, verb: CommandLine, tmp_path: Path
) -> None:
    operator, objects, large = Operator(verb, "storage-unavailable"), tmp_path / "objects", catalogue(3000)
    objects.rename(tmp_path / "away") if objects.exists() else None
    objects.write_text("a file where the disk should be")
    assert (await client.post(large)).status_code == 503
    assert (await operator.diagnose(code=1))["storage"].startswith("problem: ")
    objects.unlink()
    (tmp_path / "away").rename(objects) if (tmp_path / "away").exists() else None
    operator.expect("`/health` shows `storage` as `ok`")

    async def is_ok() -> bool:
        return bool((await client.http.get("/health")).json()["checks"]["storage"]["status"] == "ok")

    await _until(is_ok)
    await client.load(large)
    assert "wrote and deleted an object" in (await operator.diagnose(code=0))["storage"]
