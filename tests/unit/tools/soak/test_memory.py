"""Memory of a soak test: a process is compared with itself, after its warm-up, if it lived long enough."""

from collections.abc import Callable

from integrahub.tools.soak.memory import MemoryLog
from integrahub.tools.soak.rows import MemoryReport, ProcessMemory, ProcessStarts


def _live(log: MemoryLog, pid: int, start: int, end: int, size: Callable[[int], float]) -> MemoryReport:
    for second in range(start, end + 1, 2):
        log.add(second, {("split 0", pid): size(second - start)})
    return log.report()


def test_growth_is_that_of_one_process_after_its_warm_up() -> None:
    report = _live(MemoryLog(), 7, 0, 520, lambda age: 50.0 + min(age, 120) if age <= 320 else 200.0)
    assert report.processes == [ProcessMemory("split 0", 7, 0, 520, 50.0, 170.0, 170.0, 200.0, 0.176)]


def test_a_young_process_is_not_compared_with_an_old_one() -> None:
    log = MemoryLog()
    _live(log, 7, 0, 400, lambda age: 50.0)
    report = _live(log, 8, 402, 690, lambda age: 90.0)
    assert report.processes == [ProcessMemory("split 0", 7, 0, 400, 50.0, 50.0, 50.0, 50.0, 0.0)]
    assert report.restarts == [ProcessStarts("split 0", 1, "402")]


def test_the_longest_life_is_listed_without_growth_if_none_was_long_enough() -> None:
    log = MemoryLog()
    _live(log, 7, 0, 100, lambda age: 50.0)
    _live(log, 8, 102, 390, lambda age: 60.0 + age)
    report = _live(log, 9, 392, 400, lambda age: 70.0)
    assert report.processes == [ProcessMemory("split 0", 8, 102, 390, 60.0, None, None, 348.0, None)]
    assert report.restarts == [ProcessStarts("split 0", 2, "102, 392")]


def test_a_process_that_ended_before_it_was_measured_is_left_out() -> None:
    log = MemoryLog()
    log.add(2, {("api 0", 7): 0.0, ("split 0", 8): 50.0})
    assert [one.process for one in log.report().processes] == ["split 0"]


def test_a_long_life_keeps_few_samples_and_its_growth() -> None:
    hours = 20
    report = _live(MemoryLog(), 7, 0, hours * 3600, lambda age: 50.0 if age < hours * 1900 else 60.0)
    (row,) = report.processes
    assert (row.warm_mb, row.half_mb, row.end_mb, row.growth) == (50.0, 50.0, 60.0, 0.2)
