"""A hub of one's own on Kafka and S3, all of it on this machine, started and ended with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient

from integrahub.client.client import Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.devservices.kafka import VERSION, kafka
from integrahub.tools.devservices.seaweedfs import seaweed
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import notify

_STARTING = "Kafka: preparing and starting (the first time it is downloaded)..."
_BUCKET = "integrahub-batches"


@contextmanager
def run_distributed_hub(folder: Path) -> Iterator[Client]:
    """Kafka, an S3 server and PostgreSQL, each in a folder of its own, and the hub's processes on them."""
    places = {name: folder / name for name in ("kafka", "s3")}
    for place in places.values():
        place.mkdir()
    notify(select_text("Kafka: preparando e iniciando (a primeira vez baixa os arquivos)...", _STARTING))
    with kafka(places["kafka"]) as brokers, seaweed(places["s3"]) as s3:
        s3.client().create_bucket(Bucket=_BUCKET)
        notify(f"Apache Kafka {VERSION}: {brokers}")
        notify(f"S3 (SeaweedFS): {s3.endpoint}, bucket {_BUCKET}")
        chosen = {"BUS_URL": f"kafka://{brokers}", "STORAGE_URL": s3.storage_url(_BUCKET)}
        chosen |= {"STORAGE_ACCESS_KEY": s3.access_key, "STORAGE_SECRET_KEY": s3.secret_key}
        with run_embedded_hub(folder, settings=chosen) as client:
            notify(f"{select_text('Tópicos', 'Topics')}: {_topics(brokers)}")
            yield client


def _topics(brokers: str) -> str:
    """The hub's topics with how many partitions each has."""
    topics = AdminClient({"bootstrap.servers": brokers, "log_level": 0}).list_topics(timeout=10).topics
    word = select_text("partições", "partitions")
    return ", ".join(f"{name} ({len(topics[name].partitions)} {word})" for name in sorted(topics) if name[:2] != "__")
