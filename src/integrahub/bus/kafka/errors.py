"""What errors of Kafka mean to the hub."""

from confluent_kafka import KafkaError, KafkaException

from integrahub.domain.errors import Transient

#: The brokers do not know the topic: it was deleted, or a broker lost its disk.
UNKNOWN = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})


def code_of(error: Transient) -> int | None:
    """Return Kafka's code of the error that caused this one."""
    cause = error.__cause__
    return cause.args[0].code() if isinstance(cause, KafkaException) else None
