"""Restart policy: immediate at first, then slower, finally left to an operator."""

from integrahub.supervisor.restart_policy import RestartPolicy


def test_pauses_grow_and_a_process_that_always_falls_is_left_in_the_end() -> None:
    policy, deaths, pauses = RestartPolicy(), 0, []
    while (pause := policy.delay(deaths := policy.count_crashes(deaths, 0.1))) is not None:
        pauses.append(pause)
    assert pauses == sorted(pauses) and len(pauses) == 10
    assert pauses[:5] == [0.2, 0.4, 0.8, 1.6, 3.2] and pauses[5] == 300


def test_a_crash_loop_is_told_within_seconds_and_not_at_the_first_deaths() -> None:
    policy = RestartPolicy()
    assert [policy.is_crash_loop(deaths) for deaths in range(1, 8)] == [False] * 5 + [True] * 2
    assert sum(policy.delay(deaths) or 0 for deaths in range(1, 6)) < 10


def test_a_process_that_lived_long_begins_anew() -> None:
    policy = RestartPolicy()
    assert policy.count_crashes(5, uptime=61) == 1
    assert policy.count_crashes(5, uptime=59) == 6
