"""General tools that load records into PostgreSQL: once, with few products."""

import subprocess
from collections.abc import Callable, Iterator

from bench.catalogue import Catalogue
from bench.hub import running
from bench.measured import Line, compared, missing
from bench.peers.contender import Contender
from bench.peers.dlt_merge import Dlt
from bench.peers.ours import Ours
from bench.peers.parts import PeerMissing
from bench.peers.singer import Singer
from bench.sizes import Sizes
from integrahub.cli.load.posts import real_cnpjs

_LEAST = 10.0
_NO_SINK = "no JDBC sink connector was found to fetch; the hub does not ship one"


def lines(sizes: Sizes) -> Iterator[Line]:
    """Each tool's rate on the records that the hub takes too, all new."""
    makers: list[tuple[str, Callable[[str], Contender]]] = [(Dlt.name, Dlt), (Singer.name, Singer)]
    with running() as hub:
        catalogue = Catalogue(sizes.slow)
        hub.ready()
        ours = [len(catalogue) / Ours(hub, real_cnpjs(1)[0]).apply(catalogue)]
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
