"""Embedded against distributed: the same FULL, once with everything in one folder, once on Kafka and S3."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.catalogue import Catalogue
from bench.hub import applied, running, seconds
from bench.measurement import Line, compared, missing
from bench.sizes import Sizes
from integrahub.client.client import Client
from integrahub.tools.devservices.program import ServiceFailed, ServiceMissing
from integrahub.tools.loadtest.payloads import real_cnpjs

_WARM, _TIMED = real_cnpjs(2)
_WORK = "FULL, all new, distributed (Kafka, S3)"


def lines(sizes: Sizes) -> Iterator[Line]:
    """Both on this machine, one after the other."""
    with running() as hub:
        embedded = _rate(hub.admin, sizes.products)
    try:
        from integrahub.tools.devservices.distributed_hub import run_distributed_hub

        with (
            tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
            run_distributed_hub(Path(folder)) as admin,
        ):
            distributed = _rate(admin, sizes.products)
    except (ServiceMissing, ServiceFailed, ImportError) as reason:
        yield missing(_WORK, str(reason))
        return
    yield compared(_WORK, [distributed], "embedded", [embedded], 0.7)


def _rate(admin: Client, products: int) -> float:
    applied(admin, _WARM, Catalogue(2_000).body())
    return products / seconds(applied(admin, _TIMED, Catalogue(products).body()))
