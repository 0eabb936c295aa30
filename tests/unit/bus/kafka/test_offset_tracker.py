"""Offset tracker: next messages, committable offset, revoked partitions."""

from integrahub.bus.kafka.offset_tracker import OffsetTracker


def _tracking(*offsets: int, partitions: tuple[int, ...] = (0,)) -> OffsetTracker:
    made = OffsetTracker(visibility=10)
    made.assign(list(partitions))
    for partition in partitions:
        for offset in offsets:
            made.add(partition, offset, f"{partition}/{offset}".encode())
    return made


def test_only_what_lies_below_the_first_unsettled_message_is_committed() -> None:
    tracking = _tracking(5, 6, 7)
    first, second, third = [place for place, _ in tracking.take(3, 0)]
    tracking.take_commits()
    tracking.ack(second)
    assert tracking.take_commits() == {}
    tracking.ack(first)
    assert tracking.take_commits() == {0: 7}
    tracking.ack(third)
    assert tracking.take_commits() == {0: 8}
    assert tracking.take_commits() == {}


def test_a_message_not_settled_is_given_again_when_its_time_is_over() -> None:
    tracking = _tracking(1)
    assert len(tracking.take(9, 0)) == 1
    assert tracking.take(9, 9.9) == []
    assert [body for _, body in tracking.take(9, 10)] == [b"0/1"]


def test_partitions_take_turns_and_each_gives_its_messages_in_order() -> None:
    tracking = _tracking(1, 2, partitions=(0, 1))
    assert [body for _, body in tracking.take(3, 0)] == [b"0/1", b"1/1", b"0/2"]
    assert [body for _, body in tracking.take(3, 0)] == [b"1/2"]


def test_a_revoked_partition_is_forgotten_and_its_old_places_settle_nothing() -> None:
    tracking = _tracking(1)
    ((old, _),) = tracking.take(1, 0)
    tracking.revoke([0])
    assert len(tracking) == 0 and tracking.take_commits() == {}
    tracking.assign([0])
    tracking.add(0, 1, b"again")
    tracking.ack(old)
    assert [body for _, body in tracking.take(1, 0)] == [b"again"]


def test_what_comes_twice_from_the_broker_or_for_another_is_held_once_or_not_at_all() -> None:
    tracking = _tracking(1, 2)
    tracking.add(0, 1, b"repeated")
    tracking.add(7, 1, b"not ours")
    assert len(tracking) == 2
    (first, told), _ = tracking.take(2, 0)
    tracking.ack(first)
    for offset in (1, 2):  # one is acknowledged, one is being processed
        tracking.add(0, offset, b"repeated")
    assert (told, len(tracking), tracking.take(9, 0)) == (b"0/1", 1, [])


def test_a_commit_the_brokers_did_not_take_is_made_again() -> None:
    tracking = _tracking(1)
    ((place, _),) = tracking.take(1, 0)
    tracking.ack(place)
    assert tracking.take_commits() == {0: 2}
    tracking.reset_commits([0])
    assert tracking.take_commits() == {0: 2}


def test_a_log_that_begins_from_the_start_is_read_from_the_start() -> None:
    tracking = _tracking(5, 6, 7)
    for place, _ in tracking.take(3, 0):
        tracking.ack(place)
    assert tracking.take_commits() == {0: 8}
    for offset in (0, 1):
        tracking.add(0, offset, b"after")
    taken = tracking.take(9, 0)
    assert [(place.offset, told) for place, told in taken] == [(0, b"after"), (1, b"after")]
    tracking.ack(taken[0][0])
    assert tracking.take_commits() == {0: 1}


def test_a_place_from_before_a_log_began_from_the_start_settles_nothing_of_it() -> None:
    tracking = _tracking(5, 6)
    (first, _), (old, _) = tracking.take(2, 0)
    tracking.ack(first)
    assert tracking.take_commits() == {0: 6}
    for offset in range(7):
        tracking.add(0, offset, b"after")
    assert len(tracking.take(9, 0)) == 7
    tracking.ack(old)
    assert len(tracking.take(9, 10)) == 7
