"""Server-sent events of a batch over a real server: progress, end, resumption, limits, and the end of the process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest

from integrahub.api import event_stream
from integrahub.api.event_stream import StreamSlots
from integrahub.db.batches import reports
from integrahub.domain.errors import Unavailable
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.listening import listening

Event = dict[str, str]


@asynccontextmanager
async def _served(
    settings: Settings, steps: list[str] | None = None
) -> AsyncIterator[tuple[Client, httpx2.AsyncClient]]:
    """Run a hub behind a real server; yield its client, and one that reads streams."""
    async with running(settings, steps or []) as client, listening(client.app, settings) as port:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as streams:
            yield client, streams


def _headers(client: Client, last_id: str = "") -> dict[str, str]:
    return {"X-Api-Key": client.key} | ({"Last-Event-ID": last_id} if last_id else {})


async def _events(answer: httpx2.Response) -> AsyncIterator[Event]:
    """Yield the events of a stream; a comment is an event without a name."""
    event: Event = {}
    async for line in answer.aiter_lines():
        if not line:
            yield event
            event = {}
        else:
            name, _, value = line.partition(":")
            event[name or "comment"] = value.strip()


async def _post(client: Client, count: int = 100) -> str:
    records = [{"PRODUCTID": number, "TITLE": f"Product {number}"} for number in range(1, count + 1)]
    return str((await client.post(records)).json()["batch_id"])


async def _cancel(client: Client, batch_id: str) -> None:
    await client.admin("POST", f"/v1/batches/{batch_id}/cancel")


async def test_a_stream_shows_progress_then_the_end_once_and_closes(settings: Settings) -> None:
    async with _served(settings, ["split", "upsert", "finish", "sweep"]) as (client, streams):
        batch_id = await _post(client, 20_000)
        async with streams.stream("GET", f"/v1/batches/{batch_id}/events", headers=_headers(client)) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = [event async for event in _events(answer) if "event" in event]
        assert {event["event"] for event in events[:-1]} == {"progress"}
        assert (events[-1]["event"], events[-1]["id"]) == ("finished", "finished")
        assert len({event["id"] for event in events}) == len(events)
        data: dict[str, Any] = json.loads(events[-1]["data"])
        assert data == await client.get(f"/v1/batches/{batch_id}")
        assert data["status"] == "COMPLETED" and data["inserted"] == 20_000
        done = [json.loads(event["data"])["items_processed"] for event in events]
        assert done == sorted(done)


async def test_a_client_that_returns_gets_what_it_has_not_seen(settings: Settings) -> None:
    async with _served(settings) as (client, streams):
        batch_id = await _post(client)
        path = f"/v1/batches/{batch_id}/events"
        async with streams.stream("GET", path, headers=_headers(client)) as answer:
            first = await anext(event async for event in _events(answer) if "event" in event)
        async with streams.stream("GET", path, headers=_headers(client, first["id"])) as answer:
            await _cancel(client, batch_id)
            events = [event async for event in _events(answer) if "event" in event]
        assert [event["event"] for event in events] == ["finished"]
        assert (await streams.get(path, headers=_headers(client, "finished"))).status_code == 204
        again = await streams.get(path, headers=_headers(client))
        assert "event: finished" in again.text


async def test_a_quiet_stream_has_comments_and_ends_once_its_key_is_revoked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "COMMENT_INTERVAL_SECONDS", 0.2)
    async with _served(settings) as (client, streams):
        batch_id = await _post(client)
        async with streams.stream("GET", f"/v1/batches/{batch_id}/events", headers=_headers(client)) as answer:
            events = _events(answer)
            while "comment" not in await anext(events):
                continue
            (key,) = (await client.admin("GET", "/admin/keys"))["items"]
            await client.admin("DELETE", f"/admin/keys/{key['id']}")
            async with asyncio.timeout(10):
                assert [event async for event in events if "event" in event] == []


async def test_twenty_streams_of_a_key_leave_its_reads_alone_and_the_next_is_refused(settings: Settings) -> None:
    async with _served(settings) as (client, streams), AsyncExitStack() as stack:
        path = f"/v1/batches/{await _post(client)}/events"
        for _ in range(20):
            answer = await stack.enter_async_context(streams.stream("GET", path, headers=_headers(client)))
            assert answer.status_code == 200
        refused = await streams.get(path, headers=_headers(client))
        assert (refused.status_code, refused.json()["code"]) == (503, "streams_limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get("/v1/batches"))["items"]


def test_two_hundred_streams_of_all_keys_are_the_limit_of_a_process() -> None:
    slots = StreamSlots()
    with ExitStack() as stack:
        for number in range(200):
            stack.enter_context(slots.hold(f"key {number % 10}"))
        with pytest.raises(Unavailable):
            slots.check("another key")
    slots.check("another key")


async def test_streams_end_when_the_process_drains(settings: Settings) -> None:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch_id = await _post(client)
        async with httpx2.AsyncClient(timeout=30, trust_env=False) as streams, AsyncExitStack() as stack:
            async with listening(client.app, settings) as port:
                path = f"http://127.0.0.1:{port}/v1/batches/{batch_id}/events"
                answer = await stack.enter_async_context(streams.stream("GET", path, headers=_headers(client)))
                events = _events(answer)
                while "event" not in await anext(events):
                    continue
            async with asyncio.timeout(10):
                assert [event async for event in events if "event" in event] == []


async def test_all_streams_of_a_process_share_one_poll(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    polls: list[int] = []
    show_all = reports.show_all

    async def counted(database: Any, ids: Any) -> Any:
        polls.append(len(ids))
        return await show_all(database, ids)

    monkeypatch.setattr(reports, "show_all", counted)
    async with _served(settings) as (client, streams), AsyncExitStack() as stack:
        paths = [f"/v1/batches/{await _post(client, count)}/events" for count in (1, 2, 3)]
        for path in paths * 4:
            await stack.enter_async_context(streams.stream("GET", path, headers=_headers(client)))
        before = len(polls)
        await asyncio.sleep(2.5)
        assert 1 <= len(polls) - before <= 3 and polls[-1] == 3
        await stack.aclose()
        await asyncio.sleep(1.5)
        quiet = len(polls)
        await asyncio.sleep(1.5)
        assert len(polls) == quiet, "no stream is open"


async def test_a_batch_of_another_pharmacy_has_no_stream(settings: Settings) -> None:
    async with _served(settings) as (client, streams):
        batch_id = await _post(client)
        other = (await client.admin("POST", "/admin/pharmacies/33000167000101/api-key"))["api_key"]
        answer = await streams.get(f"/v1/batches/{batch_id}/events", headers={"X-Api-Key": other})
        assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")
