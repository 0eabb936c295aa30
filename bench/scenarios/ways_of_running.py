"""Embedded against distributed: the same FULL on one data folder, and on Kafka and S3."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.catalogue import Catalogue
from bench.hub import apply_full, processing_seconds, running_hub
from bench.measurement import Line, compare, not_measured
from bench.sizes import Sizes
from integrahub.client import Client
from integrahub.tools.devservices.program import ServiceFailed, ServiceMissing
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_WARM, _TIMED = load_real_cnpjs(2)
_WORK = "FULL, all new, distributed (Kafka, S3)"


def lines(sizes: Sizes) -> Iterator[Line]:
    """Measure both on this machine, one after the other."""
    with running_hub() as hub:
        embedded = _rate(hub.admin, sizes.products)
    try:
        from integrahub.tools.devservices.distributed_hub import run_distributed_hub

        with (
            tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
            run_distributed_hub(Path(folder)) as admin,
        ):
            distributed = _rate(admin, sizes.products)
    except (ServiceMissing, ServiceFailed, ImportError) as reason:
        yield not_measured(_WORK, str(reason))
        return
    yield compare(_WORK, [distributed], "embedded", [embedded], 0.7)


def _rate(admin: Client, products: int) -> float:
    apply_full(admin, _WARM, Catalogue(2_000).body())
    return products / processing_seconds(apply_full(admin, _TIMED, Catalogue(products).body()))
