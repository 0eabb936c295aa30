"""Undeliverable messages on a real Kafka: they move to the dead-letter topic and block no other."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from confluent_kafka import Consumer, Message

from integrahub.bus.kafka.bus import KafkaBus
from integrahub.bus.kafka.config import KafkaOptions
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.events import (
    BATCHES_FINISHED,
    BATCHES_RECEIVED,
    BATCHES_UPSERTED,
    CHUNKS_READY,
    MESSAGES_DEAD,
    DeadMessage,
)
from integrahub.domain.ids import uuid7
from integrahub.hub.hub import Hub
from integrahub.settings.model import Settings
from integrahub.telemetry.metrics.pipeline import DEAD_MESSAGES
from integrahub.worker.consumer import consume
from tests.integration.conftest import ADMIN, CNPJ, Client, running

STEPS = ["split", "upsert", "finish", "failures", "sweep"]


@pytest.fixture
def options(kafka_address: str) -> KafkaOptions:
    """Return the options of a new cluster with one partition per topic, where a blocked message blocks all."""
    return KafkaOptions(kafka_address, prefix=f"{secrets.token_hex(6)}.")


@pytest.fixture
async def client(database_url: str, tmp_path: Path, options: KafkaOptions) -> AsyncIterator[Client]:
    own = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, rate_limit="off")
    chosen = {"bus_url": f"kafka://{options.brokers}", "kafka_prefix": options.prefix}
    async with running(own.model_copy(update=chosen), STEPS) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


def read(options: KafkaOptions, topic: str, count: int) -> list[Message]:
    """Return the messages that another program finds in the topic."""
    asked = {"bootstrap.servers": options.brokers, "group.id": secrets.token_hex(6), "auto.offset.reset": "earliest"}
    consumer = Consumer(asked)
    consumer.subscribe([options.topic(topic)])
    found = consumer.consume(count, 30)
    consumer.close()
    return [message for message in found if message.error() is None]


async def letters(client: Client, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while not holds(found := (await client.admin("GET", "/v1/dead-letters"))["items"]):
            await asyncio.sleep(0.05)
    return list(found)


async def drained(client: Client, topic: str) -> None:
    async with asyncio.timeout(30):
        while await client.hub.bus.lag(topic):
            await asyncio.sleep(0.05)


async def test_what_cannot_be_read_goes_to_the_topic_of_the_dead_and_to_a_letter_and_work_goes_on(
    client: Client, options: KafkaOptions
) -> None:
    counted = DEAD_MESSAGES.values[(CHUNKS_READY,)][0]
    largest = b"\xff\0" + secrets.token_bytes(900_000)
    await client.hub.bus.publish(CHUNKS_READY, [b"not json", largest])
    assert (await client.load([{"PRODUCTID": n, "TITLE": f"P {n}"} for n in range(1, 50)]))["inserted"] == 49
    found = await letters(client, lambda rows: len(rows) == 2)
    await drained(client, CHUNKS_READY)
    dead = [
        msgspec.json.decode(message.value() or b"", type=DeadMessage) for message in read(options, MESSAGES_DEAD, 2)
    ]
    assert {message.body for message in dead} == {b"not json", largest}
    assert {(message.topic, message.error_class) for message in dead} == {(CHUNKS_READY, "DecodeError")}
    assert DEAD_MESSAGES.values[(CHUNKS_READY,)][0] == counted + 2
    shown = [await client.admin("GET", f"/v1/dead-letters/{letter['id']}") for letter in found]
    assert "not json" in [letter["body"] for letter in shown]


class SlowToBury(KafkaBus):
    """Publishes dead letters so slowly that their messages are delivered again meanwhile, as on a busy machine."""

    async def publish(self, topic: str, bodies: list[bytes], *, together: bool = False) -> None:
        if topic == MESSAGES_DEAD:
            await asyncio.sleep(0.7)
        await super().publish(topic, bodies, together=together)


async def test_a_message_that_fails_again_and_again_goes_aside_and_its_replay_is_worked_on(
    client: Client, options: KafkaOptions
) -> None:
    bad, batch, seen, mended = b'{"batchId":"%s"}' % str(uuid7()).encode(), uuid7(), list[bytes](), asyncio.Event()

    async def step(body: bytes) -> None:
        if body == bad and not mended.is_set():
            raise ZeroDivisionError("the fault of the step")
        seen.append(body)

    apart = replace(options, prefix=f"{options.prefix}apart.")
    worker, stop = _on(client.hub, SlowToBury(apart, visibility=0.2)), asyncio.Event()
    good = b'{"batchId":"%s"}' % str(batch).encode()
    await worker.bus.publish(BATCHES_RECEIVED, [bad, good])
    consuming = asyncio.create_task(consume(worker, BATCHES_RECEIVED, step, stop, 4))
    keeping = asyncio.create_task(consume(worker, MESSAGES_DEAD, worker.dead_letters(), stop, 1))
    (letter,) = await letters(client, lambda rows: len(rows) == 1)
    assert (letter["topic"], letter["error"]["class"]) == (BATCHES_RECEIVED, "ZeroDivisionError")
    assert letter["trace_id"] == UUID(msgspec.json.decode(bad)["batchId"]).hex
    async with asyncio.timeout(30):
        while await worker.bus.lag(BATCHES_RECEIVED):
            await asyncio.sleep(0.05)
    assert set(seen) == {good}  # a message may be delivered twice
    mended.set()
    assert (await worker.bulk_replays().start_checked("", DeadLetterFilters(), 10)).asked == 1
    await worker.bulk_replays()()
    async with asyncio.timeout(30):
        while bad not in seen:
            await asyncio.sleep(0.05)
    assert (await letters(client, bool))[0]["settled_at"]
    stop.set()
    await asyncio.gather(consuming, keeping)
    await worker.bus.close()


def _on(hub: Hub, bus: KafkaBus) -> Hub:
    return replace(hub, bus=bus)


async def test_every_message_of_a_batch_tells_the_trace_of_its_batch(client: Client, options: KafkaOptions) -> None:
    async with client.hub.database.transaction() as connection:  # the end of a batch is published for webhooks alone
        await connection.execute(
            "INSERT INTO webhook_endpoints (owner, url, host, events, sealed_secret)"
            " VALUES ('operator', 'https://receiver.example/', 'receiver.example:443', '{batch.completed}', 'x')"
        )
    batch = await client.load([{"PRODUCTID": 1, "TITLE": "P"}])
    trace = UUID(batch["batch_id"]).hex
    for topic in (BATCHES_RECEIVED, CHUNKS_READY, BATCHES_UPSERTED, BATCHES_FINISHED):
        (message,) = await asyncio.to_thread(read, options, topic, 1)
        assert message.headers() == [("traceparent", f"00-{trace}-{trace[16:]}-00".encode())], topic
