"""FULL loads of a pharmacy: the hub, the baseline, the old hub's way and `json_to_recordset`, in alternating order.

Every peer does the same work on its own rows in the same state, after a VACUUM and a checkpoint. The order changes from
work to work and from run to run. The goals are those without the history of products, which no peer keeps
(`HISTORY=false`). The works that write it are measured with it too, against the baseline alone: it may cost 15 %.
"""

from collections import defaultdict
from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.measurement import Line, compare, not_measured, rotate
from bench.peers.base import Peer
from bench.peers.baseline import Baseline, CleanText
from bench.peers.environments import PeerMissing
from bench.peers.old_hub import OldHub
from bench.peers.ours import Ours
from bench.peers.recordset import Recordset
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_SAMPLE, _NEW, _KNOWN = load_real_cnpjs(3)
_SAMPLE_SIZE, _OTHER_IDS = 16_349, 900_000_001
_SOME = 0.02
_FIRST, _WITH = "FULL, all new, first load", "FULL, all new, pharmacy with products"
_CHANGED, _SAME, _SOME_CHANGED = "FULL, all changed", "FULL, nothing changed", "FULL, 2 % changed"
_GOALS = {_FIRST: 1.5, _WITH: 1.4, _CHANGED: 1.1, _SAME: 3.0}  # to the baseline
_OLD_HUB_GOALS = {_FIRST: 6.0, _SAME: 14.0, _CHANGED: 3.7}
_RECORDSET_GOALS = {_FIRST: 2.4, _SAME: 7.0, _CHANGED: 1.5}
_MAX_HISTORY_COST = 0.15
Rates = dict[str, dict[str, list[float]]]


def lines(sizes: Sizes) -> Iterator[Line]:
    """Measure the rates of every run and compare them."""
    rates, with_history = _no_rates(), _no_rates()
    absent = ""
    for number in range(sizes.runs):
        with running_hub({"HISTORY": "false"}) as hub:
            absent = _run(hub, sizes.products, number, rates) or absent
    for number in range(sizes.runs):
        with running_hub() as hub:
            _run_with_history(hub, sizes.products, number, with_history)
    yield from _against_baseline(rates)
    yield from _against_baseline_with_history(with_history)
    yield from _against_peers(rates, absent)


def _no_rates() -> Rates:
    return defaultdict(lambda: defaultdict(list))


def _run(hub: Hub, products: int, number: int, rates: Rates) -> str:
    """Do every work once on a new hub; return why a peer is missing, if one is."""
    clean = _load_sample(hub)
    peers: list[Peer] = [Ours(hub, _NEW), Baseline(hub.database, clean, -1), Recordset(hub.database)]
    absent = ""
    try:
        peers.append(OldHub(hub.database))
    except PeerMissing as reason:
        absent = str(reason)
    catalogue = Catalogue(products)
    _alternate(hub, peers, catalogue, rates[_FIRST], number)
    _load_known(hub, clean, products, number, rates)
    _alternate(hub, peers, catalogue, rates[_SAME], number + 2)
    catalogue.raise_all()
    _alternate(hub, peers, catalogue, rates[_CHANGED], number + 3)
    catalogue.raise_some(_SOME)
    _alternate(hub, peers, catalogue, rates[_SOME_CHANGED], number + 4)
    return absent


def _run_with_history(hub: Hub, products: int, number: int, rates: Rates) -> None:
    """Do the works that write the history once on a new hub."""
    clean = _load_sample(hub)
    peers: list[Peer] = [Ours(hub, _NEW), Baseline(hub.database, clean, -1)]
    catalogue = Catalogue(products)
    for peer in peers:
        peer.apply(catalogue)
    _load_known(hub, clean, products, number, rates)
    catalogue.raise_all()
    _alternate(hub, peers, catalogue, rates[_CHANGED], number)


def _load_sample(hub: Hub) -> CleanText:
    """Load the catalogue of the baseline's text, and return that text."""
    apply_full(hub.admin, _SAMPLE, Catalogue(_SAMPLE_SIZE, _OTHER_IDS).body())
    return CleanText.read_from(hub.database, _SAMPLE)


def _load_known(hub: Hub, clean: CleanText, products: int, number: int, rates: Rates) -> None:
    """Load new products into pharmacies that have other products."""
    peers: list[Peer] = [Ours(hub, _KNOWN), Baseline(hub.database, clean, -2)]
    for peer in peers:
        peer.apply(Catalogue(_SAMPLE_SIZE, _OTHER_IDS))
    _alternate(hub, peers, Catalogue(products), rates[_WITH], number + 1)


def _alternate(hub: Hub, peers: list[Peer], catalogue: Catalogue, rates: dict[str, list[float]], run: int) -> None:
    for peer in rotate(peers, run):
        hub.reset_state()
        rates[peer.name].append(len(catalogue) / peer.apply(catalogue))


def _against_baseline(rates: Rates) -> Iterator[Line]:
    for work, least in _GOALS.items():
        yield compare(work, rates[work]["integrahub"], "baseline", rates[work]["baseline"], least)
    some, unchanged = rates[_SOME_CHANGED], rates[_SAME]["baseline"]
    same = compare("", some["integrahub"], "baseline", some["baseline"], 0)
    note = f"the baseline at the same work: {same.theirs:,.0f}, ratio {same.judged:.2f}"
    yield compare(_SOME_CHANGED, some["integrahub"], "baseline, unchanged", unchanged, 2.2, note)


def _against_baseline_with_history(rates: Rates) -> Iterator[Line]:
    for work in (_WITH, _CHANGED):
        least = round(_GOALS[work] * (1 - _MAX_HISTORY_COST), 2)
        ours, theirs = rates[work]["integrahub"], rates[work]["baseline"]
        yield compare(f"{work}, with history", ours, "baseline, which keeps none", theirs, least)


def _against_peers(rates: Rates, absent: str) -> Iterator[Line]:
    for work, least in _OLD_HUB_GOALS.items():
        ours, title = rates[work]["integrahub"], f"{work}: {OldHub.name}"
        yield (
            not_measured(title, absent)
            if absent
            else compare(title, ours, OldHub.name, rates[work][OldHub.name], least)
        )
    for work, least in _RECORDSET_GOALS.items():
        ours, theirs = rates[work]["integrahub"], rates[work][Recordset.name]
        yield compare(f"{work}: {Recordset.name}", ours, Recordset.name, theirs, least)
