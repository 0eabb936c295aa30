"""Retry delays, held deactivations, cursors and ids."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain import cursors
from integrahub.domain.deactivation import DeactivationEvidence, find_hold_reason
from integrahub.domain.ids import uuid7
from integrahub.resilience.retry_policy import RetryPolicy


def held(candidates: int, active: int, limit: float = 0.15, **changes: object) -> str | None:
    facts = {"unreadable_ids": 0, "is_array": True, "claimed": None, "received": active - candidates} | changes
    reason = find_hold_reason(DeactivationEvidence(candidates=candidates, active=active, **facts), limit)  # type: ignore[arg-type]
    return reason.code if reason else None


@pytest.mark.parametrize(
    ("candidates", "active", "code"),
    [
        (0, 0, None),
        (150, 1000, None),
        (151, 1000, "too_many_absent"),
        (10, 50, None),
        (11, 50, "too_many_absent"),
        (49, 100, "too_many_absent"),
        (5, 5, None),
        (6, 11, "too_many_absent"),
        (6, 12, None),
    ],
)
def test_more_than_the_limit_or_half_of_the_products_is_held_unless_they_are_few(
    candidates: int, active: int, code: str | None
) -> None:
    assert held(candidates, active) == code


def test_a_limit_of_nothing_holds_every_deactivation() -> None:
    assert [held(candidates, 1000, 0.0) for candidates in (0, 1, 5, 11)] == [None, *["too_many_absent"] * 3]
    assert held(6, 11, 1.0) == "too_many_absent" and held(150, 1000, 0.2) is None


def test_an_uncertain_full_is_held_however_little_would_go() -> None:
    assert held(1, 1000, unreadable_ids=1) == "ids_unreadable"
    assert held(1, 1000, is_array=False) == "end_not_seen"
    assert held(1, 1000, is_array=False, claimed=999) is None
    assert held(1, 1000, claimed=998) == "count_differs"
    assert held(0, 1000, is_array=False) is None


@given(st.integers(min_value=1, max_value=40), st.floats(min_value=0, max_value=1))
def test_pauses_grow_within_bounds_and_end_after_the_attempts(attempts: int, draw: float) -> None:
    policy = RetryPolicy(attempts=30, base=1.0, max_delay=60.0)
    pause = policy.decide(attempts, draw=draw)
    if attempts >= 30:
        assert pause is None
    else:
        assert pause is not None and 0.5 * min(60, 2.0 ** (attempts - 1)) <= pause <= min(60, 2.0 ** (attempts - 1))


@given(st.text(max_size=50), st.integers(-(2**63), 2**63 - 1))  # no longer than what a listing gives out
def test_a_cursor_gives_back_what_it_was_made_of_and_is_one_word(text: str, number: int) -> None:
    try:
        cursor = cursors.encode(text, number)
    except UnicodeEncodeError:
        return
    assert cursors.decode(cursor, str, int) == [text, number]
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text())
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(cursors.InvalidCursor):
        cursors.decode(text + "!", str, int)


@pytest.mark.parametrize("nested", [b"[" * 300, b"[" * 20_000, b'{"a":' * 15_000, b"[" * 9 + b"1" * 5000])
def test_a_cursor_that_is_nested_or_longer_than_any_is_refused(nested: bytes) -> None:
    with pytest.raises(cursors.InvalidCursor):
        cursors.decode(base64.urlsafe_b64encode(nested).decode(), str, int)


def test_a_cursor_of_500_characters_is_read_and_a_longer_one_is_not() -> None:
    longest = cursors.encode("x" * 369, 1)
    assert len(longest) == 500 and cursors.decode(longest, str, int) == ["x" * 369, 1]
    with pytest.raises(cursors.InvalidCursor):
        cursors.decode(cursors.encode("x" * 370, 1), str, int)


def test_ids_tell_their_time_and_never_repeat() -> None:
    made = [uuid7(milliseconds) for milliseconds in range(1_000_000, 1_002_000)]
    assert made == sorted(made, key=lambda made_id: made_id.int) and len(set(made)) == 2000
    assert all(made_id.version == 7 and made_id.variant == "specified in RFC 4122" for made_id in made)
    assert made[0].int >> 80 == 1_000_000
