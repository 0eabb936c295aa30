"""One scenario from the first connection to the last figure."""

import asyncio
import ssl
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress

from integrahub.client.client import ApiError, Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.loadtest.accounting import Accounting, account_for, products_held
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, drive
from integrahub.tools.loadtest.payloads import Heads, Post
from integrahub.tools.loadtest.process_memory import MemoryProbe, remembered
from integrahub.tools.terminal.output import notify
from integrahub.tools.terminal.progress import bars

_LOOK = 0.2  # seconds between two moves of the bar
_OWN_LIMIT = "16g"  # bytes a body may have in a hub of one's own


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is posted: `posts` of `records` products by `cnpjs`, `at_once` under way; `made` gives them."""

    name: str
    cnpjs: list[str]
    posts: int
    records: int
    at_once: int
    made: Callable[[Heads], Iterator[Post]]
    load_type: str = "delta"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scenario; `memory` is empty where the hub is not one's own."""

    scenario: Scenario
    tally: Tally
    accounting: Accounting
    memory: MemoryProbe

    @property
    def faults(self) -> list[str]:
        """Everything that is lost, doubled or refused; empty when all is well."""
        tally, found = self.tally, list(self.tally.refusals)
        if tally.posted != self.scenario.posts or len(tally.accepted) != self.scenario.posts:
            found.append(f"{self.scenario.posts} posts: {tally.posted} tried, {len(tally.accepted)} accepted")
        found += self.accounting.faults
        unequal = [cnpj for cnpj, account in self.accounting.accounts.items() if not account.adds_up]
        return found + [f"pharmacy {cnpj} does not add up: {self.accounting.accounts[cnpj]}" for cnpj in unequal]


@dataclass(frozen=True, slots=True)
class Target:
    """A hub to post to: `folder` holds its fleet when it is one's own."""

    admin: Client
    folder: Path | None = None
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)


@contextmanager
def own_hub(workers: int) -> Iterator[Target]:
    """An embedded hub in a temporary folder, on loopback."""
    with tempfile.TemporaryDirectory(prefix="integrahub-load-") as folder:
        notify("Starting a hub of its own in a temporary folder...")
        with run_embedded_hub(Path(folder), workers, {"MAX_PAYLOAD_SIZE": _OWN_LIMIT}) as admin:
            yield Target(admin, Path(folder) / "kept")


@contextmanager
def open_target(admin: Client, trusted: ssl.SSLContext) -> Iterator[Target]:
    """Use a running hub, through a client with the operator's key."""
    with admin:
        yield Target(admin, trusted=trusted)


def run(target: Target, scenario: Scenario) -> Outcome:
    """Post, wait until all is applied, account. Refused when a pharmacy of the load has a catalogue already."""
    made = target.admin.call(
        "POST", "/admin/keys", json={"cnpjs": scenario.cnpjs, "scopes": ["ingest", "read"], "rate_limit": "off"}
    )
    try:
        with target.admin.with_key(made["api_key"]) as client, bars() as progress:
            return _run(target, client, made["api_key"], scenario, progress)
    finally:
        target.admin.call("DELETE", f"/admin/keys/{made['id']}")


def _run(target: Target, client: Client, key: str, scenario: Scenario, progress: Progress) -> Outcome:
    if target.folder is None:
        _refuse_known(client, scenario.cnpjs)
    since = client.get("/health")["timestamp"]
    posts = scenario.made(Heads(client.url, key, scenario.load_type))
    tally, road = Tally(), ConnectionPool(client.url, target.trusted)
    with _memory_of(target.folder) as memory:
        on_a_fast_loop(_drive_and_tell(road, posts, scenario, tally, progress))
        accounting = account_for(client, since, scenario.cnpjs, tally, progress)
    return Outcome(scenario, tally, accounting, memory)


def _refuse_known(client: Client, cnpjs: list[str]) -> None:
    """A load makes products up: it must not meet a real catalogue."""
    for cnpj in cnpjs:
        if held := products_held(client, cnpj):
            raise ApiError(
                f"Pharmacy {cnpj} has {held:,} products in that hub, and a load would add made-up ones. "
                "Use a hub that is there for tests, or leave --url out for a hub of the load's own."
            )


@contextmanager
def _memory_of(folder: Path | None) -> Iterator[MemoryProbe]:
    if folder is None:
        yield MemoryProbe()
        return
    with remembered(folder) as memory:
        yield memory


def on_a_fast_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end, on uvloop where there is one."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _drive_and_tell(
    road: ConnectionPool, posts: Iterator[Post], scenario: Scenario, tally: Tally, progress: Progress
) -> None:
    task = progress.add_task(f"posting, {scenario.at_once:,} at once", total=scenario.posts)
    driving = asyncio.create_task(drive(road, posts, scenario.at_once, tally))
    while not driving.done():
        await asyncio.wait([driving], timeout=_LOOK)
        progress.update(task, completed=tally.posted)
    await driving
