"""The plan of faults of a soak test: a seed repeats it."""

from itertools import pairwise

import pytest

from integrahub.tools.soak.plan import DISTRIBUTED, EMBEDDED, plan_faults


@pytest.mark.parametrize("seconds", [72, 600, 3600])
def test_a_seed_repeats_its_plan_and_another_seed_makes_another(seconds: float) -> None:
    assert plan_faults(7, seconds, EMBEDDED) == plan_faults(7, seconds, EMBEDDED)
    assert plan_faults(7, seconds, EMBEDDED) != plan_faults(8, seconds, EMBEDDED)


def test_the_plan_of_a_seed_stays_the_same_in_later_versions() -> None:
    first = plan_faults(1, 3600, EMBEDDED)[:3]
    assert [(one.at, str(one.kind), one.seconds) for one in first] == [
        (288.0, "restart all processes one by one", 5.25),
        (305.75, "cut connections in the middle of posts", 5.39),
        (327.99, "freeze PostgreSQL", 6.47),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_faults_come_in_order_with_pauses_and_leave_both_ends_quiet(seed: int) -> None:
    faults = plan_faults(seed, 3600, DISTRIBUTED)
    assert 80 < len(faults) < 200
    assert faults[0].at >= 0.08 * 3600 and faults[-1].at <= 0.75 * 3600
    assert all(after.at - before.at >= 12.4 for before, after in pairwise(faults))
    assert all(1 <= one.seconds <= 10 and 0 <= one.pick < 1 for one in faults)


def test_every_kind_occurs_before_one_occurs_again() -> None:
    faults = plan_faults(3, 3600, DISTRIBUTED)
    for start in range(0, len(faults) - len(DISTRIBUTED), len(DISTRIBUTED)):
        assert {one.kind for one in faults[start : start + len(DISTRIBUTED)]} == set(DISTRIBUTED)


def test_a_long_run_leaves_its_last_quarter_quiet_and_a_shorter_one_less() -> None:
    assert 0.7 < plan_faults(1, 1800, EMBEDDED)[-1].at / 1800 <= 0.75
    assert 0.8 < plan_faults(1, 1799, EMBEDDED)[-1].at / 1799 <= 0.9


def test_a_short_run_has_faults_too() -> None:
    assert len(plan_faults(1, 72, EMBEDDED)) >= 7
