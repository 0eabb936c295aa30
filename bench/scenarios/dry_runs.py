"""Dry runs against the same posts for real: alternately, on the same pharmacy, after a VACUUM and a checkpoint."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator

from bench.catalogue import Catalogue
from bench.hub import FULL, Hub, apply_full, processing_seconds, running_hub
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_CNPJ = load_real_cnpjs(1)[0]
_DRY = {"X-Inova-Dry-Run": "true"}
_DELTA = FULL | {"X-Inova-Load-Type": "delta"}
_MAX_RATIO = 1.2
_SOME = 0.02
_SMALL = 10  # products of a small DELTA
_SMALL_POSTS = 100
Pairs = list[tuple[float, float]]  # seconds of the dry run and of the load


def lines(sizes: Sizes) -> Iterator[Line]:
    """Measure the time of dry runs and of the same posts for real, in each run."""
    pairs: dict[str, Pairs] = defaultdict(list)
    for _ in range(sizes.runs):
        with running_hub({"RATE_LIMIT": "off"}) as hub:
            _run(hub, sizes.products, pairs)
    for work, its_pairs in pairs.items():
        yield _compare(work, its_pairs)


def _run(hub: Hub, products: int, pairs: dict[str, Pairs]) -> None:
    catalogue = Catalogue(products)
    pairs["FULL, all new, first load"].append(_both(hub, catalogue, lambda: None))
    pairs["FULL, nothing changed"].append(_both(hub, catalogue, lambda: None))
    pairs["FULL, all changed"].append(_both(hub, catalogue, catalogue.raise_all))
    pairs["FULL, 2 % changed"].append(_both(hub, catalogue, lambda: catalogue.raise_some(_SOME)))
    small = Catalogue(_SMALL)
    each = [_both(hub, small, small.raise_all, _DELTA) for _ in range(_SMALL_POSTS)]
    dry, real = (statistics.median(seconds) for seconds in zip(*each, strict=True))
    pairs[f"DELTA of {_SMALL} products"].append((dry, real))


def _both(
    hub: Hub, catalogue: Catalogue, change: Callable[[], None], headers: dict[str, str] = FULL
) -> tuple[float, float]:
    """Change the catalogue; return the seconds of a dry run of it, then of the load."""
    change()
    seconds = []
    for more in (_DRY, {}):
        if headers is FULL:
            hub.reset_state()
        seconds.append(processing_seconds(apply_full(hub.admin, _CNPJ, catalogue.body(), headers | more)))
    return seconds[0], seconds[1]


def _compare(work: str, pairs: Pairs) -> Line:
    dry, real = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    ratio = statistics.median(rehearsed / applied for rehearsed, applied in pairs)
    return Line(f"dry run: {work}", "s", dry, "the load", real, ratio, most=_MAX_RATIO)
