"""Run of one scenario: connect, post, wait for the batches, account."""

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

from integrahub.client import ApiError, Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.loadtest.accounting import Accounting, account_for, count_products
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, post_all
from integrahub.tools.loadtest.payloads import Heads, Post
from integrahub.tools.loadtest.process_memory import MemoryProbe, watch_memory
from integrahub.tools.terminal.output import notify
from integrahub.tools.terminal.progress import bars

_BAR_INTERVAL_SECONDS = 0.2
_MAX_PAYLOAD_SIZE = "16g"  # of the temporary hub


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load: `posts` of `records` products each, the pharmacies in turn, over `concurrency` connections."""

    name: str
    cnpjs: list[str]
    posts: int
    records: int
    concurrency: int
    build_posts: Callable[[Heads], Iterator[Post]]
    load_type: str = "delta"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of a scenario; `memory` is empty for a hub that the load test did not start."""

    scenario: Scenario
    tally: Tally
    accounting: Accounting
    memory: MemoryProbe

    @property
    def faults(self) -> list[str]:
        """A sentence for everything that was lost, duplicated or refused."""
        tally, faults = self.tally, list(self.tally.refusals)
        if tally.posted != self.scenario.posts or len(tally.accepted) != self.scenario.posts:
            faults.append(f"{self.scenario.posts} posts: {tally.posted} tried, {len(tally.accepted)} accepted")
        faults += self.accounting.faults
        unequal = [cnpj for cnpj, account in self.accounting.accounts.items() if not account.adds_up]
        return faults + [f"pharmacy {cnpj} does not add up: {self.accounting.accounts[cnpj]}" for cnpj in unequal]


@dataclass(frozen=True, slots=True)
class Target:
    """A hub to post to; `folder` is the data folder of a temporary hub."""

    admin: Client
    folder: Path | None = None
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)


@contextmanager
def run_temporary_hub(workers: int) -> Iterator[Target]:
    """Run an embedded hub in a temporary folder while the block runs."""
    with tempfile.TemporaryDirectory(prefix="integrahub-load-") as folder:
        notify("Starting a temporary hub...")
        with run_embedded_hub(Path(folder), workers, {"MAX_PAYLOAD_SIZE": _MAX_PAYLOAD_SIZE}) as admin:
            yield Target(admin, Path(folder) / "kept")


@contextmanager
def open_target(admin: Client, trusted: ssl.SSLContext) -> Iterator[Target]:
    """Use a running hub, through a client with the operator's key."""
    with admin:
        yield Target(admin, trusted=trusted)


def run_scenario(target: Target, scenario: Scenario) -> Outcome:
    """Post, wait until all batches are final, and account.

    Raise ApiError if a pharmacy of the load already has products in a hub that was not started for it.
    """
    created = target.admin.call(
        "POST", "/admin/keys", json={"cnpjs": scenario.cnpjs, "scopes": ["ingest", "read"], "rate_limit": "off"}
    )
    try:
        with target.admin.with_key(created["api_key"]) as client, bars() as progress:
            return _run(target, client, created["api_key"], scenario, progress)
    finally:
        target.admin.call("DELETE", f"/admin/keys/{created['id']}")


def _run(target: Target, client: Client, key: str, scenario: Scenario, progress: Progress) -> Outcome:
    if target.folder is None:
        _check_no_products(client, scenario.cnpjs)
    since = client.get("/health")["timestamp"]
    posts = scenario.build_posts(Heads(client.url, key, scenario.load_type))
    tally, pool = Tally(), ConnectionPool(client.url, target.trusted)
    with _watch_if_own(target.folder) as memory:
        run_with_uvloop(_post_with_bar(pool, posts, scenario, tally, progress))
        accounting = account_for(client, since, scenario.cnpjs, tally, progress)
    return Outcome(scenario, tally, accounting, memory)


def _check_no_products(client: Client, cnpjs: list[str]) -> None:
    # The products of a load are invented and must not be mixed with a real catalogue.
    for cnpj in cnpjs:
        if count := count_products(client, cnpj):
            raise ApiError(
                f"Pharmacy {cnpj} has {count:,} products in this hub, and the load would add invented ones. Use a test "
                "hub, or omit --url to start a temporary one."
            )


@contextmanager
def _watch_if_own(folder: Path | None) -> Iterator[MemoryProbe]:
    if folder is None:
        yield MemoryProbe()
        return
    with watch_memory(folder) as memory:
        yield memory


def run_with_uvloop(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, with uvloop where it exists."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _post_with_bar(
    pool: ConnectionPool, posts: Iterator[Post], scenario: Scenario, tally: Tally, progress: Progress
) -> None:
    task = progress.add_task(f"posting, {scenario.concurrency:,} at once", total=scenario.posts)
    posting = asyncio.create_task(post_all(pool, posts, scenario.concurrency, tally))
    while not posting.done():
        await asyncio.wait([posting], timeout=_BAR_INTERVAL_SECONDS)
        progress.update(task, completed=tally.posted)
    await posting
