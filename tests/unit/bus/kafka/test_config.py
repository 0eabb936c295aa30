"""Log lines of Kafka's client library go through the hub's log."""

import logging
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from integrahub.bus.kafka.config import KafkaOptions

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.mark.parametrize("kind", ["producer", "consumer", "lag_monitor"])
def test_the_client_library_logs_through_ours(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    options = replace(KafkaOptions("127.0.0.1:1"), client={"log_level": "6"})
    given: dict[str, Any] = options.producer() if kind == "producer" else getattr(options, kind)("batches.received")
    client = (confluent_kafka.Producer if kind == "producer" else confluent_kafka.Consumer)(given)
    end = monotonic() + 10
    with caplog.at_level(logging.DEBUG, "librdkafka"):
        while not caplog.records and monotonic() < end:
            client.poll(0.05)
    assert {record.name for record in caplog.records} == {"librdkafka"}
    if kind != "producer":
        client.close()
