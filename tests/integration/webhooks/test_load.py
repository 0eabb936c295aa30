"""Load: receivers that hang delay no other, while many webhooks are sent to many receivers."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from integrahub.worker.sending import send_due
from integrahub.worker.watchdog import LoopWatchdog
from tests.integration.webhooks.conftest import Webhooks

# Webhooks, receivers, and seconds in which the webhooks become due.
_COUNT, _RECEIVERS, _SECONDS = (10_000, 100, 60) if os.environ.get("IHUB_LONG") else (300, 20, 6)
_HANGING = _RECEIVERS // 10
_STEPS = 10 * _SECONDS
_FIGURES = """
SELECT count(*) AS all, count(d.ended_at) AS delivered, percentile_cont(ARRAY[0.5, 0.95, 1]) WITHIN GROUP
  (ORDER BY extract(epoch FROM d.ended_at - d.created_at)) AS seconds
FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id WHERE e.pharmacy_id > %s
"""
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept a webhook, or answer nothing if the address is one of those that hang."""
    number = int(writer.get_extra_info("sockname")[0].rpartition(".")[2])
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        if number <= _HANGING:
            await asyncio.sleep(120)
        writer.write(_ANSWER)
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass  # the sender gave up, or the test ends
    finally:
        writer.close()


@contextmanager
def _receivers() -> Iterator[int]:
    """Run receivers on 127.0.1.1, 127.0.1.2, ... in a thread; yield their port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(_serve, "0.0.0.0", 0, backlog=1024), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:

        async def end() -> None:
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _add(webhooks: Webhooks, count: int) -> None:
    """Store deliveries that are due now, spread over all endpoints."""
    webhooks.rows(
        "INSERT INTO webhook_deliveries (endpoint_id, event, next_attempt_at, created_at)"
        " SELECT e.id, 'webhook.test', now(), clock_timestamp()"
        " FROM (SELECT 1 + floor(random() * %s)::int AS place FROM generate_series(1, %s)) drawn"
        " JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM webhook_endpoints) e USING (place)",
        [_RECEIVERS, count],
    )


async def _figures(webhooks: Webhooks) -> dict[str, Any]:
    """Return the figures of the receivers that answer, as soon as all their webhooks are delivered."""
    async with asyncio.timeout(60):
        while True:
            [figures] = webhooks.rows(_FIGURES, [_HANGING])
            if figures["delivered"] == figures["all"]:
                return figures
            await asyncio.sleep(0.5)


@pytest.mark.timeout(300)
async def test_receivers_that_hang_delay_no_other(webhooks: Webhooks) -> None:
    stop = asyncio.Event()
    with _receivers() as port:
        for number in range(1, _RECEIVERS + 1):
            host = f"127.0.1.{number}:{port}"
            webhooks.endpoint(f"http://{host}/", owner="pharmacy", pharmacy_id=number)
        sending = asyncio.create_task(send_due(webhooks.notify, stop, LoopWatchdog()))
        for _ in range(_STEPS):
            await asyncio.to_thread(_add, webhooks, _COUNT // _STEPS)
            await asyncio.sleep(0.1)
        figures = await _figures(webhooks)
        stop.set()
        for task in webhooks.notify._running:
            task.cancel()
        await sending
    median, p95, most = figures["seconds"]
    print(
        f"{figures['all']} webhooks to receivers that answer: {median:.2f} s median, {p95:.2f} s P95, {most:.2f} s max"
    )
    assert figures["all"] > 0.8 * _COUNT
    assert p95 < 2
