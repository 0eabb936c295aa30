"""Circuit breaker: opens after consecutive failures, permits one trial call, closes on success."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitOpen, CircuitState


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker("storage", clock, threshold=3, pause=1.0, max_pause=8.0)
    for _ in range(3):
        breaker.check()
        breaker.record_failure(OSError("disk full"))
    return breaker


def test_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    clock = Clock()
    breaker = CircuitBreaker("storage", clock, threshold=3)
    for _ in range(10):
        breaker.record_failure(OSError())
        breaker.record_failure(OSError())
        assert breaker.state is CircuitState.CLOSED
        breaker.record_success()
    assert opened(clock).state is CircuitState.OPEN


def test_while_open_calls_are_refused_at_once_with_when_to_come_again() -> None:
    breaker = opened(Clock())
    with pytest.raises(CircuitOpen, match="disk full") as caught:
        breaker.check()
    assert caught.value.retry_after == 1.0


def test_after_the_pause_one_call_tries_and_decides() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 1.0
    assert breaker.state is CircuitState.HALF_OPEN
    breaker.check()
    with pytest.raises(CircuitOpen):
        breaker.check()
    breaker.record_success()
    breaker.check()
    assert breaker.state is CircuitState.CLOSED


def test_an_abandoned_trial_lets_another_try() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 1.0
    breaker.check()
    breaker.release()
    breaker.check()


def test_failing_trials_double_the_pause_up_to_the_longest_and_an_answer_ends_that() -> None:
    clock, pauses = Clock(), []
    breaker = opened(clock)
    for _ in range(6):
        pauses.append(breaker.retry_after())
        clock.now += breaker.retry_after()
        breaker.check()
        breaker.record_failure(OSError())
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    clock.now += 8.0
    breaker.record_success()
    for _ in range(3):
        breaker.record_failure(OSError())
    assert breaker.retry_after() == 1.0


@given(st.lists(st.sampled_from(["enter", "ok", "fail", "left", "wait"]), max_size=60))
def test_whatever_happens_a_call_gets_through_after_the_longest_pause(happenings: list[str]) -> None:
    clock = Clock()
    breaker = CircuitBreaker("storage", clock, threshold=2, pause=1.0, max_pause=8.0)
    for happening in happenings:
        if happening == "wait":
            clock.now += 0.7
        elif happening == "enter":
            try:
                breaker.check()
            except CircuitOpen:
                continue
        else:
            {"ok": breaker.record_success, "fail": lambda: breaker.record_failure(OSError()), "left": breaker.release}[
                happening
            ]()
    breaker.release()
    clock.now += 8.0
    breaker.check()


def test_calls_that_began_before_it_opened_do_not_lengthen_the_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    for _ in range(20):
        breaker.record_failure(OSError("another of those that hung"))
    assert breaker.retry_after() == 1.0


def test_a_failure_may_weigh_more_than_one() -> None:
    breaker = CircuitBreaker("PostgreSQL", Clock(), threshold=5)
    breaker.record_failure(OSError(), weight=3)
    assert breaker.state is CircuitState.CLOSED
    breaker.record_failure(OSError(), weight=3)
    assert breaker.state is CircuitState.OPEN
