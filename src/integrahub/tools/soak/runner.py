"""Run of a soak test on a temporary hub: load, faults by plan, then the accounts."""

import asyncio
import logging
import platform
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import httpx2
import msgspec

from integrahub import __version__
from integrahub.client import ApiError, Client
from integrahub.console.access import COOKIE
from integrahub.db.accounts import user_sessions, users
from integrahub.db.database import Database
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.people.roles import Role
from integrahub.hub.bootstrap import open_hub
from integrahub.settings.model import Settings
from integrahub.tools.loadtest.accounting import count_products
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from integrahub.tools.soak.alerts import AlertLog, observe_alerts
from integrahub.tools.soak.injection import FaultInjector, Services
from integrahub.tools.soak.ledger import Account, Ledger, compare
from integrahub.tools.soak.observation import Observation, observe_attention, observe_health, observe_memory
from integrahub.tools.soak.plan import DISTRIBUTED, EMBEDDED, Fault, plan_faults
from integrahub.tools.soak.receiver import Receiver, receive_webhooks
from integrahub.tools.soak.rows import InjectedFault, ListedBatch, RunFacts, SoakReport, WebhookCounts
from integrahub.tools.soak.traffic import Traffic

SETTINGS = {"WEBHOOK_ALLOW": "127.0.0.1", "READ_RATE_LIMIT": "off", "PUBLIC_URL": "http://127.0.0.1"}
_DELTA_PHARMACIES, _FULL_PHARMACIES, _READERS, _CONSOLES = 4, 1, 2, 2
_SOAK_FINISH_TIMEOUT_SECONDS = 600.0
_WEBHOOKS_TIMEOUT_SECONDS = 180.0
_POLL_SECONDS = 0.5
_ANSWER_TIMEOUT_SECONDS = 60.0
_UNFINISHED = ("RECEIVED", "PROCESSING")
_UNACCOUNTED = re.compile(r"^integrahub_unaccounted_records (\d+)", re.MULTILINE)
_EVENTS = ["batch.completed", "batch.partial_fail", "batch.failed", "batch.cancelled"]


@dataclass(frozen=True, slots=True)
class SoakOrder:
    """What to run. `with_faults`: fail parts of the hub by the plan of the seed."""

    seconds: float
    seed: int
    with_faults: bool
    is_distributed: bool


@dataclass(slots=True)
class SoakResult:
    """What happened. `missing_webhooks`: acknowledged batches of which no event arrived."""

    order: SoakOrder
    faults: list[tuple[Fault, str]] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    account: Account = field(default_factory=Account)
    observation: Observation = field(default_factory=Observation)
    receiver: Receiver = field(default_factory=Receiver)
    alerts: AlertLog = field(default_factory=AlertLog)
    missing_webhooks: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_passed(self) -> bool:
        """Whether all accounts add up, and no post was refused for good."""
        return self.account.adds_up and not self.ledger.refusals and not self.missing_webhooks

    def report(self) -> SoakReport:
        """Return the report."""
        ledger, watched = self.ledger, self.observation
        faults = [InjectedFault(one.at, str(one.kind), one.seconds, hit) for one, hit in self.faults]
        return SoakReport(
            run=self._describe_run(),
            is_passed=self.is_passed,
            batches=len(ledger.batches),
            records=sum(ledger.batches.values()),
            accounts=self.account.count(),
            refusals=ledger.refusals[:10],
            answers=dict(sorted(ledger.answers.items())),
            unexpected=ledger.unexpected,
            webhooks=WebhookCounts(self.receiver.events, self.missing_webhooks),
            faults=faults,
            health=dict(sorted(watched.troubles.items())),
            attention=dict(sorted(watched.attention.items())),
            memory=watched.memory.report(),
            alerts=self.alerts.report(faults),
        )

    def _describe_run(self) -> RunFacts:
        return RunFacts(
            version=__version__,
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            started_at=self.started_at.isoformat(timespec="seconds"),
            hours=round(self.order.seconds / 3600, 4),
            seed=self.order.seed,
            hub="distributed" if self.order.is_distributed else "embedded",
        )


async def run_soak(
    client: Client, data_dir: Path, order: SoakOrder, services: Services, alerts: AlertLog
) -> SoakResult:
    """Run a soak test on the hub of a data folder. `client` has the operator's key."""
    result = SoakResult(order, alerts=alerts)
    cnpjs = load_real_cnpjs(_DELTA_PHARMACIES + _FULL_PHARMACIES)
    created = client.call(
        "POST", "/admin/keys", json={"cnpjs": cnpjs, "scopes": ["ingest", "read"], "rate_limit": "off"}
    )
    async with receive_webhooks() as receiver, _open_http(client.url) as http:
        result.receiver = receiver
        client.call("PUT", "/admin/webhook", json={"url": receiver.url, "events": _EVENTS})
        injector = FaultInjector(data_dir, services)
        traffic = Traffic(http, created["api_key"], result.ledger, asyncio.Event(), injector.cut.is_set)
        async with _open_console(data_dir) as console:
            await _run_clients(traffic, cnpjs, _Run(result, injector, data_dir, console))
        await asyncio.to_thread(_wait_until_final, client)
        with client.with_key(created["api_key"]) as reader:
            await asyncio.to_thread(_account, reader, client, result, traffic)
        await _wait_for_webhooks(result)
    return result


@dataclass(frozen=True, slots=True)
class _Run:
    result: SoakResult
    injector: FaultInjector
    data_dir: Path
    console: Database


def _open_http(url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, timeout=_ANSWER_TIMEOUT_SECONDS, trust_env=False)


@asynccontextmanager
async def _open_console(data_dir: Path) -> AsyncIterator[Database]:
    """Yield the database as the console sees it."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # its warnings are about outages of the plan
    postgres = EmbeddedPostgres(data_dir / "postgres")
    url = await postgres.url_of_running(DatabaseRole.CONSOLE)
    settings = Settings(data_dir=data_dir, database_url=url, bus_url="local")
    async with open_hub(settings, "integrahub soak", DatabaseRole.CONSOLE) as hub:
        yield hub.all_tenants


async def _sign_in(console: Database) -> dict[str, str]:
    """Return the cookie of a person who looks at the console."""
    user = await users.add(console, "soak", Role.VIEWER)
    if user is None:
        raise ApiError("The console has a user `soak` already. A soak test needs a hub of its own.")
    return {COOKIE: await user_sessions.start(console, user.id, "127.0.0.1", "soak")}


async def _run_clients(traffic: Traffic, cnpjs: list[str], run: _Run) -> None:
    """Run all clients and faults for the time of the order; then let each client end its post."""
    cookie = await _sign_in(run.console)
    started = traffic.started = monotonic()
    deltas, fulls = cnpjs[:_DELTA_PHARMACIES], cnpjs[_DELTA_PHARMACIES:]
    async with _observe(traffic, run), asyncio.TaskGroup() as group:
        for work in (*map(traffic.post_deltas, deltas), *map(traffic.post_fulls, fulls)):
            group.create_task(work)
        for cnpj in cnpjs[:_READERS]:
            group.create_task(traffic.read(cnpj))
        for _ in range(_CONSOLES):
            group.create_task(traffic.look_at_console(cookie))
        await _inject_all(run, started)
        await asyncio.sleep(max(0.0, started + run.result.order.seconds - monotonic()))
        traffic.stop.set()


@asynccontextmanager
async def _observe(traffic: Traffic, run: _Run) -> AsyncIterator[None]:
    """Observe the hub while the block runs. An observer that fails, fails the run."""
    observation = run.result.observation
    observers = (
        observe_memory(run.data_dir, observation, traffic.second),
        observe_health(traffic.http, observation),
        observe_attention(run.console, observation),
        observe_alerts(run.result.alerts, traffic.second),
    )
    tasks = [asyncio.create_task(each) for each in observers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _inject_all(run: _Run, started: float) -> None:
    order = run.result.order
    kinds = DISTRIBUTED if order.is_distributed else EMBEDDED
    for fault in plan_faults(order.seed, order.seconds, kinds) if order.with_faults else ():
        await asyncio.sleep(max(0.0, started + fault.at - monotonic()))
        run.result.faults.append((fault, await run.injector.inject(fault)))


def _wait_until_final(client: Client) -> None:
    deadline, never = monotonic() + _SOAK_FINISH_TIMEOUT_SECONDS, threading.Event()
    while monotonic() < deadline:
        with suppress(ApiError):
            if not any(client.get("/v1/batches", status=status, limit=1)["items"] for status in _UNFINISHED):
                return
        never.wait(_POLL_SECONDS)


def _account(reader: Client, operator: Client, result: SoakResult, traffic: Traffic) -> None:
    """Compare what was acknowledged with what the hub lists and holds."""
    ledger = result.ledger
    products = {cnpj: count_products(reader, cnpj) for cnpj in ledger.products}
    listed = msgspec.convert(list(reader.list_all("/v1/batches", limit=500)), list[ListedBatch])
    result.account = compare(ledger, listed, products)
    for cnpj, price in traffic.prices.items():
        items = reader.get("/v1/products", cnpj=cnpj, limit=100)["items"]
        if wrong := sum(float(item["price"]) != price for item in items):
            result.account.lost.append(f"{wrong} prices of the last FULL of {cnpj}")
    metrics = httpx2.get(f"{operator.url}/metrics", timeout=_ANSWER_TIMEOUT_SECONDS, trust_env=False).text
    result.account.unaccounted = sum(map(int, _UNACCOUNTED.findall(metrics)))


async def _wait_for_webhooks(result: SoakResult) -> None:
    deadline = monotonic() + _WEBHOOKS_TIMEOUT_SECONDS
    while result.ledger.batches.keys() - result.receiver.batches and monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)
    result.missing_webhooks = len(result.ledger.batches.keys() - result.receiver.batches)
