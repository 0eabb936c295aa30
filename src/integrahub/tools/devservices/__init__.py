"""Services started for demos and tests: the hub itself, Kafka and S3."""
