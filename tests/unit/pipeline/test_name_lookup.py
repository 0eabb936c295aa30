"""Look-up of host names: one that hangs keeps one thread, however often it is tried."""

import asyncio
import threading

import pytest

from integrahub.pipeline.notify import name_lookup
from integrahub.pipeline.notify.name_lookup import NameLookup


async def test_a_host_whose_name_server_hangs_takes_one_thread_and_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, started = threading.Event(), list[str]()

    def look_up(host: str) -> name_lookup._Found:
        started.append(host)
        if host == "hangs":
            answered.wait(30)
        return [(0, 0, 0, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(name_lookup, "_look_up", look_up)
    monkeypatch.setattr(name_lookup, "_LOOKUP_THREADS", 2)
    lookup = NameLookup()
    try:
        for _ in range(4):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(lookup("hangs"), 0.05)
        assert await asyncio.wait_for(lookup("works"), 10) == ["192.0.2.1"]
        assert started == ["hangs", "works"]
        waiting = asyncio.create_task(lookup("hangs"))
        await asyncio.sleep(0)
    finally:
        answered.set()
    assert await waiting == ["192.0.2.1"]
    assert await lookup("hangs") == ["192.0.2.1"]
    assert started == ["hangs", "works", "hangs"]
