"""Apache Kafka as the message bus."""
