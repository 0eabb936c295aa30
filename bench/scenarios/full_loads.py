"""FULL loads of a pharmacy: the hub, the floor, the old hub's way and `json_to_recordset`, turn about.

Every contender does the same work on its own rows in the same state, after a VACUUM and a checkpoint; who goes first
changes from scene to scene and from run to run.
"""

from collections import defaultdict
from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, applied, running
from bench.measurement import Line, compared, missing
from bench.peers.base import Contender
from bench.peers.floor import CleanText, Floor
from bench.peers.old_hub import OldHub
from bench.peers.ours import Ours
from bench.peers.parts import PeerMissing
from bench.peers.recordset import Recordset
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import real_cnpjs

_SAMPLE, _NEW, _KNOWN = real_cnpjs(3)
_OTHER_IDS = 900_000_001
_SOME = 0.02
_WITH = "FULL, all new, pharmacy with products"
Rates = dict[str, dict[str, list[float]]]


def lines(sizes: Sizes) -> Iterator[Line]:
    """Rates of every run, put against each other."""
    rates: Rates = defaultdict(lambda: defaultdict(list))
    absent = ""
    for number in range(sizes.runs):
        with running() as hub:
            absent = _run(hub, sizes.products, number, rates) or absent
    yield from _against_floor(rates)
    yield from _against_peers(rates, absent)


def _run(hub: Hub, products: int, number: int, rates: Rates) -> str:
    """Every scene once on a fresh hub; why a contender is missing, if one is."""
    sample = Catalogue(16_349, _OTHER_IDS)
    applied(hub.admin, _SAMPLE, sample.body())
    clean = CleanText.held(hub.database, _SAMPLE)
    contenders: list[Contender] = [Ours(hub, _NEW), Floor(hub.database, clean, -1), Recordset(hub.database)]
    absent = ""
    try:
        contenders.append(OldHub(hub.database))
    except PeerMissing as reason:
        absent = str(reason)
    catalogue = Catalogue(products)
    _turn_about(hub, contenders, catalogue, rates["FULL, all new, first load"], number)
    known: list[Contender] = [Ours(hub, _KNOWN), Floor(hub.database, clean, -2)]
    for contender in known:
        contender.apply(sample)
    _turn_about(hub, known, Catalogue(products), rates[_WITH], number + 1)
    _turn_about(hub, contenders, catalogue, rates["FULL, nothing changed"], number + 2)
    catalogue.raise_all()
    _turn_about(hub, contenders, catalogue, rates["FULL, all changed"], number + 3)
    catalogue.raise_some(_SOME)
    _turn_about(hub, contenders, catalogue, rates["FULL, 2 % changed"], number + 4)
    return absent


def _turn_about(
    hub: Hub, contenders: list[Contender], catalogue: Catalogue, rates: dict[str, list[float]], turn: int
) -> None:
    first = turn % len(contenders)
    for contender in contenders[first:] + contenders[:first]:
        hub.ready()
        rates[contender.name].append(len(catalogue) / contender.apply(catalogue))


def _against_floor(rates: Rates) -> Iterator[Line]:
    unchanged = rates["FULL, nothing changed"]["floor"]
    goals = {"FULL, all new, first load": 0.90, _WITH: 0.70, "FULL, all changed": 0.80, "FULL, nothing changed": 1.4}
    for scene, least in goals.items():
        yield compared(scene, rates[scene]["integrahub"], "floor", rates[scene]["floor"], least)
    some = rates["FULL, 2 % changed"]
    same = compared("", some["integrahub"], "floor", some["floor"], 0)
    note = f"the floor at the same work: {same.theirs:,.0f}, ratio {same.judged:.2f}"
    yield compared("FULL, 2 % changed", some["integrahub"], "floor, unchanged", unchanged, 1.2, note)


def _against_peers(rates: Rates, absent: str) -> Iterator[Line]:
    goals = {"FULL, all new, first load": 3.0, "FULL, nothing changed": 8.0, "FULL, all changed": 2.2}
    for scene, least in goals.items():
        ours, work = rates[scene]["integrahub"], f"{scene}: {OldHub.name}"
        yield missing(work, absent) if absent else compared(work, ours, OldHub.name, rates[scene][OldHub.name], least)
    for scene in goals:
        ours, theirs = rates[scene]["integrahub"], rates[scene][Recordset.name]
        yield compared(f"{scene}: {Recordset.name}", ours, Recordset.name, theirs, 1.3)
