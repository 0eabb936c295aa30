"""Objects that no row names are removed, and no others."""

from typing import Any
from uuid import UUID

from integrahub.domain.ids import uuid7
from integrahub.domain.steps import STEPS
from integrahub.maintenance.orphans import Orphans
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_retention import RECORDS, STRADDLING, _dead_letter_by_crashes, _key, _split


async def test_objects_that_no_row_names_are_removed_after_a_day_and_no_others(client: Client) -> None:
    kept = await client.load(STRADDLING)
    unsure, old = uuid7(), uuid7(1_700_000_000_000)
    first = UUID(kept["batch_id"])

    orphans = [f"batches/{CNPJ}/{old}", f"chunks/{CNPJ}/{first}/000077-0badcafe", f"dead/{CNPJ}/{old}/000000"]
    orphans.append(f"batches/{CNPJ}/{uuid7(1_600_000_000_000)}.zst")
    for name in (*orphans, f"batches/{CNPJ}/{unsure}", "batches/elsewhere"):
        await client.hub.storage.put(name, _blocks())
    before = {name async for name in client.hub.storage.list("")}
    await client.hub.orphans()()
    today = {name async for name in client.hub.storage.list("")}
    assert before - today == {orphans[0], *orphans[2:]}
    await Orphans(client.hub.database, client.hub.storage, now=lambda: (first.int >> 80) / 1000 + 86_500)()
    tomorrow = {name async for name in client.hub.storage.list("")}
    assert before - tomorrow == {*orphans, f"batches/{CNPJ}/{unsure}"}
    replayed = await client.http.post(f"/v1/batches/{kept['batch_id']}/replay", headers={"X-Admin-Api-Key": ADMIN})
    assert replayed.status_code == 202, replayed.text
    assert (await client.finished(replayed.json()["batch_id"]))["status"] == "COMPLETED"


async def _blocks() -> Any:
    yield b"bytes"


async def test_objects_of_a_batch_that_is_not_final_are_no_orphans_however_old(settings: Settings) -> None:
    async with running(settings, ["split"]) as client:
        client.key = await _key(client)
        batch_id = (await client.post(STRADDLING)).json()["batch_id"]
        await client.hub.storage.put(f"chunks/{CNPJ}/{batch_id}/000099-0badcafe", _blocks())  # a running split
        before = {name async for name in client.hub.storage.list("")}
        await Orphans(client.hub.database, client.hub.storage, now=lambda: 4e9)()
        assert before <= {name async for name in client.hub.storage.list("")}


async def test_a_copy_of_an_open_letter_is_no_orphan_before_the_letter_names_it(settings: Settings) -> None:
    async with running(settings, [step for step in STEPS if step != "upsert"]) as client:
        client.key = await _key(client)
        batch_id = (await client.post(RECORDS)).json()["batch_id"]
        await _split(client)
        await _dead_letter_by_crashes(client)
        await client.finished(batch_id)
        copy = f"dead/{CNPJ}/{batch_id}/000003"
        await client.hub.storage.put(copy, _blocks())
        await Orphans(client.hub.database, client.hub.storage, now=lambda: 4e9)()
        assert copy in {name async for name in client.hub.storage.list("dead/")}
