"""The hub of one process: builds pipeline steps and operations from its settings and adapters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from integrahub.access.webhooks import WebhookRules
from integrahub.bus.base import Bus
from integrahub.db.batches.deactivation import DeactivationPolicy
from integrahub.db.database import Database
from integrahub.db.products.merge import MergeRules
from integrahub.db.tenancy import ALL_TENANTS
from integrahub.domain.batches import LoadType
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY, InFlightLimit
from integrahub.domain.dialects.base import Dialect
from integrahub.domain.dialects.decode import ChunkDecoder
from integrahub.hub import adapters
from integrahub.maintenance.change_partitions import ChangePartitions
from integrahub.maintenance.orphans import Orphans
from integrahub.maintenance.refusals import RefusalRetention
from integrahub.maintenance.retention import Retention, RetentionDays
from integrahub.maintenance.sweep import Sweep
from integrahub.monitoring.dependencies import DependencyChecks
from integrahub.monitoring.heartbeat import WorkerHeartbeat
from integrahub.monitoring.overview import Overview
from integrahub.monitoring.reconciliation import Reconciliation
from integrahub.monitoring.scrape import MetricsScrape
from integrahub.monitoring.statistics import StatisticsCollector
from integrahub.operations.bulk import BulkPace, BulkReplays
from integrahub.operations.decisions import BatchDecisions
from integrahub.operations.replay import Replay
from integrahub.operations.replay_checks import ReplayChecks
from integrahub.operations.verify import Verify
from integrahub.pipeline.failures.step import GroupFailures, StoreDeadLetters
from integrahub.pipeline.finish.step import Finish
from integrahub.pipeline.ingest.admission import AdmissionControl
from integrahub.pipeline.ingest.step import Ingest
from integrahub.pipeline.notify.name_lookup import NameLookup
from integrahub.pipeline.notify.notices import Notices
from integrahub.pipeline.notify.step import Notify
from integrahub.pipeline.notify.target_address import TargetAddresses
from integrahub.pipeline.split.attempts import SplitAttempts
from integrahub.pipeline.split.body_splitter import BodySplitter
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.pipeline.split.fast_path import FastPath, FastPathWorker
from integrahub.pipeline.split.frame_readers import FrameReaders
from integrahub.pipeline.split.small_bodies import SmallBodies
from integrahub.pipeline.split.step import Split
from integrahub.pipeline.upsert.attempts import ChunkAttempts
from integrahub.pipeline.upsert.step import Upsert, UpsertWorker
from integrahub.reports.receipts import Receipts
from integrahub.resilience.backlog import BacklogLimits
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.resilience.deadlines import WORKER_DEADLINES, Deadlines
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.secrets.local import OperatorKey
from integrahub.secrets.webhook_secrets import SecretSealer
from integrahub.settings.model import Settings
from integrahub.storage.base import Storage

if TYPE_CHECKING:
    from integrahub.secrets.receipt_signing import ReceiptSigner


@dataclass(frozen=True, slots=True)
class Hub:
    """What the processes work with: settings, connections, adapters, circuit breakers."""

    settings: Settings
    database: Database
    reads: Database  # for reads of clients and of the console, with deadlines and a separate circuit breaker
    storage: Storage
    bus: Bus
    pepper: bytes
    operator: OperatorKey
    breakers: dict[str, CircuitBreaker]  # by dependency
    step_breakers: dict[str, StepBreaker]
    adapters: tuple[Storage, Bus]  # storage and bus without their circuit breakers
    dialect: Dialect
    deadlines: Deadlines = WORKER_DEADLINES
    receipt_signer: "ReceiptSigner | None" = None

    async def renew(self, settings: Settings) -> None:
        """Use the credentials of `settings` for new connections; work in progress is not interrupted."""
        try:
            if settings.database_url:
                await self.database.renew(settings.database_url)
                await self.reads.renew(settings.database_url)
        finally:  # storage and bus get their credentials also when the database refuses its own
            await adapters.renew_credentials(settings, *self.adapters)

    @property
    def all_tenants(self) -> Database:
        """The database without row security by pharmacy: for operators and for the hub's own counts."""
        return self.database.for_tenants(ALL_TENANTS)

    @property
    def decoder(self) -> ChunkDecoder:
        """The decoder of chunks in the hub's dialect."""
        return ChunkDecoder(self.dialect, self.settings.max_record_size)

    @property
    def frames_bodies(self) -> bool:
        """Whether bodies are stored as frames: in a bucket, where a slice of a whole object is costly to read."""
        return self.settings.storage_frames == "auto" and adapters.is_s3(self.settings)

    def ingest(self) -> Ingest:
        """Build the step that accepts posts."""
        limits = BacklogLimits(self.settings.max_backlog_per_pharmacy, self.settings.max_backlog)
        return Ingest(
            self.database,
            self.storage,
            self.bus,
            AdmissionControl(self.all_tenants, limits),
            commit_timeout=self.deadlines.commit,
            window_minutes=self.settings.full_window_minutes,
        )

    def split(self, worker_id: UUID) -> Split:
        """Build the step that splits bodies into chunks."""
        in_flight, breaker = self._in_flight_limit(), self.step_breakers["split"]
        limits = SplitLimits(self.settings.chunk_size, self.settings.max_record_size, in_flight)
        frame_readers = FrameReaders(self.database) if self.frames_bodies else None
        splitter = BodySplitter(self.database, self.storage, self.dialect, limits, frame_readers)
        attempts = SplitAttempts(self.database, self.bus, self._retry_policy(), breaker, in_flight)
        fast_paths = {str(load_type): self.fast_path(worker_id, load_type, limits) for load_type in LoadType}
        return Split(self.database, self.bus, splitter, fast_paths, attempts, worker_id=worker_id)

    def fast_path(self, worker_id: UUID, load_type: LoadType, limits: SplitLimits) -> FastPath:
        """Build the path of small batches of one load type."""
        bodies = SmallBodies(self.storage, self.dialect, limits)
        worker, rules = FastPathWorker(worker_id, limits), self._merge_rules()
        policy = self._deactivation_policy() if load_type is LoadType.FULL else None
        return FastPath(self.database, self.bus, bodies, worker=worker, rules=rules, policy=policy)

    def upsert(self, worker_id: UUID) -> Upsert:
        """Build the step that applies chunks to the products."""
        breaker = self.step_breakers["upsert"]
        attempts = ChunkAttempts(self.database, self.storage, self.bus, self._retry_policy(), breaker)
        worker = UpsertWorker(worker_id, self._in_flight_limit())
        return Upsert(self.database, self.storage, self.bus, self._merge_rules(), attempts, worker)

    def finish(self) -> Finish:
        """Build the step that finishes batches."""
        return Finish(self.database, self.bus, policy=self._deactivation_policy(), in_flight=self._in_flight_limit())

    def notify(self, worker_id: UUID) -> Notify:
        """Build the step that sends webhooks. Only its process imports the HTTP client."""
        from integrahub.pipeline.notify.sender import WebhookSender

        targets = TargetAddresses(self.settings.webhook_allow, NameLookup())
        sender, sealer = WebhookSender(targets.resolve), SecretSealer(self.pepper)
        public_url = self.settings.public_url
        return Notify(self.database, sender, sealer.unseal, worker_id=worker_id, public_url=public_url)

    def notices(self) -> Notices:
        """Build the search for events that no batch causes."""
        return Notices(self.database)

    def failures(self) -> GroupFailures:
        """Build the step that groups failed chunks by fingerprint."""
        return GroupFailures(self.database)

    def dead_letters(self) -> StoreDeadLetters:
        """Build the step that stores dead-lettered messages."""
        return StoreDeadLetters(self.database, self.failures())

    def reconciliation(self) -> Reconciliation:
        """Build the check that every accepted record is accounted for."""
        return Reconciliation(self.database)

    def statistics(self) -> StatisticsCollector:
        """Build the collector of counts that are too costly for a scrape."""
        folder = adapters.find_objects_folder(self.settings)
        return StatisticsCollector(self.database, folder, self.settings.storage_quota)

    def sweep(self) -> Sweep:
        """Build the sweep, which dispatches unfinished work again."""
        return Sweep(
            self.database,
            self.bus,
            window=self._in_flight_limit(),
            window_minutes=self.settings.full_window_minutes,
            crashes=self._retry_policy().crashes,
        )

    def retention(self) -> Retention:
        """Build the deletion of old objects and rows. In S3 the lifecycle of the bucket moves old chunks instead."""
        settings = self.settings
        bodies = settings.body_retention_days
        days = RetentionDays(
            chunks=bodies if adapters.is_s3(settings) else settings.chunk_retention_days,
            bodies=bodies,
            rows=settings.chunk_row_retention_days,
            reports=settings.report_retention_days,
            batches=settings.batch_retention_days,
            dry_runs=settings.dry_run_days,
            addresses=settings.address_retention_days,
        )
        return Retention(self.database, self.storage, days)

    def change_partitions(self) -> ChangePartitions:
        """Build the retention of the record of changes."""
        return ChangePartitions(self.database, self.settings.history_days, self.settings.stock_history_days)

    def refusal_retention(self) -> RefusalRetention:
        """Build the retention of counts of refused posts."""
        return RefusalRetention(self.database, self.settings.address_retention_days)

    def orphans(self) -> Orphans:
        """Build the removal of objects that no row references."""
        return Orphans(self.database, self.storage)

    def replay(self) -> Replay:
        """Build the replay of batches."""
        return Replay(self.all_tenants, self.storage, self.bus)

    def bulk_replays(self) -> BulkReplays:
        """Build the replays of many dead letters."""
        database = self.all_tenants
        pace = BulkPace(self.settings.replay_rate, self._in_flight_limit())
        return BulkReplays(database, self.bus, ReplayChecks(database, self.storage), pace)

    def webhook_rules(self) -> WebhookRules:
        """Build the rules by which endpoints of webhooks are set."""
        targets = TargetAddresses(self.settings.webhook_allow, NameLookup())
        return WebhookRules(targets.check, SecretSealer(self.pepper), self.settings.public_url)

    def verify(self) -> Verify:
        """Build the comparison of a catalogue with the one rebuilt from its bodies."""
        return Verify(self.database, self.storage, self.decoder, chunk_size=self.settings.chunk_size)

    def decisions(self) -> BatchDecisions:
        """Build the operator's decisions on batches: approve, reject, cancel."""
        return BatchDecisions(
            self.all_tenants, self.bus, policy=self._deactivation_policy(), in_flight=self._in_flight_limit()
        )

    def receipts(self) -> Receipts:
        """Build the signing of receipts."""
        return Receipts(self.database, self.receipt_signer, self.settings.public_url or self.settings.own_url)

    def metrics_scrape(self) -> MetricsScrape:
        """Build the answer to /metrics."""
        limits = {"api": self.settings.max_api, "upsert": self.settings.max_upsert_workers}
        return MetricsScrape(self.all_tenants, self.bus, self.breakers, limits)

    def overview(self) -> Overview:
        """Build the reader of snapshots for the console."""
        checks = DependencyChecks(self.database, self.storage, self.bus, self.breakers)
        return Overview(self.reads.for_tenants(ALL_TENANTS), checks)

    def heartbeat(self, worker_id: UUID, steps: list[str]) -> WorkerHeartbeat:
        """Build the registration of this process, with its heartbeats."""
        counts_restarts = self.settings.parent_pid is None  # a supervisor counts the restarts of its processes itself
        return WorkerHeartbeat(
            self.all_tenants, worker_id, steps, self.settings.worker_name, counts_restarts=counts_restarts
        )

    def problems(self, *dependencies: str) -> list[str]:
        """Return a sentence for each circuit breaker, of these dependencies or of all, that is not closed."""
        breakers = {
            name: breaker for name, breaker in self.breakers.items() if name in dependencies or not dependencies
        }
        return [
            f"{name} is unavailable: {breaker.last_error}"
            for name, breaker in breakers.items()
            if breaker.state is not CircuitState.CLOSED
        ]

    def _in_flight_limit(self) -> InFlightLimit:
        # Twice what the workers process at once, so that each worker finds its next chunk ready.
        return InFlightLimit(
            self.settings.split_window,
            2 * UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION * self.settings.min_upsert_workers,
        )

    def _merge_rules(self) -> MergeRules:
        return MergeRules(self.decoder, self.settings.history)

    def _deactivation_policy(self) -> DeactivationPolicy:
        return DeactivationPolicy(self.settings.deactivation_limit, self.settings.full_window_minutes)

    def _retry_policy(self) -> RetryPolicy:
        return RetryPolicy(attempts=self.settings.max_chunk_retries)
