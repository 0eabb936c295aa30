"""Contract of the bus port, for every adapter."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from integrahub.bus.base import Bus
from integrahub.bus.kafka.bus import KafkaBus
from integrahub.bus.kafka.config import KafkaOptions
from integrahub.bus.memory import MemoryBus
from integrahub.bus.postgres import PostgresBus
from integrahub.db.database import Database


@pytest.fixture(params=["local", "memory", "kafka", "kafka of KIP-848"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of bus, and start Kafka if needed: before `database`, whose logins would time out meanwhile."""
    if request.param.startswith("kafka"):
        request.getfixturevalue("kafka_address")
    return str(request.param)


@pytest.fixture
async def bus(kind: str, database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    made: Bus
    if kind == "local":
        made = PostgresBus(database, visibility=1)
    elif kind == "memory":
        made = MemoryBus(visibility=1)
    else:
        protocol = "classic" if kind == "kafka" else "consumer"
        address = request.getfixturevalue("kafka_address")
        made = KafkaBus(KafkaOptions(address, prefix=f"{secrets.token_hex(6)}.", protocol=protocol), visibility=1)
    yield made
    await made.close()


async def test_messages_arrive_once_in_order_and_by_topic(bus: Bus) -> None:
    await bus.publish("a", [b"1", b"2", b"3"])
    await bus.publish("b", [b"9"])
    first = await bus.receive("a", 2, 15)
    second = await bus.receive("a", 2, 15)
    assert [delivery.body for delivery in first + second] == [b"1", b"2", b"3"]
    assert await bus.receive("a", 2, 0) == []
    assert [delivery.body for delivery in await bus.receive("b", 2, 15)] == [b"9"]


async def test_a_message_not_settled_comes_again_and_a_settled_one_does_not(bus: Bus) -> None:
    await bus.publish("a", [b"done", b"lost"])
    done, _ = await bus.receive("a", 2, 15)
    await bus.ack([done])
    await bus.ack([done])
    assert [delivery.body for delivery in await bus.receive("a", 2, 5)] == [b"lost"]


async def test_lag_counts_messages_that_wait_and_at_most_those_being_worked_on_too(bus: Bus) -> None:
    await bus.publish("a", [b"1", b"2"])
    assert (await bus.lag("a"), await bus.lag("b")) == (2, 0)
    taken = await bus.receive("a", 1, 15)
    assert await bus.lag("a") in (1, 2)
    await bus.ack(taken)
    assert await bus.lag("a") == 1


async def test_messages_published_together_are_received_and_settled_one_by_one(bus: Bus) -> None:
    bodies = [str(number).encode() for number in range(150)]
    await bus.publish("a", bodies, together=True)
    assert await bus.lag("a") == 150
    received = await bus.receive("a", 1, 15)
    assert len(received) == 1
    while len(received) < 150:
        received += await bus.receive("a", 99, 15)
    assert sorted(delivery.body for delivery in received) == sorted(bodies)
    await bus.ack([delivery for delivery in received if delivery.body not in (b"7", b"120")])
    await bus.ack(received[:3])
    left: list[bytes] = []
    async with asyncio.timeout(30):
        while len(left) < 2:
            left += [delivery.body for delivery in await bus.receive("a", 200, 5)]
    assert sorted(left) == [b"120", b"7"]


async def test_a_waiting_receiver_is_woken_long_before_its_timeout(bus: Bus) -> None:
    waiting = asyncio.create_task(bus.receive("a", 1, 30))
    await asyncio.sleep(0.5)
    await bus.publish("a", [b"now"])
    start = monotonic()
    assert [delivery.body for delivery in await waiting] == [b"now"]
    assert monotonic() - start < 15


async def test_a_waiting_receiver_returns_at_once_when_the_worker_stops(bus: Bus) -> None:
    waiting = asyncio.create_task(bus.receive("a", 1, 30))
    await asyncio.sleep(0.5)
    start = monotonic()
    bus.stop_waiting()
    assert await waiting == []
    assert monotonic() - start < 15
    await bus.publish("a", [b"kept"])


async def test_receivers_side_by_side_never_share_a_message(bus: Bus) -> None:
    await bus.publish("a", [str(number).encode() for number in range(200)])
    taken = await asyncio.gather(*(bus.receive("a", 50, 15) for _ in range(4)))
    bodies = [delivery.body for deliveries in taken for delivery in deliveries]
    assert len(bodies) == len(set(bodies))
