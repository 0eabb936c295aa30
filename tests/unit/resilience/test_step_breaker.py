"""The fuse: one cause that hits whatever is worked on pauses the step."""

from integrahub.resilience.step_breaker import StepBreaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(fuse: StepBreaker, times: int, pharmacies: list[int], cause: str = "a") -> list[bool]:
    return [fuse.failed(cause, pharmacies[number % len(pharmacies)]) for number in range(times)]


def test_twenty_failures_of_one_cause_over_three_pharmacies_blow_it() -> None:
    fuse, pharmacies = StepBreaker(Clock()), [1, 2, 3]
    assert fail(fuse, 20, pharmacies) == [False] * 19 + [True]
    assert (fuse.remaining(), fuse.blown_by) == (30.0, "a")


def test_failures_of_two_pharmacies_or_of_several_causes_or_of_every_third_piece_of_work_do_not() -> None:
    fuse = StepBreaker(Clock())
    assert not any(fail(fuse, 100, [1, 2]))
    fuse = StepBreaker(Clock())
    for number in range(50):
        fail(fuse, 1, [number], "a")
        fail(fuse, 1, [number], "b")
        fuse.succeeded()
    assert fuse.remaining() == 0


def test_the_pause_doubles_while_the_next_work_fails_too_and_ends_with_the_first_that_succeeds() -> None:
    clock = Clock()
    fuse, pharmacies = StepBreaker(clock), [1, 2, 3, 4, 5]
    fail(fuse, 20, pharmacies)
    pauses = []
    for _ in range(6):
        clock.now += fuse.remaining()
        assert fuse.remaining() == 0 and fuse.failed("a", pharmacies[0])
        pauses.append(fuse.remaining())
    assert pauses == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    clock.now += 600
    fuse.succeeded()
    assert fuse.blown_by == "" and not any(fail(fuse, 19, pharmacies))


def test_work_under_way_while_it_is_blown_does_not_lengthen_the_pause() -> None:
    fuse, pharmacies = StepBreaker(Clock()), [1, 2, 3, 4, 5]
    fail(fuse, 20, pharmacies)
    assert not any(fail(fuse, 10, pharmacies)) and fuse.remaining() == 30.0
