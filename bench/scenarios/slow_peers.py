"""General tools that load records into PostgreSQL: once, with few products."""

import subprocess
from collections.abc import Callable, Iterator

from bench.catalogue import Catalogue
from bench.hub import applied, running
from bench.measurement import Line, compared, missing
from bench.peers.base import Contender
from bench.peers.dlt_merge import Dlt
from bench.peers.ours import Ours
from bench.peers.parts import PeerMissing
from bench.peers.singer import Singer
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import real_cnpjs

_LEAST = 10.0
_OWN, _OTHER = real_cnpjs(2)
_NO_SINK = "no JDBC sink connector was found to fetch; the hub does not ship one"


def lines(sizes: Sizes) -> Iterator[Line]:
    """Each tool's rate on the records that the hub takes too, all new."""
    makers: list[tuple[str, Callable[[str], Contender]]] = [(Dlt.name, Dlt), (Singer.name, Singer)]
    with running() as hub:
        catalogue = Catalogue(sizes.slow)
        applied(hub.admin, _OTHER, Catalogue(1000).body())  # what it does first it does slowly
        hub.ready()
        ours = [len(catalogue) / Ours(hub, _OWN).apply(catalogue)]
        for name, maker in makers:
            work = f"FULL of {sizes.slow:,}, all new: {name}"
            try:
                contender = maker(hub.database)
                hub.ready()
                theirs = [len(catalogue) / contender.apply(catalogue)]
            except (PeerMissing, subprocess.SubprocessError) as error:
                yield missing(work, str(error))
                continue
            yield compared(work, ours, name, theirs, _LEAST, "once")
    yield missing("Kafka Connect JDBC sink", _NO_SINK)
