"""Kafka error codes with a special meaning for the hub."""

from confluent_kafka import KafkaError

#: The topic does not exist on the brokers: it was deleted, or a broker lost its disk.
UNKNOWN_TOPIC_CODES = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
)
