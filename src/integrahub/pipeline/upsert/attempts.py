"""Outcome of attempts to apply a chunk: release, retry with backoff, or dead-letter it."""

import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_failed, publish_upserted
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.chunks.rows import ChunkClaim
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind
from integrahub.domain.errors import Transient
from integrahub.domain.failures import Failure, classify_error, describe_failure
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.storage.base import Storage
from integrahub.storage.chunks import copy_dead
from integrahub.telemetry.metrics.pipeline import CHUNK_RETRIES, CHUNKS_PROCESSED, ERRORS

_RELEASE_DELAY_SECONDS = 2.0  # until a chunk is claimed again whose dependency was unavailable
_log = structlog.get_logger()


class ChunkAttempts:
    """Records successes and failures of chunks for the retry policy and the circuit breaker of the upsert step."""

    def __init__(
        self, database: Database, storage: Storage, bus: Bus, retries: RetryPolicy, step_breaker: StepBreaker
    ) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._retries = retries
        self._step_breaker = step_breaker

    def record_success(self) -> None:
        """Report applied chunks to the circuit breaker of the step."""
        self._step_breaker.record_success()

    async def release(self, claims: list[ChunkClaim], error: Transient) -> None:
        """Release chunks whose database, storage or bus was unavailable. No chunk uses up an attempt."""
        ERRORS.add("upsert", classify_error(error))
        for claim in claims:
            CHUNKS_PROCESSED.add("released")
            await chunk_claims.release(self._database, claim, str(error), _RELEASE_DELAY_SECONDS)

    async def record_failure(self, claim: ChunkClaim, error: Exception) -> None:
        """Schedule the next attempt of a chunk that failed by its own fault; dead-letter it after the last one."""
        failure = describe_failure(error)
        ERRORS.add("upsert", classify_error(error))
        if self._step_breaker.record_failure(failure.fingerprint, claim.pharmacy_id):
            _log.error(
                "chunks of several pharmacies failed for one cause, pausing the upsert step",
                action="open_step_breaker",
                cause=failure.message,
            )
        delay = self._retries.decide(claim.attempts + 1)
        if delay is None:
            await self._dead_letter(claim, failure, error)
            return
        CHUNK_RETRIES.add("scheduled")
        _log.warning("chunk failed, retrying later", action="retry_chunk", exc_info=error)
        await chunk_claims.retry(self._database, claim, failure, delay)

    async def _dead_letter(self, claim: ChunkClaim, failure: Failure, error: Exception) -> None:
        CHUNK_RETRIES.add("exhausted")
        CHUNKS_PROCESSED.add("dead")
        _log.error(
            "chunk failed its last attempt", action="dead_letter_chunk", batch=str(claim.batch_id), exc_info=error
        )
        is_load = claim.kind is not BatchKind.DRY_RUN
        location = await self._copy_records(claim) if is_load else claim.location
        left = await chunk_claims.dead_letter(self._database, claim, failure, location)
        if is_load:
            await publish_failed(self._bus, claim.batch_id, claim.number, failure.message)
        if left == 0:
            await publish_upserted(self._bus, claim.batch_id)

    async def _copy_records(self, claim: ChunkClaim) -> str:
        """Copy the records to an object that retention spares; return its name, or the old one if the copy fails."""
        try:
            return await copy_dead(self._storage, claim)
        except Transient:
            raise
        except Exception as error:  # for example records that cannot be read, which may be why the chunk failed
            _log.error("records of a failed chunk not copied", action="copy_dead", exc_info=error)
            return claim.location
