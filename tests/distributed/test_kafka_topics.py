"""Paused consumers during rebalances, deleted topics, and added partitions."""

import asyncio
import secrets
from collections import Counter
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from integrahub.bus.kafka.bus import KafkaBus
from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain.errors import Transient


def options_of(address: str, protocol: str = "classic", partitions: int = 2) -> KafkaOptions:
    return KafkaOptions(address, {"a": partitions}, prefix=f"{secrets.token_hex(6)}.", protocol=protocol)


async def done(futures: dict[str, Any]) -> None:
    await asyncio.gather(*(asyncio.wrap_future(future) for future in futures.values()))


async def taken(bus: KafkaBus, count: int) -> list[Any]:
    """Receive at least this many messages without acknowledging them."""
    found: list[Any] = []
    while len(found) < count:
        found += await bus.receive("a", count, 0.5)
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_consumer_that_was_held_back_goes_on_after_another_joined(kafka_address: str, protocol: str) -> None:
    options = options_of(kafka_address, protocol)
    first, second = KafkaBus(options), KafkaBus(options)
    # It holds over 100 of each partition, over 200 in all: it fetches no more, and will hold over 100 of what it keeps.
    await first.publish("a", [b'{"chunkId": "%d"}' % n for n in range(199)])
    held = await taken(first, 199)
    await first.publish("a", [b'{"chunkId": "%d"}' % n for n in range(199, 250)])
    held += await taken(first, 1)
    await first.publish("a", [b'{"chunkId": "%d"}' % n for n in range(250, 1000)])
    seen: Counter[bytes] = Counter()
    async with asyncio.timeout(40):
        while not (others := await second.receive("a", 50, 0.5)):
            pass
        await second.ack(others)
        await first.ack(held)
        seen.update(delivery.body for delivery in [*held, *others])

        async def work(bus: KafkaBus) -> None:
            while len(seen) < 1000:
                deliveries = await bus.receive("a", 50, 0.5)
                seen.update(delivery.body for delivery in deliveries)
                await bus.ack(deliveries)

        await asyncio.gather(work(first), work(second))
    await asyncio.gather(first.close(), second.close())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("made_again", [False, True])
async def test_a_topic_that_vanishes_is_made_again_by_who_used_it(kafka_address: str, made_again: bool) -> None:
    options = options_of(kafka_address, partitions=1)
    bus, admin = KafkaBus(options), AdminClient({"bootstrap.servers": kafka_address})
    await bus.publish("a", [b"before"] * 30)
    await bus.ack(await taken(bus, 30))
    assert await bus.lag("a") == 0
    await done(admin.delete_topics([options.topic("a")]))
    if made_again:
        await done(admin.create_topics([NewTopic(options.topic("a"), 1, 1)]))
    async with asyncio.timeout(60):
        while True:
            try:
                await bus.publish("a", [b"after"])
            except Transient:
                continue
            found = await bus.receive("a", 10, 2)
            await bus.ack(found)
            if b"after" in [delivery.body for delivery in found]:
                break
        while True:
            try:
                if await bus.lag("a") == 0:
                    break
            except Transient:
                pass
            await bus.ack(await bus.receive("a", 100, 0.2))
    await bus.close()


@pytest.mark.parametrize("partitions", [1, 8])
async def test_the_lag_counts_the_partitions_the_broker_has(kafka_address: str, partitions: int) -> None:
    options = options_of(kafka_address)
    admin = AdminClient({"bootstrap.servers": kafka_address})
    await done(admin.create_topics([NewTopic(options.topic("a"), partitions, 1)]))
    bus = KafkaBus(options)
    await bus.publish("a", [b'{"chunkId": "%d"}' % n for n in range(40)])
    assert await bus.lag("a") == 40
    await bus.close()
