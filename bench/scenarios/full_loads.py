"""FULL loads of a pharmacy: the hub, the baseline, the old hub's way and `json_to_recordset`, in alternating order.

Every peer does the same work on its own rows in the same state, after a VACUUM and a checkpoint. The order changes from
work to work and from run to run.
"""

from collections import defaultdict
from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.measurement import Line, compare, not_measured
from bench.peers.base import Peer
from bench.peers.baseline import Baseline, CleanText
from bench.peers.environments import PeerMissing
from bench.peers.old_hub import OldHub
from bench.peers.ours import Ours
from bench.peers.recordset import Recordset
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_SAMPLE, _NEW, _KNOWN = load_real_cnpjs(3)
_OTHER_IDS = 900_000_001
_SOME = 0.02
_WITH = "FULL, all new, pharmacy with products"
Rates = dict[str, dict[str, list[float]]]


def lines(sizes: Sizes) -> Iterator[Line]:
    """Measure the rates of every run and compare them."""
    rates: Rates = defaultdict(lambda: defaultdict(list))
    absent = ""
    for number in range(sizes.runs):
        with running_hub() as hub:
            absent = _run(hub, sizes.products, number, rates) or absent
    yield from _against_baseline(rates)
    yield from _against_peers(rates, absent)


def _run(hub: Hub, products: int, number: int, rates: Rates) -> str:
    """Do every work once on a new hub; return why a peer is missing, if one is."""
    sample = Catalogue(16_349, _OTHER_IDS)
    apply_full(hub.admin, _SAMPLE, sample.body())
    clean = CleanText.read_from(hub.database, _SAMPLE)
    peers: list[Peer] = [Ours(hub, _NEW), Baseline(hub.database, clean, -1), Recordset(hub.database)]
    absent = ""
    try:
        peers.append(OldHub(hub.database))
    except PeerMissing as reason:
        absent = str(reason)
    catalogue = Catalogue(products)
    _alternate(hub, peers, catalogue, rates["FULL, all new, first load"], number)
    second: list[Peer] = [Ours(hub, _KNOWN), Baseline(hub.database, clean, -2)]
    for peer in second:
        peer.apply(sample)
    _alternate(hub, second, Catalogue(products), rates[_WITH], number + 1)
    _alternate(hub, peers, catalogue, rates["FULL, nothing changed"], number + 2)
    catalogue.raise_all()
    _alternate(hub, peers, catalogue, rates["FULL, all changed"], number + 3)
    catalogue.raise_some(_SOME)
    _alternate(hub, peers, catalogue, rates["FULL, 2 % changed"], number + 4)
    return absent


def _alternate(hub: Hub, peers: list[Peer], catalogue: Catalogue, rates: dict[str, list[float]], run: int) -> None:
    first = run % len(peers)
    for peer in peers[first:] + peers[:first]:
        hub.reset_state()
        rates[peer.name].append(len(catalogue) / peer.apply(catalogue))


def _against_baseline(rates: Rates) -> Iterator[Line]:
    unchanged = rates["FULL, nothing changed"]["baseline"]
    goals = {"FULL, all new, first load": 0.90, _WITH: 0.70, "FULL, all changed": 0.80, "FULL, nothing changed": 1.4}
    for work_name, least in goals.items():
        yield compare(work_name, rates[work_name]["integrahub"], "baseline", rates[work_name]["baseline"], least)
    some = rates["FULL, 2 % changed"]
    same = compare("", some["integrahub"], "baseline", some["baseline"], 0)
    note = f"the baseline at the same work: {same.theirs:,.0f}, ratio {same.judged:.2f}"
    yield compare("FULL, 2 % changed", some["integrahub"], "baseline, unchanged", unchanged, 1.2, note)


def _against_peers(rates: Rates, absent: str) -> Iterator[Line]:
    goals = {"FULL, all new, first load": 3.0, "FULL, nothing changed": 8.0, "FULL, all changed": 2.2}
    for work_name, least in goals.items():
        ours, work = rates[work_name]["integrahub"], f"{work_name}: {OldHub.name}"
        yield (
            not_measured(work, absent)
            if absent
            else compare(work, ours, OldHub.name, rates[work_name][OldHub.name], least)
        )
    for work_name in goals:
        ours, theirs = rates[work_name]["integrahub"], rates[work_name][Recordset.name]
        yield compare(f"{work_name}: {Recordset.name}", ours, Recordset.name, theirs, 1.3)
