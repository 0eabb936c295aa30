"""Pages of batches: what they say of each outcome, filters in the address, downloads, replay and cancel."""

import csv
import io
import json
from typing import Any

import pytest

from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from tests.console.hub import Browser, ConsoleHub, Page, running_console
from tests.integration.conftest import CNPJ

_HOSTILE = "<script>alert(1)</script>\u202e" + "x" * 70_000


def _records(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [
        {"PRODUCTID": number, "TITLE": f"Product {number}", "PRICE": 1.5, "EAN": "7896004703398"}
        for number in range(first, first + count)
    ]


async def _partial(console: ConsoleHub) -> str:
    records = _records(120)
    records[110]["PRICE"] = "caro"
    records[3]["TITLE"] = ""
    return str((await console.api.load(records, "delta"))["batch_id"])


async def _viewer(console: ConsoleHub) -> Browser:
    return await console.browser(Role.VIEWER)


async def page_of_update(console: ConsoleHub, batch: str) -> Page:
    return await (await console.browser(Role.OPERATOR)).poll(f"/console/batches/{batch}", "state")


async def test_the_list_says_first_how_batches_ended(console: ConsoleHub) -> None:
    await console.api.load(_records(5))
    await _partial(console)
    await console.api.load(b'[{"PRODUCTID": 1, "TITLE": "x"')
    page = await (await _viewer(console)).get("/console/batches")
    assert page.status == 200 and "3 batches: 1 failed, 1 partial" in page.text
    main = page.html.partition("<main")[2]
    assert main.index("<h1") < main.index('class="filters"') < main.index("<table")  # in the order of the keyboard
    assert "2 of" not in page.text and "caro" not in page.html


async def test_filters_of_the_list_are_in_its_address(console: ConsoleHub) -> None:
    full = (await console.api.load(_records(5)))["batch_id"]
    partial = await _partial(console)
    failed = (await console.api.load(b'[{"PRODUCTID": 1, "TITLE": "x"'))["batch_id"]
    viewer = await _viewer(console)

    async def found(**filters: str) -> set[str]:
        page = await viewer.get("/console/batches", **filters)
        assert page.status == 200
        return {batch for batch in (full, partial, failed) if f"/console/batches/{batch}" in page.links}

    assert await found() == {full, partial, failed}
    assert await found(status="troubled") == {partial, failed}
    assert await found(status="COMPLETED") == {full}
    assert await found(load_type="delta") == {partial}
    assert await found(error="body_truncated") == {failed}
    assert await found(cnpj="05.927.228/0001-45", status="FAILED") == {failed}
    assert await found(cnpj="26124718000183") == set()
    assert await found(q=partial) == {partial}
    assert await found(q=partial.replace("-", "")[-8:], since="1h") == {partial}
    assert await found(q="no such pharmacy") == set()
    assert await found(until="2026-01-01T00:00:00Z", since="all") == set()
    nonsense = dict.fromkeys(("status", "load_type", "since", "until", "sort", "cursor", "top"), "nonsense")
    assert await found(**nonsense) == {full, partial, failed}


async def test_the_list_is_paged_and_a_page_holds_fifty(console: ConsoleHub) -> None:
    for number in range(60):
        await console.api.post(_records(1, number + 1), "delta")
    for batch in await console.run("SELECT id FROM batches"):
        await console.api.finished(str(next(iter(batch.values())) if isinstance(batch, dict) else batch[0]))
    viewer = await _viewer(console)
    first = await viewer.get("/console/batches")
    following = [link for link in first.links if "cursor=" in link]
    second = await viewer.get(following[-1])
    shown = [{link for link in page.links if link.startswith("/console/batches/0")} for page in (first, second)]
    assert [len(links) for links in shown] == [50, 10] and not shown[0] & shown[1]


async def test_new_batches_are_announced_and_move_no_line(console: ConsoleHub) -> None:
    old = (await console.api.load(_records(5)))["batch_id"]
    viewer = await _viewer(console)
    page = await viewer.get("/console/batches")
    poll = page.poll_address("rows")
    new = (await console.api.load(_records(6)))["batch_id"]
    update = await viewer.poll(poll, "rows")
    assert update.status == 200 and "1 new batch: show" in update.html
    assert f"/console/batches/{old}" in update.html and f"/console/batches/{new}" not in update.html
    version = update.html.partition("Live-Version&quot;: &quot;")[2].partition("&quot;")[0]
    assert (await viewer.poll(poll, "rows", version)).status in (200, 204)


async def test_a_partial_batch_shows_the_record_at_its_byte_with_the_field_marked(console: ConsoleHub) -> None:
    batch = await _partial(console)
    viewer = await _viewer(console)
    page = await viewer.get(f"/console/batches/{batch}", record="110")
    assert "2 of 120 records did not reach the catalogue" in page.text
    assert "<mark>&#34;PRICE&#34;: &#34;caro&#34;</mark>" in page.html
    assert "Record 110 at byte" in page.text
    title = await viewer.get(f"/console/batches/{batch}", code="title_missing")
    assert "Record 3 at byte" in title.text and "caro" not in title.text


async def test_counters_of_a_batch_add_up(console: ConsoleHub) -> None:
    page = await (await _viewer(console)).get(f"/console/batches/{await _partial(console)}")
    assert "118 new 2 rejections = 120 records" in page.text


async def test_a_truncated_file_shows_where_it_ends_and_that_a_replay_does_not_help(console: ConsoleHub) -> None:
    batch = (await console.api.load(json.dumps(_records(9)).encode()[:-20]))["batch_id"]
    page = await (await console.browser(Role.OPERATOR)).get(f"/console/batches/{batch}")
    assert "← the file ends here" in page.text and "Nothing was applied" in page.text
    assert "does not help: the file itself is at fault" in page.text and " split " not in page.text
    confirm = await (await console.browser(Role.OPERATOR)).get(f"/console/batches/{batch}/replay")
    assert "the replay will fail in the same way" in confirm.text and "The file has" not in confirm.text
    update = await page_of_update(console, batch)
    assert f"/console/batches/{batch}/replay" in update.html  # acts follow the state of the batch


async def test_what_changed_is_shown_with_values_before_and_after(console: ConsoleHub) -> None:
    await console.api.load(_records(5))
    batch = (await console.api.load([{"PRODUCTID": 2, "PRICE": 2.5}], "delta"))["batch_id"]
    page = await (await _viewer(console)).get(f"/console/batches/{batch}", tab="changes")
    assert "0 new, 1 changed" in page.text and "price 1.50 → 2.50" in page.text
    filtered = await (await _viewer(console)).get(f"/console/batches/{batch}", tab="changes", kind="inserted")
    assert "No change matches these filters." in filtered.text


async def test_chunks_neighbours_and_the_file_of_a_batch_are_shown(console: ConsoleHub) -> None:
    before = (await console.api.load(_records(5)))["batch_id"]
    batch = await _partial(console)
    viewer = await _viewer(console)
    blocks = await viewer.get(f"/console/batches/{batch}", tab="blocks")
    assert "Chunks 3" in blocks.text and f"/console/batches/{before}" in blocks.links
    file = await viewer.get(f"/console/batches/{batch}", tab="file")
    assert "SHA-256" in file.text and "application/json" in file.text
    assert (await viewer.get("/console/batches/019ca8a2-0000-7000-8000-000000000001")).status == 404
    assert (await viewer.get("/console/batches/nonsense")).status in (400, 404)


async def test_text_of_clients_runs_nowhere_and_breaks_no_page(console: ConsoleHub) -> None:
    records = _records(3)
    records[0] |= {"PRICE": _HOSTILE, "TITLE": _HOSTILE}
    records[1] |= {"TITLE": _HOSTILE, "<b>KEY</b>": _HOSTILE}
    batch = (await console.api.load(records, "delta"))["batch_id"]
    viewer = await _viewer(console)
    for query in ({}, {"tab": "changes"}, {"tab": "blocks"}, {"tab": "file"}, {"code": "<script>alert(1)</script>"}):
        page = await viewer.get(f"/console/batches/{batch}", **query)
        assert page.status == 200 and "<script>alert" not in page.html and len(page.html) < 40_000, query
    page = await viewer.get("/console/batches", q="<script>alert(1)</script>\x00", cnpj="<b>", error="<i>", until="<u>")
    assert page.status == 200 and "<script>alert" not in page.html and "<b>" not in page.html


async def test_what_a_batch_sent_is_downloaded_and_never_shown_as_a_page(console: ConsoleHub) -> None:
    batch = await _partial(console)
    viewer = await _viewer(console)
    answers = {
        name: (await viewer.get(f"/console/batches/{batch}/{name}")).answer
        for name in ("body", "issues.csv", "rejected.json", "changes.csv")
    }
    assert all(answer.headers["Content-Disposition"].startswith("attachment") for answer in answers.values())
    assert len(json.loads(answers["body"].content)) == 120
    assert {record["PRODUCTID"] for record in answers["rejected.json"].json()} == {4, 111}
    rows = list(csv.DictReader(io.StringIO(answers["issues.csv"].text)))
    assert [(row["Field"], row["Sent"]) for row in rows] == [("TITLE", ""), ("PRICE", "caro")]
    assert all(row["Why, in English"] and None not in row for row in rows)  # a comma in a heading is quoted
    assert "Product,What happened,Field" in answers["changes.csv"].text
    assert (await viewer.get("/console/batches/019ca8a2-0000-7000-8000-000000000001/body")).status == 404


async def test_headings_of_files_are_in_the_language_of_the_reader(console: ConsoleHub) -> None:
    batch = await _partial(console)
    viewer = await console.browser(Role.VIEWER, **{"Accept-Language": "pt-BR"})
    report = await viewer.get(f"/console/batches/{batch}/issues.csv")
    assert report.html.lstrip("\ufeff").startswith("Registro;Byte;Efeito;Produto;EAN;Campo;Enviado")


async def test_an_operator_replays_a_batch_after_a_page_that_says_what_happens(console: ConsoleHub) -> None:
    batch = await _partial(console)
    operator = await console.browser(Role.OPERATOR)
    assert f"/console/batches/{batch}/replay" in (await operator.get(f"/console/batches/{batch}")).links
    assert "What later batches wrote stays." in (await operator.get(f"/console/batches/{batch}/replay")).text
    page = await operator.post(f"/console/batches/{batch}/replay")
    assert page.status == 200 and "is queued as batch" in page.text and "Operations on this batch" in page.text
    again = await operator.post(f"/console/batches/{batch}/replay")
    entries = await console.run("SELECT action, outcome FROM audit_log WHERE subject = %s ORDER BY id", batch)
    outcomes = [tuple(entry.values()) if isinstance(entry, dict) else tuple(entry) for entry in entries]
    assert outcomes[0] == ("batch.replay", "done") and again.status == 200


async def test_a_replay_that_is_refused_says_why_and_changes_nothing(console: ConsoleHub) -> None:
    batch = await _partial(console)
    await console.run("UPDATE batches SET body = NULL, location = NULL, body_removed_at = now()")
    operator = await console.browser(Role.OPERATOR)
    page = await operator.get(f"/console/batches/{batch}")
    assert "The file is past its retention" in page.text and f"/console/batches/{batch}/replay" not in page.links
    assert "past its retention" in (await operator.get(f"/console/batches/{batch}/replay")).text
    refused = await operator.post(f"/console/batches/{batch}/replay")
    assert "past its retention" in refused.text
    assert len(await console.run("SELECT 1 FROM batches")) == 1
    assert (await operator.get(f"/console/batches/{batch}/body")).status == 410


async def test_an_operator_cancels_a_batch_that_runs(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        console.api.key = (await console.api.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch = (await console.api.post(_records(5))).json()["batch_id"]
        operator = await console.browser(Role.OPERATOR)
        page = await operator.get(f"/console/batches/{batch}")
        assert "waits to be split" in page.text and "data-running" in page.html
        assert "Cancel the batch" not in (await (await _viewer(console)).get(f"/console/batches/{batch}")).html
        cancelled = await operator.post(f"/console/batches/{batch}/cancel")
        assert "The batch was cancelled" in cancelled.text
        again = await operator.post(f"/console/batches/{batch}/cancel")
        assert "nothing was cancelled" in again.text
        assert len(await console.run("SELECT 1 FROM audit_log WHERE action = 'batch.cancel'")) == 2


@pytest.mark.parametrize("act", ["replay", "cancel"])
async def test_a_viewer_sees_no_act_and_may_do_none(console: ConsoleHub, act: str) -> None:
    batch = await _partial(console)
    viewer = await _viewer(console)
    page = await viewer.get(f"/console/batches/{batch}")
    assert f"/{act}" not in page.html and "only an operator may act on it" in page.text
    assert (await viewer.post(f"/console/batches/{batch}/{act}")).status == 403
    assert len(await console.run("SELECT 1 FROM batches")) == 1
