"""Many pharmacies at once: 100 whole catalogues, 1000 small ones, compared with the baseline."""

from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.loads import lost_posts, run_load
from bench.measurement import Line, compare
from bench.peers.baseline import Baseline, CleanText
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from integrahub.tools.loadtest.scenarios import build_fulls
from integrahub.tools.loadtest.socket_limits import max_connections

_SMALL, _FEW = 1000, 100
_SAMPLE = 16_349


def lines(sizes: Sizes) -> Iterator[Line]:
    """Run each load on a new hub, then the baseline on the same hub."""
    with running_hub() as hub:
        result = run_load(hub, build_fulls(sizes.pharmacies, sizes.catalogue, max_connections(sizes.pharmacies)))
        work = f"{sizes.pharmacies} pharmacies x {sizes.catalogue:,} products at once"
        yield lost_posts(work, result)
        yield compare(work, [result["products_per_second"]], "baseline", [_measure_baseline(hub, sizes.products)], 1.3)
    for pharmacies, most in ((sizes.many, 1500), (min(sizes.many, _FEW), 500)):
        with running_hub() as hub:
            yield from _many(hub, pharmacies, most, sizes.products if pharmacies == sizes.many else None)


def _many(hub: Hub, pharmacies: int, most: int, products: int | None) -> Iterator[Line]:
    """Load small FULLs at once, with answers in at most `most` ms; compare with the baseline of `products` products."""
    result = run_load(hub, build_fulls(pharmacies, _SMALL, max_connections(pharmacies)))
    work = f"load many, {pharmacies:,} x {_SMALL:,} products"
    yield lost_posts(work, result)
    yield Line(f"{work}: answer P95", "ms", result["p95_ms"], judged=result["p95_ms"], most=most)
    if products:
        rate = _measure_baseline(hub, products)
        yield compare(f"{work}: applied", [result["products_per_second"]], "baseline", [rate], 0.90)


def _measure_baseline(hub: Hub, products: int) -> float:
    """Return the baseline's rate of new products."""
    last = load_real_cnpjs(20_000)[-1]
    apply_full(hub.admin, last, Catalogue(_SAMPLE).body())
    clean = CleanText.read_from(hub.database, last)
    hub.reset_state()
    return products / Baseline(hub.database, clean, -1).apply(Catalogue(products))
