"""Sums of counters over processes include ended ones and never decrease."""

from hypothesis import given
from hypothesis import strategies as st

from integrahub.telemetry.metrics.infrastructure import BREAKER_STATE
from integrahub.telemetry.metrics.pipeline import CHUNK_DURATION, PRODUCTS_SETTLED
from integrahub.telemetry.snapshots import Counts, SnapshotAggregator

_PRODUCTS, _SECONDS, _BREAKER = PRODUCTS_SETTLED.name, CHUNK_DURATION.name, BREAKER_STATE.name


def _counts(products: float, breaker: float = 0.0) -> Counts:
    spread = [products, *[0.0] * len(CHUNK_DURATION.bounds), products * 2]
    return {_PRODUCTS: {("inserted",): [products]}, _SECONDS: {(): spread}, _BREAKER: {("storage",): [breaker]}}


def test_processes_are_added_up_and_of_gauges_the_largest_is_told() -> None:
    together = SnapshotAggregator()
    together.update("a", _counts(3, breaker=2))
    together.update("b", _counts(4))
    total = together.total()
    assert total[_PRODUCTS] == {("inserted",): [7]}
    assert (total[_SECONDS][()][0], total[_SECONDS][()][-1]) == (7, 14)
    assert total[_BREAKER] == {("storage",): [2]}


def test_what_a_process_counted_stays_when_it_is_gone_but_not_its_gauges() -> None:
    together = SnapshotAggregator()
    together.update("a", _counts(3, breaker=2))
    together.keep_only([])
    assert together.total() == {_PRODUCTS: {("inserted",): [3]}, _SECONDS: together.total()[_SECONDS]}
    successor = SnapshotAggregator(together.counters())
    successor.update("b", _counts(1))
    assert successor.total()[_PRODUCTS] == {("inserted",): [4]}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.booleans()), max_size=40))
def test_the_sum_never_goes_backwards_and_misses_nothing_that_was_told(events: list[tuple[str, int, bool]]) -> None:
    together, counted, lives, before = SnapshotAggregator(), {"a": 0, "b": 0, "c": 0}, {"a": 0, "b": 0, "c": 0}, 0.0
    told = 0
    for name, more, dies in events:
        counted[name] += more
        told += more
        together.update(f"{name} {lives[name]}", _counts(counted[name]))
        if dies:
            lives[name], counted[name] = lives[name] + 1, 0
            together.keep_only([f"{other} {life}" for other, life in lives.items()])
        now = together.total()[_PRODUCTS][("inserted",)][0]
        assert now >= before and now == told
        before = now
