"""Strikes: a message is tried so often by its own fault, and no more."""

from integrahub.worker.delivery_limit import DeliveryLimit


def test_the_failure_that_reaches_the_most_is_enough_and_the_count_begins_anew() -> None:
    limit = DeliveryLimit(max_failures=3)
    assert [limit.is_exceeded(b"bad") for _ in range(4)] == [False, False, True, False]


def test_messages_are_counted_apart_and_one_that_succeeds_is_forgotten() -> None:
    limit = DeliveryLimit(max_failures=2)
    assert not limit.is_exceeded(b"bad") and not limit.is_exceeded(b"other")
    limit.reset(b"bad")
    assert not limit.is_exceeded(b"bad") and limit.is_exceeded(b"other")


def test_however_many_messages_fail_few_are_remembered() -> None:
    limit = DeliveryLimit(max_failures=2)
    assert not any(limit.is_exceeded(str(number).encode()) for number in range(5000))
    assert not limit.is_exceeded(b"0") and limit.is_exceeded(b"4999")
