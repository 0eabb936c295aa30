"""General tools that load records into PostgreSQL; measured once, with few products."""

import subprocess
from collections.abc import Callable, Iterator

from bench.catalogue import Catalogue
from bench.hub import apply_full, running_hub
from bench.measurement import Line, compare, not_measured
from bench.peers.base import Peer
from bench.peers.dlt_merge import Dlt
from bench.peers.environments import PeerMissing
from bench.peers.ours import Ours
from bench.peers.singer import Singer
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_GOAL = 14.0
_OWN, _OTHER = load_real_cnpjs(2)
_NO_SINK = "no JDBC sink connector was found to fetch; the hub does not ship one"


def lines(sizes: Sizes) -> Iterator[Line]:
    """Compare each tool with the hub on the same new records."""
    makers: list[tuple[str, Callable[[str], Peer]]] = [(Dlt.name, Dlt), (Singer.name, Singer)]
    with running_hub() as hub:
        catalogue = Catalogue(sizes.slow)
        apply_full(hub.admin, _OTHER, Catalogue(1000).body())  # warm-up
        hub.reset_state()
        ours = [len(catalogue) / Ours(hub, _OWN).apply(catalogue)]
        for name, maker in makers:
            work = f"FULL of {sizes.slow:,}, all new: {name}"
            try:
                peer = maker(hub.database)
                hub.reset_state()
                theirs = [len(catalogue) / peer.apply(catalogue)]
            except (PeerMissing, subprocess.SubprocessError) as error:
                yield not_measured(work, str(error))
                continue
            yield compare(work, ours, name, theirs, _GOAL, "once")
    yield not_measured("Kafka Connect JDBC sink", _NO_SINK)
