"""Rows with lists of messages in the PostgreSQL bus: what other processes and older versions see of them."""

from integrahub.bus.base import Delivery
from integrahub.bus.message_lists import ReceivedLists, pack_lists
from integrahub.bus.postgres import PostgresBus
from integrahub.db.database import Database
from integrahub.db.rows import fetch_value

_BODIES = [str(number).encode() for number in range(150)]


def _bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.body for delivery in deliveries]


async def _count(database: Database, topic: str) -> int | None:
    async with database.transaction() as connection:
        query = "SELECT count(*) FROM bus_messages WHERE topic = %(topic)s"
        return await fetch_value(connection, query, {"topic": topic}, int)


async def test_messages_together_are_two_rows_that_a_version_without_lists_does_not_receive(
    database: Database,
) -> None:
    bus = PostgresBus(database)
    await bus.publish("a", _BODIES, together=True)
    await bus.publish("a", [b"alone"], together=True)
    assert (await _count(database, "a"), await _count(database, "a+")) == (1, 2)
    received = [*await bus.receive("a", 200, 0), *await bus.receive("a", 200, 0)]
    assert _bodies(received) == [b"alone", *_BODIES]
    await bus.ack(received[:-1])
    assert (await _count(database, "a"), await _count(database, "a+")) == (0, 1)
    await bus.ack(received[-1:])
    assert await _count(database, "a+") == 0


async def test_what_a_stopping_process_did_not_acknowledge_goes_to_another_at_once(database: Database) -> None:
    first, second = PostgresBus(database), PostgresBus(database)
    await first.publish("a", _BODIES[:3], together=True)
    (taken,) = await first.receive("a", 1, 0)
    assert await second.receive("a", 5, 0) == []
    await first.ack([taken])
    await first.close()
    repeated = await second.receive("a", 5, 0)
    assert _bodies(repeated) == _BODIES[:3]
    await first.ack([taken])
    await second.ack(repeated)
    assert await second.lag("a") == 0


async def test_a_list_with_the_number_of_an_earlier_one_is_received_whole(database: Database) -> None:
    """After a crash of PostgreSQL the unlogged table is empty, and its numbers begin again."""
    bus = PostgresBus(database)
    await bus.publish("a", _BODIES[:3], together=True)
    earlier = await bus.receive("a", 5, 0)
    await bus.ack(earlier[:1])
    async with database.transaction() as connection:
        await connection.execute("TRUNCATE bus_messages RESTART IDENTITY")
    await bus.publish("a", _BODIES[10:12], together=True)
    received = await bus.receive("a", 5, 0)
    assert _bodies(received) == _BODIES[10:12]
    await bus.ack([received[0], earlier[1]])
    assert await _count(database, "a+") == 1
    await bus.ack(received[1:])
    assert await _count(database, "a+") == 0


async def test_a_row_that_is_no_list_is_received_as_one_message(database: Database) -> None:
    bus = PostgresBus(database)
    bodies = {b"{}": b"\x00\x01{}", b"\x00\x02\xc1": b"\x00\x02\xc1"}
    for body in bodies.values():
        async with database.transaction() as connection:
            query = "INSERT INTO bus_messages (topic, body) VALUES ('a+', %(body)s)"
            await connection.execute(query, {"body": body})
    received = [*await bus.receive("a", 1, 0), *await bus.receive("a", 5, 0)]
    assert _bodies(received) == list(bodies.values())
    await bus.ack(received)
    assert await _count(database, "a+") == 0


def test_a_process_remembers_no_more_than_some_rows() -> None:
    lists = ReceivedLists()
    (packed,) = pack_lists([b"1", b"2"])
    for row in range(3000):
        lists.add("a", row, packed)
    assert len(lists.forget()) <= 1000
