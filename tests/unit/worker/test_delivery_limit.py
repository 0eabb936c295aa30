"""Delivery limit: a message is retried up to a number of failures of its own."""

from integrahub.worker.delivery_limit import DeliveryLimit


def test_the_limit_stays_exceeded_until_the_count_is_reset() -> None:
    limit = DeliveryLimit(max_failures=3)
    assert [limit.count_failure(b"bad") for _ in range(4)] == [False, False, True, True]
    limit.reset(b"bad")
    assert not limit.count_failure(b"bad")


def test_messages_are_counted_apart_and_one_that_succeeds_is_forgotten() -> None:
    limit = DeliveryLimit(max_failures=2)
    assert not limit.count_failure(b"bad") and not limit.count_failure(b"other")
    limit.reset(b"bad")
    assert not limit.count_failure(b"bad") and limit.count_failure(b"other")


def test_however_many_messages_fail_few_are_remembered() -> None:
    limit = DeliveryLimit(max_failures=2)
    assert not any(limit.count_failure(str(number).encode()) for number in range(5000))
    assert not limit.count_failure(b"0") and limit.count_failure(b"4999")


def test_a_message_keeps_the_id_of_its_letter_and_few_ids_are_remembered() -> None:
    limit = DeliveryLimit()
    first = limit.letter_id(7)
    assert limit.letter_id(7) == first != limit.letter_id(8)
    for token in range(10, 1010):
        limit.letter_id(token)
    assert limit.letter_id(7) != first
