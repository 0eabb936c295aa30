"""Services started for demos, tests and benchmarks: the hub itself, Kafka and S3."""
