"""Causes of silence: which ones follow from the facts, in which order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrahub.domain.freshness.silence import (
    Cause,
    CauseKind,
    FailedLoads,
    KeyFacts,
    RefusedPosts,
    SilenceFacts,
    find_causes,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LAST = NOW - timedelta(days=3)
HOUR = timedelta(hours=1)
CNPJ, OTHER = "05927228000145", "11222333000181"
ACTIVE = KeyFacts("key A", "ihub_live_A_…", None, None)
EXPIRED = KeyFacts("key B", "ihub_live_B_…", LAST + HOUR, None)
REVOKED = KeyFacts("key C", "ihub_live_C_…", None, LAST + HOUR)
FACTS = SilenceFacts(CNPJ, NOW, LAST, keys=(ACTIVE, EXPIRED, REVOKED))


def _refused(
    code: str, key: KeyFacts | None = None, cnpj: str = CNPJ, count: int = 1, last_at: datetime = NOW
) -> RefusedPosts:
    return RefusedPosts(cnpj, key.name if key else "", code, "200.0.0.1", count, LAST + HOUR, last_at)


def _causes(*refusals: RefusedPosts, facts: SilenceFacts = FACTS) -> list[Cause]:
    return find_causes(replace(facts, refusals=refusals))


@pytest.mark.parametrize(
    ("refused", "kind", "key"),
    [
        (_refused("key_expired", EXPIRED), CauseKind.KEY_EXPIRED, EXPIRED),
        (_refused("failed_keys_limited", EXPIRED), CauseKind.KEY_EXPIRED, EXPIRED),
        (_refused("key_invalid", REVOKED), CauseKind.KEY_REVOKED, REVOKED),
        (_refused("key_invalid"), CauseKind.KEY_WRONG, None),
        (_refused("key_malformed"), CauseKind.KEY_WRONG, None),
        (_refused("key_missing"), CauseKind.KEY_WRONG, None),
        (_refused("other_pharmacy", ACTIVE, cnpj=OTHER), CauseKind.OTHER_PHARMACY, ACTIVE),
        (_refused("body_too_large", ACTIVE), CauseKind.REFUSED, ACTIVE),
        (_refused("rate_limited", ACTIVE), CauseKind.REFUSED, ACTIVE),
        (_refused("backlog_long", ACTIVE), CauseKind.REFUSED, ACTIVE),
    ],
)
def test_a_refusal_has_one_cause(refused: RefusedPosts, kind: CauseKind, key: KeyFacts | None) -> None:
    (cause,) = _causes(refused)
    assert (cause.kind, cause.key, cause.code, cause.cnpj) == (kind, key, refused.code, refused.cnpj)


def test_the_most_certain_cause_comes_first() -> None:
    causes = find_causes(
        replace(
            FACTS,
            refusals=(
                _refused("rate_limited", ACTIVE),
                _refused("other_pharmacy", ACTIVE, cnpj=OTHER),
                _refused("key_invalid"),
                _refused("key_invalid", REVOKED),
                _refused("key_expired", EXPIRED),
            ),
            failed=FailedLoads(2, LAST, LAST, "body_truncated"),
        )
    )
    assert [cause.kind for cause in causes] == list(CauseKind)[:6]


def test_of_two_causes_of_a_kind_the_latest_comes_first() -> None:
    causes = _causes(
        _refused("rate_limited", ACTIVE, last_at=NOW - HOUR), _refused("body_too_large", ACTIVE, last_at=NOW)
    )
    assert [cause.code for cause in causes] == ["body_too_large", "rate_limited"]


def test_posts_of_one_key_from_two_addresses_are_one_cause_with_the_latest_address() -> None:
    early = _refused("key_expired", EXPIRED, count=40, last_at=NOW - HOUR)
    late = replace(_refused("key_expired", EXPIRED), address="200.0.0.2", first_at=NOW - HOUR)
    (cause,) = _causes(late, early)
    assert (cause.count, cause.first_at, cause.last_at, cause.address) == (41, LAST + HOUR, NOW, "200.0.0.2")


def test_refusals_before_the_last_accepted_post_are_no_cause() -> None:
    (cause,) = _causes(_refused("key_expired", EXPIRED, last_at=LAST))
    assert cause.kind is CauseKind.NOTHING_ARRIVED


def test_a_cause_begins_at_the_last_accepted_post_at_the_earliest() -> None:
    (cause,) = _causes(replace(_refused("key_expired", EXPIRED), first_at=LAST - HOUR / 2))
    assert cause.first_at == LAST


def test_loads_that_all_failed_are_a_cause() -> None:
    (cause,) = find_causes(replace(FACTS, failed=FailedLoads(3, LAST - HOUR, LAST, "body_truncated")))
    assert (cause.kind, cause.count, cause.first_at) == (CauseKind.LOADS_FAILED, 3, LAST - HOUR)
    assert cause.code == "body_truncated"


def test_nothing_arrived_is_said_only_without_any_other_evidence() -> None:
    assert [cause.kind for cause in _causes()] == [CauseKind.NOTHING_ARRIVED]
    assert CauseKind.NOTHING_ARRIVED not in {cause.kind for cause in _causes(_refused("rate_limited", ACTIVE))}


def test_a_pharmacy_without_an_active_key_is_said_to_have_none() -> None:
    causes = _causes(facts=replace(FACTS, keys=(EXPIRED, REVOKED)))
    assert [cause.kind for cause in causes] == [CauseKind.NO_KEY, CauseKind.NOTHING_ARRIVED]
    assert _causes(facts=replace(FACTS, keys=()))[0].key is None


def test_keys_of_the_settings_may_post_for_a_pharmacy_without_keys() -> None:
    causes = _causes(facts=replace(FACTS, keys=(), has_hub_keys=True))
    assert [cause.kind for cause in causes] == [CauseKind.NOTHING_ARRIVED]


def test_posts_of_unknown_senders_are_a_possible_cause_only_if_no_post_names_the_pharmacy() -> None:
    facts = replace(FACTS, unattributed=(_refused("key_missing", cnpj="", count=2), _refused("key_invalid", cnpj="")))
    (cause,) = find_causes(facts)
    assert (cause.kind, cause.count) == (CauseKind.UNKNOWN_SENDER, 3)
    assert [cause.kind for cause in _causes(_refused("rate_limited", ACTIVE), facts=facts)] == [CauseKind.REFUSED]


def test_every_refusal_after_a_registration_counts_if_nothing_was_ever_accepted() -> None:
    (cause,) = _causes(_refused("key_missing"), facts=replace(FACTS, last_at=None))
    assert (cause.kind, cause.first_at) == (CauseKind.KEY_WRONG, LAST + HOUR)
