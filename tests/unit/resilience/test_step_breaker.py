"""Step breaker: one cause that fails most of the work pauses the step."""

from integrahub.resilience.step_breaker import StepBreaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(step_breaker: StepBreaker, times: int, pharmacies: list[int], cause: str = "a") -> list[bool]:
    return [step_breaker.record_failure(cause, pharmacies[number % len(pharmacies)]) for number in range(times)]


def test_twenty_failures_of_one_cause_over_three_pharmacies_blow_it() -> None:
    step_breaker, pharmacies = StepBreaker(Clock()), [1, 2, 3]
    assert fail(step_breaker, 20, pharmacies) == [False] * 19 + [True]
    assert (step_breaker.retry_after(), step_breaker.open_reason) == (30.0, "a")


def test_failures_of_two_pharmacies_or_of_several_causes_or_of_every_third_piece_of_work_do_not() -> None:
    step_breaker = StepBreaker(Clock())
    assert not any(fail(step_breaker, 100, [1, 2]))
    step_breaker = StepBreaker(Clock())
    for number in range(50):
        fail(step_breaker, 1, [number], "a")
        fail(step_breaker, 1, [number], "b")
        step_breaker.record_success()
    assert step_breaker.retry_after() == 0


def test_the_pause_doubles_while_the_next_work_fails_too_and_ends_with_the_first_that_succeeds() -> None:
    clock = Clock()
    step_breaker, pharmacies = StepBreaker(clock), [1, 2, 3, 4, 5]
    fail(step_breaker, 20, pharmacies)
    pauses = []
    for _ in range(6):
        clock.now += step_breaker.retry_after()
        assert step_breaker.retry_after() == 0 and step_breaker.record_failure("a", pharmacies[0])
        pauses.append(step_breaker.retry_after())
    assert pauses == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    clock.now += 600
    step_breaker.record_success()
    assert step_breaker.open_reason == "" and not any(fail(step_breaker, 19, pharmacies))


def test_work_in_flight_while_it_is_open_does_not_lengthen_the_pause() -> None:
    step_breaker, pharmacies = StepBreaker(Clock()), [1, 2, 3, 4, 5]
    fail(step_breaker, 20, pharmacies)
    assert not any(fail(step_breaker, 10, pharmacies)) and step_breaker.retry_after() == 30.0
