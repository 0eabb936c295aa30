"""The composition root: settings become a hub; it opens and closes everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from uuid import UUID

from integrahub.bus.base import Bus
from integrahub.bus.circuit_breaking import CircuitBreakingBus
from integrahub.db.database import Database
from integrahub.db.schema import migrate as migrations
from integrahub.db.schema import version as schema
from integrahub.db.tenancy import ALL_TENANTS, DatabaseRole
from integrahub.domain.api_keys import key_hash
from integrahub.domain.chosen_keys import SHORTEST
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY, InFlightLimit
from integrahub.domain.errors import ConfigurationError
from integrahub.hub import adapters
from integrahub.hub.credentials import CredentialRotation, with_login
from integrahub.maintenance.orphans import Orphans
from integrahub.maintenance.retention import Retention, RetentionDays
from integrahub.maintenance.sweep import Sweep
from integrahub.monitoring.heartbeat import WorkerHeartbeat
from integrahub.monitoring.reconciliation import Reconciliation
from integrahub.monitoring.scrape import MetricsScrape
from integrahub.monitoring.statistics import StatisticsCollector
from integrahub.operations.decisions import BatchDecisions
from integrahub.operations.replay import Replay
from integrahub.operations.verify import Verify
from integrahub.pipeline.failures.step import GroupFailures, StoreDeadLetters
from integrahub.pipeline.finish.step import Finish
from integrahub.pipeline.ingest.admission import AdmissionControl
from integrahub.pipeline.ingest.step import Ingest
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.pipeline.split.step import Split
from integrahub.pipeline.upsert.step import Upsert
from integrahub.resilience.backlog import BacklogLimits
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.resilience.deadlines import ANSWERING, WORKING, Deadlines, reading
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.secrets.local import OperatorKey, kept_operator_key, kept_pepper
from integrahub.settings.model import Settings
from integrahub.storage.base import Storage
from integrahub.storage.circuit_breaking import CircuitBreakingStorage


@dataclass(frozen=True, slots=True)
class Hub:
    """Everything a process of the hub works with, opened."""

    settings: Settings
    database: Database
    reads: Database  # for what clients ask; its waits, faults and breaker are its own
    storage: Storage
    bus: Bus
    pepper: bytes
    operator: OperatorKey
    breakers: dict[str, CircuitBreaker]
    fuses: dict[str, StepBreaker]
    chosen: tuple[Storage, Bus]
    deadlines: Deadlines = WORKING

    async def renew(self, settings: Settings) -> None:
        """Use newer credentials; what is under way goes on."""
        try:
            if settings.database_url:
                await self.database.renew(settings.database_url)
                await self.reads.renew(settings.database_url)
        finally:  # one that is refused keeps none of the others from being used
            await adapters.renew(settings, *self.chosen)

    @property
    def everything(self) -> Database:
        """The database across pharmacies: for the operator's acts and the hub's own counts."""
        return self.database.within(ALL_TENANTS)

    def ingest(self) -> Ingest:
        """The step behind POST."""
        bounds = BacklogLimits(self.settings.max_backlog_per_pharmacy, self.settings.max_backlog)
        admission = AdmissionControl(self.everything, bounds)
        minutes = self.settings.full_window_minutes
        timeout = self.deadlines.commit
        return Ingest(self.database, self.storage, self.bus, admission, commit_timeout=timeout, window_minutes=minutes)

    def split(self, worker_id: UUID) -> Split:
        """The step that cuts bodies."""
        limits = SplitLimits(self.settings.chunk_size, self.settings.max_record_size, self._window())
        return Split(
            self.database,
            self.storage,
            self.bus,
            worker_id=worker_id,
            limits=limits,
            retries=self._retries(),
            fuse=self.fuses["split"],
        )

    def upsert(self, worker_id: UUID) -> Upsert:
        """The step that applies chunks."""
        return Upsert(
            self.database,
            self.storage,
            self.bus,
            worker_id=worker_id,
            window=self._window(),
            max_record=self.settings.max_record_size,
            retries=self._retries(),
            fuse=self.fuses["upsert"],
        )

    def finish(self) -> Finish:
        """The step that ends batches."""
        return Finish(
            self.database,
            self.bus,
            limit=self.settings.deactivation_limit,
            window_minutes=self.settings.full_window_minutes,
            window=self._window(),
        )

    def reconcile(self) -> Reconciliation:
        """What proves that nothing vanished."""
        return Reconciliation(self.database)

    def statistics(self) -> StatisticsCollector:
        """What counts aside what dashboards ask."""
        return StatisticsCollector(self.database, adapters.objects_folder(self.settings), self.settings.storage_quota)

    def failures(self) -> GroupFailures:
        """What finds out what dead letters have in common."""
        return GroupFailures(self.database)

    def letters(self) -> StoreDeadLetters:
        """What keeps messages that were given up."""
        return StoreDeadLetters(self.database, self.failures())

    def sweep(self) -> Sweep:
        """What finds work that was left behind."""
        return Sweep(
            self.database,
            self.bus,
            window=self._window(),
            window_minutes=self.settings.full_window_minutes,
            crashes=5,
            replay_rate=self.settings.replay_rate,
        )

    def retain(self) -> Retention:
        """What removes what was kept long enough. A bucket's own rules decide about its chunks."""
        settings = self.settings
        bodies = settings.body_retention_days
        days = RetentionDays(
            chunks=bodies if adapters.is_s3(settings) else settings.chunk_retention_days,
            bodies=bodies,
            rows=settings.chunk_row_retention_days,
            reports=settings.report_retention_days,
            batches=settings.batch_retention_days,
        )
        return Retention(self.database, self.storage, days)

    def orphans(self) -> Orphans:
        """What removes objects that no row names."""
        return Orphans(self.database, self.storage)

    def replay(self) -> Replay:
        """What applies a batch, or its dead chunks, again."""
        return Replay(self.everything, self.storage, self.bus)

    def verify(self) -> Verify:
        """What compares a catalogue with its bodies."""
        sizes = {"chunk_size": self.settings.chunk_size, "max_record": self.settings.max_record_size}
        return Verify(self.database, self.storage, **sizes)

    def decide(self) -> BatchDecisions:
        """What a person orders done to batches."""
        minutes = self.settings.full_window_minutes
        return BatchDecisions(self.everything, self.bus, window_minutes=minutes, window=self._window())

    def gauges(self) -> MetricsScrape:
        """What tells Prometheus of the hub's work."""
        most = {"api": self.settings.max_api, "upsert": self.settings.max_upsert_workers}
        return MetricsScrape(self.everything, self.bus, self.breakers, most)

    def presence(self, worker_id: UUID, steps: list[str]) -> WorkerHeartbeat:
        """What makes this process known as a worker."""
        own = self.settings.parent_pid is None
        return WorkerHeartbeat(self.everything, worker_id, steps, self.settings.worker_name, counted=own)

    def problems(self, *dependencies: str) -> list[str]:
        """Why this process should not be given work now: breakers, of these or of all, that are not closed."""
        asked = {name: breaker for name, breaker in self.breakers.items() if name in dependencies or not dependencies}
        told = ((name, breaker) for name, breaker in asked.items() if breaker.state is not CircuitState.CLOSED)
        return [f"{name} is left alone: {breaker.last_error}" for name, breaker in told]

    def _window(self) -> InFlightLimit:
        # Twice what the workers hold at once: the next chunk is there when one is done.
        return InFlightLimit(
            self.settings.split_window,
            2 * UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION * self.settings.min_upsert_workers,
        )

    def _retries(self) -> RetryPolicy:
        return RetryPolicy(attempts=self.settings.max_chunk_retries)


@asynccontextmanager
async def open_hub(
    settings: Settings, name: str = "integrahub", role: DatabaseRole | None = None, deadlines: Deadlines | None = None
) -> AsyncIterator[Hub]:
    """Open what this process needs and close it in the end; ConfigurationError when a setting cannot be used.

    `deadlines` None: those of the role.
    """
    check_settings(settings)
    if not settings.database_url:
        raise ConfigurationError(
            "DATABASE_URL is not set. `integrahub up` runs with a database of its own; every other role needs the "
            "address of one, for example postgresql://user:password@host/integrahub."
        )
    rotation = CredentialRotation(await asyncio.to_thread(with_login, settings))
    secrets_of_keys = (b"", OperatorKey()) if role is DatabaseRole.WORKER else secrets_of(settings)
    hub = unopened(rotation.settings, name, *secrets_of_keys, role, rotation, deadlines)
    known = [migration for migration, _ in migrations.available()]
    proven = await schema.is_proven(hub.database.url, known)
    await asyncio.gather(hub.database.open(), hub.reads.open())
    rounds = [] if proven else [schema.prove_later(lambda: hub.database.url, known)]
    tasks = [asyncio.create_task(round_) for round_ in (rotation.watch(hub.renew), *rounds)]
    try:
        yield hub
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hub.bus.close()
        await asyncio.gather(hub.database.close(), hub.reads.close())


def unopened(
    settings: Settings,
    name: str = "integrahub",
    pepper: bytes = b"",
    operator: OperatorKey = OperatorKey(),  # noqa: B008
    role: DatabaseRole | None = None,
    rotation: CredentialRotation | None = None,
    deadlines: Deadlines | None = None,
) -> Hub:
    """The hub as it is composed, before anything is opened; enough to describe it."""
    url, refused = settings.database_url or "postgresql://", rotation.refused if rotation else None
    deadlines = deadlines or (ANSWERING if role is DatabaseRole.API else WORKING)
    least, most = settings.pool_sizes("api" if role is DatabaseRole.API else "worker")
    pool = partial(Database, url, name=name, role=role, refused=refused)
    database = pool(size=most, min_size=least, deadlines=deadlines)
    reads = pool(size=settings.read_pool_size, min_size=0, deadlines=reading(settings.read_timeout_seconds))
    breakers = {"postgresql": database.breaker}
    breakers |= {"storage": CircuitBreaker("Storage", monotonic), "bus": CircuitBreaker("The bus", monotonic)}
    chosen = adapters.storage(settings), adapters.bus(settings, database)
    storage, bus = (
        CircuitBreakingStorage(chosen[0], breakers["storage"], deadlines.storage),
        CircuitBreakingBus(chosen[1], breakers["bus"]),
    )
    fuses = {step: StepBreaker(monotonic) for step in ("split", "upsert")}
    return Hub(settings, database, reads, storage, bus, pepper, operator, breakers, fuses, chosen, deadlines)


def check_settings(settings: Settings) -> None:
    """ConfigurationError when a setting names something this version does not have."""
    unopened(settings)
    if not settings.allow_weak_keys:
        for name in settings.weak_keys:
            raise ConfigurationError(
                f"{name} is easy to guess: at least {SHORTEST} characters, varied and without repetition, are "
                "expected. Choose another (`openssl rand -hex 20` makes one), or keep it with ALLOW_WEAK_KEYS=true."
            )


def secrets_of(settings: Settings) -> tuple[bytes, OperatorKey]:
    """Return the pepper and the operator's key: as set, or made once in the data folder."""
    known = pepper(settings)
    if settings.admin_api_key:
        return known, OperatorKey(key_hash(settings.admin_api_key, known))
    return known, kept_operator_key(settings.data_dir, known, keep=settings.keep_admin_key)


def pepper(settings: Settings) -> bytes:
    """The secret without which stored key hashes are worth nothing: set, or generated once in the data folder."""
    return (settings.key_pepper or kept_pepper(settings.data_dir)).encode()
