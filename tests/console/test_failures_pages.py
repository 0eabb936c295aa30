"""Pages of failures: causes, letters, replays by filter, mutes."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from tests.console.hub import ConsoleHub, Page, running_console
from tests.console.troubles import CAUSE, add_causes, add_letter, add_messages
from tests.integration.conftest import CNPJ
from tests.integration.test_replays import catalogue

_HOSTILE = replace(CAUSE, error_class="Hostile", message="<script>alert(1)</script> \u202e " + "x" * 70_000)
_CAUSE = f"/console/failures/{CAUSE.fingerprint}"


async def _load(console: ConsoleHub) -> str:
    return str((await console.api.load(catalogue(60)))["batch_id"])


async def _audit(console: ConsoleHub, action: str) -> list[Any]:
    return await console.run("SELECT * FROM audit_log WHERE action = %s ORDER BY id", action)


async def _operations(console: ConsoleHub) -> list[Any]:
    return await console.run("SELECT state, letters, replayed, actor FROM bulk_operations")


async def test_the_first_line_says_how_many_causes_are_open_and_each_leads_to_its_letters(console: ConsoleHub) -> None:
    viewer = await console.browser(Role.VIEWER)
    assert "No failure is open" in (await viewer.get("/console/failures")).text
    letter = await add_letter(console, batch := await _load(console))
    await console.run("UPDATE batch_chunks SET crashes = 1 WHERE number = 0")
    await add_messages(console, 2)
    page = await viewer.get("/console/failures")
    assert "1 cause keeps work from being applied" in page.text
    assert "StatementTimeout (57014) products/merge.py:merge_chunks" in page.text and _CAUSE in page.links
    cause = await viewer.get(_CAUSE)
    assert "3 dead letters are open , of 1 pharmacy" in cause.text and "Traceback: merge" in cause.text
    blocks = await viewer.get(f"/console/batches/{batch}", tab="blocks", blocks="troubled")
    assert f"/console/failures/dead-letters/{letter}" in cause.links
    assert f"/console/failures/dead-letters/{letter}" in blocks.links
    whole = await viewer.get(f"/console/failures/dead-letters/{letter}")
    assert "50 records were not applied" in whole.text and "merge took too long" in whole.text


async def test_filters_are_in_the_address(console: ConsoleHub) -> None:
    await add_letter(console, await _load(console))
    viewer = await console.browser(Role.VIEWER)
    shown = {"cnpj": CNPJ, "cause": "StatementTimeout", "since": "24h", "state": "all"}
    assert _CAUSE in (await viewer.get("/console/failures", **shown)).links
    for other in ({"cnpj": "33000167000101"}, {"cause": "Other"}, {"since": "2999-01-01"}, {"state": "settled"}):
        page = await viewer.get("/console/failures", **other)
        assert page.status == 200 and _CAUSE not in page.links, other
    none = await viewer.get("/console/failures", cause="Other")
    assert "No cause matches" in none.text and "No failure is open" not in none.text
    nonsense = {"cnpj": "\0", "since": "yesterday", "state": "x", "cursor": "x"}
    assert (await viewer.get("/console/failures", **nonsense)).status == 200
    assert "No dead letter of this cause" in (await viewer.get(_CAUSE, cnpj="33000167000101")).text


async def test_a_page_has_fifty_causes_and_a_link_to_the_next(console: ConsoleHub) -> None:
    await add_causes(console, 60)
    viewer = await console.browser(Role.VIEWER)
    first = await viewer.get("/console/failures")
    (following,) = [link for link in first.links if "cursor=" in link]
    second = await viewer.get(following)
    causes = [{link for link in page.links if "/console/failures/f" in link} for page in (first, second)]
    assert "50 rows" in first.text and len(causes[0] | causes[1]) == 60


async def test_texts_of_errors_run_nowhere_and_are_bounded(console: ConsoleHub) -> None:
    await add_messages(console, 1, _HOSTILE)
    viewer = await console.browser(Role.VIEWER)
    for path in ("/console/failures", f"/console/failures/{_HOSTILE.fingerprint}"):
        page = await viewer.get(path)
        assert page.status == 200 and "<script>alert" not in page.html and "&lt;script&gt;" in page.html
        assert len(page.html) < 200_000
    assert (await viewer.get("/console/failures/nothing")).status == 404
    assert (await viewer.get(f"/console/failures/dead-letters/{10**30}")).status == 404


async def test_an_operator_replays_a_cause_and_sees_the_result(console: ConsoleHub) -> None:
    await add_letter(console, await _load(console))
    operator = await console.browser(Role.OPERATOR)
    (replay,) = {link for link in (await operator.get(_CAUSE)).links if "/console/failures/replay?" in link}
    confirm = await operator.get(replay)
    assert "Replay 1 dead letter" in confirm.text and await _operations(console) == []
    assert "Cause StatementTimeout (57014) products/merge.py:merge_chunks" in confirm.text
    page = await operator.post("/console/failures/replay", error=CAUSE.fingerprint)
    assert page.status == 200 and "/console/failures/replays/" in str(page.answer.url)
    page = await _until_done(console, operator, page)
    assert "done 1 of 1 replayed, failed again: 0" in page.text
    (entry,) = await _audit(console, "dead_letters.replay")
    assert operator.user and (entry["actor"], entry["address"]) == (operator.user.name, "127.0.0.1")
    assert (entry["before"], entry["outcome"]) == ({"error": CAUSE.fingerprint}, "done")
    assert "Cause StatementTimeout (57014)" in page.text
    listed = (await operator.get("/console/failures/replays")).text
    assert "done" in listed and "StatementTimeout (57014)" in listed
    assert "resolved: no dead letter is open" in (await operator.get(_CAUSE)).text


async def _until_done(console: ConsoleHub, browser: Any, page: Page) -> Page:
    async with asyncio.timeout(60):
        while "applied." in page.text or "done 1 of" not in page.text:
            await asyncio.sleep(0.1)
            page = await browser.get(str(page.answer.url).removeprefix("http://console"))
    return page


async def test_a_viewer_sees_no_act_and_is_refused_each(console: ConsoleHub) -> None:
    await add_letter(console, await _load(console))
    viewer = await console.browser(Role.VIEWER)
    page = await viewer.get(_CAUSE)
    assert f"{_CAUSE}/mute" not in page.html and "Replay the" not in page.text
    assert (await viewer.get("/console/failures/replay", error=CAUSE.fingerprint)).status == 403
    for path in ("/console/failures/replay", f"{_CAUSE}/mute", f"{_CAUSE}/unmute"):
        assert (await viewer.post(path, error=CAUSE.fingerprint, until="2999-01-01", note="x")).status == 403
    assert await _operations(console) == []
    assert await console.run("SELECT FROM failure_groups WHERE muted_until IS NOT NULL") == []


async def test_an_empty_filter_and_one_that_finds_nothing_are_refused(console: ConsoleHub) -> None:
    await add_messages(console, 1)
    operator = await console.browser(Role.OPERATOR)
    for fields, reason in (({}, "The filter is missing"), ({"cnpj": CNPJ}, "No open dead letter matches")):
        assert reason in (await operator.post("/console/failures/replay", **fields)).text
    assert (await operator.get("/console/failures/replay")).status == 400
    assert [entry["outcome"] for entry in await _audit(console, "dead_letters.replay")] == [
        "filter_missing",
        "replay_nothing_open",
    ]
    assert await _operations(console) == []


async def test_letters_whose_records_are_lost_are_said_before_the_click(console: ConsoleHub) -> None:
    letter = await add_letter(console, await _load(console))
    await console.run("UPDATE dead_letters SET location = 'dead/gone'")
    operator = await console.browser(Role.OPERATOR)
    page = await operator.get(f"/console/failures/dead-letters/{letter}")
    assert "<button disabled>" in page.html and "Cannot be replayed:" in page.text
    confirm = await operator.get("/console/failures/replay", error=CAUSE.fingerprint)
    assert "1 cannot be replayed, and stays open: 1: the records are no longer stored" in confirm.text
    assert '<form method="post"' not in confirm.html


async def test_a_running_replay_is_stopped_once(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await add_messages(console, 3)
        operator = await console.browser(Role.OPERATOR)
        page = await operator.post("/console/failures/replay", error=CAUSE.fingerprint)
        assert "0 of 3 replayed" in page.text and "3 still wait" in page.text
        viewed = await (await console.browser(Role.VIEWER)).get(page.answer.url.path)
        assert "only an operator may act on it" in viewed.text
        stop = f"{page.answer.url.path}/stop"
        stopped = await operator.post(stop)
        assert "Dead letters that stay open: 3." in stopped.text
        assert "3 were not replayed, and stay open" in stopped.text
        assert "has already ended" in (await operator.post(stop)).text
        assert [entry["outcome"] for entry in await _audit(console, "dead_letters.replay.stop")] == [
            "done",
            "bulk_operation_ended",
        ]


async def test_a_muted_cause_asks_for_nothing_until_its_date(console: ConsoleHub) -> None:
    await add_messages(console, 1)
    operator, now = await console.browser(Role.OPERATOR), datetime.now(UTC)
    until = f"{now + timedelta(days=3):%Y-%m-%d}"
    for wrong in ({"until": "2020-01-01", "note": "x"}, {"until": until, "note": " "}, {"until": "soon", "note": "x"}):
        assert "give a future date" in (await operator.post(f"{_CAUSE}/mute", **wrong)).text
    assert await console.run("SELECT FROM failure_groups WHERE muted_until IS NOT NULL") == []
    page = await operator.post(f"{_CAUSE}/mute", until=until, note="the vendor mends it")
    assert operator.user and f"Muted by {operator.user.name} until" in page.text
    assert "the vendor mends it" in page.text
    assert _CAUSE not in (await operator.get("/console/failures")).links
    assert _CAUSE in (await operator.get("/console/failures", state="muted")).links
    await operator.post(f"{_CAUSE}/unmute")
    assert _CAUSE in (await operator.get("/console/failures")).links
    outcomes = [entry["outcome"] for entry in await _audit(console, "failure.mute")]
    assert outcomes == ["mute_invalid"] * 3 + ["done"] and len(await _audit(console, "failure.unmute")) == 1


async def test_a_live_block_is_sent_only_when_it_changed(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await add_messages(console, 1)
        await console.run("UPDATE failure_groups SET first_seen = '2026-01-01', last_seen = '2026-01-01'")
        viewer = await console.browser(Role.VIEWER)
        page = await viewer.poll("/console/failures", "rows")
        version = page.html.partition("Live-Version&quot;: &quot;")[2].partition("&")[0]
        assert version and (await viewer.poll("/console/failures", "rows", version)).status == 204
        await add_messages(console, 1)
        assert (await viewer.poll("/console/failures", "rows", version)).status == 200
