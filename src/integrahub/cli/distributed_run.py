"""A hub of one's own on Kafka and S3, all of it on this machine, started and ended with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrahub.cli.client import Client
from integrahub.cli.embedded_run import embedded_run
from integrahub.cli.parts.kafka import kafka
from integrahub.cli.parts.seaweed import seaweed

_BUCKET = "integrahub-batches"


@contextmanager
def distributed_run(folder: Path) -> Iterator[Client]:
    """Kafka, an S3 server and PostgreSQL, each in a folder of its own, and the hub's processes on them."""
    places = {name: folder / name for name in ("kafka", "s3")}
    for place in places.values():
        place.mkdir()
    with kafka(places["kafka"]) as brokers, seaweed(places["s3"]) as s3:
        s3.client().create_bucket(Bucket=_BUCKET)
        chosen = {"BUS_URL": f"kafka://{brokers}", "STORAGE_URL": s3.storage_url(_BUCKET)}
        chosen |= {"STORAGE_ACCESS_KEY": s3.access_key, "STORAGE_SECRET_KEY": s3.secret_key}
        with embedded_run(folder, settings=chosen) as client:
            yield client
