"""Situation of one pharmacy: its freshness, and why it is silent or failing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.console import pharmacies
from integrahub.db.console.pharmacies_rows import FailedRun, HeldDeactivation, PharmacyKey, PharmacyRefusal
from integrahub.db.database import Database
from integrahub.domain.batches import BatchStatus
from integrahub.domain.freshness.rhythm import PharmacyState, Rhythm, list_states
from integrahub.domain.freshness.silence import Cause, SilenceFacts, find_causes

_DEFAULT_REFUSALS = timedelta(hours=24)
_MAX_REFUSALS = timedelta(days=30)
_EXPLAINED = frozenset({PharmacyState.SILENT, PharmacyState.FAILING, PharmacyState.NEW, PharmacyState.STOPPED})


@dataclass(frozen=True, slots=True)
class Situation:
    """What the head of a pharmacy's page says. `causes` is empty unless the pharmacy is silent or failing.

    `refusals` are those since `refused_since`.
    """

    rhythm: Rhythm
    states: Sequence[PharmacyState]
    causes: Sequence[Cause]
    failed: FailedRun | None
    held: Sequence[HeldDeactivation]
    keys: Sequence[PharmacyKey]
    refusals: Sequence[PharmacyRefusal]
    refused_since: datetime


async def read_situation(reads: Database, pharmacy: Pharmacy, now: datetime, *, has_hub_keys: bool) -> Situation:
    """Read the situation of a pharmacy. With `has_hub_keys`, keys of the settings may post for it."""
    rhythm = (await pharmacies.count_rhythm(reads, pharmacy.id)).to_rhythm()
    failed = await pharmacies.find_failed_run(reads, pharmacy.id)
    held = await pharmacies.fetch_held(reads, pharmacy.id)
    states = list_states(rhythm, BatchStatus.FAILED if failed else None, len(held), now)
    keys = await pharmacies.fetch_keys(reads, pharmacy.cnpj)
    since = _refusals_begin(rhythm, now)
    refusals = await pharmacies.fetch_refusals(reads, pharmacy.cnpj, keys, since)
    causes: Sequence[Cause] = ()
    if _EXPLAINED & set(states):
        facts = SilenceFacts(
            pharmacy.cnpj,
            now,
            rhythm.last_at,
            keys=[key.to_facts() for key in keys],
            refusals=[refusal.to_posts() for refusal in refusals],
            unattributed=[row.to_posts() for row in await pharmacies.fetch_unattributed_refusals(reads)],
            failed=failed.to_failed_loads() if failed else None,
            has_hub_keys=has_hub_keys,
        )
        causes = find_causes(facts)
    return Situation(rhythm, states, causes, failed, held, keys, refusals, since)


def _refusals_begin(rhythm: Rhythm, now: datetime) -> datetime:
    """Return the time since which refusals are read: the last accepted post, between one and thirty days ago."""
    last_at = rhythm.last_at or now - _MAX_REFUSALS
    return max(min(last_at, now - _DEFAULT_REFUSALS), now - _MAX_REFUSALS)
