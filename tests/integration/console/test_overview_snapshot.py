"""Snapshot of the hub: what it holds, and how often the database is read for all readers of a process."""

import asyncio
from dataclasses import replace

from integrahub.db.console import overview
from integrahub.db.console.figures_rows import FigureRange
from integrahub.db.tenancy import DatabaseRole
from integrahub.hub.bootstrap import open_hub
from integrahub.monitoring.attention import AttentionKind, FailingDependency
from integrahub.settings.model import Settings
from integrahub.storage.memory import MemoryStorage


class _BrokenStorage(MemoryStorage):
    async def check(self) -> None:
        raise ConnectionRefusedError("refused")


async def test_a_snapshot_joins_rows_dependencies_workers_and_rates(filled: str, settings: Settings) -> None:
    async with open_hub(settings, role=DatabaseRole.CONSOLE) as hub:
        snapshot = await replace(hub, storage=_BrokenStorage()).overview().snapshot()
    assert snapshot.throughput.peak == 10 and snapshot.throughput.posts > 0
    kinds = [item.kind for item in snapshot.attention]
    assert kinds[0] is AttentionKind.DEPENDENCY and kinds[-1] is AttentionKind.SILENT
    assert kinds.count(AttentionKind.CAUSE) == 3
    failing = snapshot.attention[0].row
    assert isinstance(failing, FailingDependency) and failing.name == "storage" and failing.since and failing.message.pt
    assert snapshot.dependencies["postgresql"].is_ok and not snapshot.dependencies["storage"].is_ok


class _SlowStorage(MemoryStorage):
    """Storage whose check ends when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def check(self) -> None:
        await self.may_end.wait()


async def test_a_slow_dependency_delays_no_page_while_the_last_snapshot_is_young(settings: Settings) -> None:
    async with open_hub(settings, role=DatabaseRole.CONSOLE) as hub:
        storage = _SlowStorage()
        reader = replace(hub, storage=storage).overview()
        first = await reader.snapshot()
        storage.may_end.clear()
        await asyncio.sleep(1)  # the check and the snapshot are kept for a second
        assert await reader.snapshot() is first
        now = asyncio.create_task(reader.snapshot(0))
        storage.may_end.set()
        assert (await now).read_at > first.read_at


async def test_all_readers_of_a_process_share_one_read_a_second(filled: str, settings: Settings, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    reads = 0
    find = overview.find_overview

    async def counted(database):  # type: ignore[no-untyped-def]
        nonlocal reads
        reads += 1
        return await find(database)

    monkeypatch.setattr(overview, "find_overview", counted)
    async with open_hub(settings, role=DatabaseRole.CONSOLE) as hub:
        reader = hub.overview()
        snapshots = await asyncio.gather(*(reader.snapshot() for _ in range(50)))
        assert reads == 1 and all(snapshot is snapshots[0] for snapshot in snapshots)
        points = await asyncio.gather(*(reader.points(FigureRange.WEEK) for _ in range(50)))
        assert len(points[0]) > 160 and all(each is points[0] for each in points)
