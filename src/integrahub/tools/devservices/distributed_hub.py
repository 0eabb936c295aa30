"""A temporary hub on Kafka and S3, all on this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient

from integrahub.client import Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.devservices.kafka import VERSION, run_kafka
from integrahub.tools.devservices.seaweedfs import run_seaweedfs
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import notify

_STARTING = "Starting Kafka (the first start downloads it)..."
_BUCKET = "integrahub-batches"


@contextmanager
def run_distributed_hub(
    folder: Path, settings: Mapping[str, str] | None = None, kafka_port: int | None = None
) -> Iterator[Client]:
    """Run Kafka, an S3 server, PostgreSQL and the hub while the block runs; yield a client with the operator's key.

    `settings` are additional ones of the hub.
    """
    folders = {name: folder / name for name in ("kafka", "s3")}
    for path in folders.values():
        path.mkdir()
    notify(select_text("Iniciando o Kafka (o primeiro início baixa os arquivos)...", _STARTING))
    with run_kafka(folders["kafka"], kafka_port) as brokers, run_seaweedfs(folders["s3"]) as s3:
        s3.client().create_bucket(Bucket=_BUCKET)
        notify(f"Apache Kafka {VERSION}: {brokers}")
        notify(f"S3 (SeaweedFS): {s3.endpoint}, bucket {_BUCKET}")
        services = {"BUS_URL": f"kafka://{brokers}", "STORAGE_URL": s3.storage_url(_BUCKET)}
        services |= {"STORAGE_ACCESS_KEY": s3.access_key, "STORAGE_SECRET_KEY": s3.secret_key}
        with run_embedded_hub(folder, settings={**(settings or {}), **services}) as client:
            notify(f"{select_text('Tópicos', 'Topics')}: {_describe_topics(brokers)}")
            yield client


def _describe_topics(brokers: str) -> str:
    """Return the hub's topics, each with its number of partitions."""
    topics = AdminClient({"bootstrap.servers": brokers, "log_level": 0}).list_topics(timeout=10).topics
    word = select_text("partições", "partitions")
    return ", ".join(f"{name} ({len(topics[name].partitions)} {word})" for name in sorted(topics) if name[:2] != "__")
