"""Many pharmacies at once, against the floor's rate on the same PostgreSQL: 100 whole catalogues, 1000 small ones."""

from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, applied, running
from bench.loads import loaded, whole
from bench.measurement import Line, compared
from bench.peers.floor import CleanText, Floor
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import real_cnpjs
from integrahub.tools.loadtest.scenarios import many
from integrahub.tools.loadtest.socket_limits import most_connections

_SMALL = 1000
_SAMPLE = 16_349


def lines(sizes: Sizes) -> Iterator[Line]:
    """Each on a fresh hub, the floor after it on the same one."""
    with running() as hub:
        found = loaded(hub, many(sizes.pharmacies, sizes.catalogue, most_connections(sizes.pharmacies)))
        work = f"{sizes.pharmacies} pharmacies x {sizes.catalogue:,} products at once"
        yield whole(work, found)
        yield compared(work, [found["products_per_second"]], "floor", [_floor(hub, sizes.products)], 0.80)
    with running() as hub:
        found = loaded(hub, many(sizes.many, _SMALL, most_connections(sizes.many)))
        work = f"load many, {sizes.many:,} x {_SMALL:,} products"
        yield whole(work, found)
        yield Line(f"{work}: answer P95", "ms", found["p95_ms"], judged=found["p95_ms"], most=500)
        yield compared(f"{work}: applied", [found["products_per_second"]], "floor", [_floor(hub, sizes.products)], 0.60)


def _floor(hub: Hub, products: int) -> float:
    """The floor's rate of new products."""
    last = real_cnpjs(20_000)[-1]
    applied(hub.admin, last, Catalogue(_SAMPLE).body())
    clean = CleanText.held(hub.database, last)
    hub.ready()
    return products / Floor(hub.database, clean, -1).apply(Catalogue(products))
