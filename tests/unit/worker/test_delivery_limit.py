"""Strikes: a message is tried so often by its own fault, and no more."""

from integrahub.worker.delivery_limit import DeliveryLimit


def test_the_failure_that_reaches_the_most_is_enough_and_the_count_begins_anew() -> None:
    strikes = DeliveryLimit(most=3)
    assert [strikes.is_out(b"bad") for _ in range(4)] == [False, False, True, False]


def test_messages_are_counted_apart_and_one_that_succeeds_is_forgotten() -> None:
    strikes = DeliveryLimit(most=2)
    assert not strikes.is_out(b"bad") and not strikes.is_out(b"other")
    strikes.forget(b"bad")
    assert not strikes.is_out(b"bad") and strikes.is_out(b"other")


def test_however_many_messages_fail_few_are_remembered() -> None:
    strikes = DeliveryLimit(most=2)
    assert not any(strikes.is_out(str(number).encode()) for number in range(5000))
    assert not strikes.is_out(b"0") and strikes.is_out(b"4999")
