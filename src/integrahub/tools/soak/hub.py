"""Temporary hub of a soak test: embedded, or on Kafka and S3."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from integrahub.client import Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.soak.injection import Services
from integrahub.tools.soak.runner import SETTINGS

_WORKERS = 2


@contextmanager
def run_hub(*, is_distributed: bool) -> Iterator[tuple[Client, Path, Services]]:
    """Yield a client with the operator's key, the data folder, and the services of a hub that runs for this block."""
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-soak-", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        folder, services = Path(name), Services(running=stack)
        folder.chmod(0o711)  # the account of PostgreSQL passes through
        if is_distributed:
            client = stack.enter_context(_run_distributed(folder, services))
        else:
            client = stack.enter_context(run_embedded_hub(folder, _WORKERS, SETTINGS))
        yield client, folder / "kept", services


@contextmanager
def _run_distributed(folder: Path, services: Services) -> Iterator[Client]:
    from integrahub.tools.devservices.distributed_hub import run_distributed_hub
    from integrahub.tools.devservices.kafka import run_kafka
    from integrahub.tools.devservices.program import find_free_ports

    port = find_free_ports(1)[0]
    services.kafka, services.s3 = folder / "kafka", folder / "s3"
    start = partial(run_kafka, services.kafka, port)
    services.start_kafka = lambda stack: stack.enter_context(start())
    with run_distributed_hub(folder, SETTINGS, port) as client:
        yield client
