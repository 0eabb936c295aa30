"""One small batch in seconds; one of a million products no slower per product, in the same memory."""

from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, applied, running, seconds
from bench.loads import loaded
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import real_cnpjs
from integrahub.tools.loadtest.process_memory import remembered
from integrahub.tools.loadtest.scenarios import million

_SMALL, _TENTH, _MILLION = real_cnpjs(3)


def lines(sizes: Sizes) -> Iterator[Line]:
    """Each pharmacy's first load, on the same hub."""
    with running({"MAX_PAYLOAD_SIZE": "4g"}) as hub:
        taken = seconds(applied(hub.admin, _SMALL, Catalogue(sizes.batch).body()))
        yield Line(f"{sizes.batch:,} products, POST to COMPLETED", "s", taken, judged=taken, most=2)
        with remembered(hub.folder) as memory:
            slow, fast = (_rate(hub, cnpj, size) for cnpj, size in ((_TENTH, sizes.tenth), (_MILLION, sizes.million)))
        work = f"{sizes.million:,} products in one body"
        yield Line(f"{work}: rate", "products/s", fast, f"{sizes.tenth:,}", slow, fast / slow, least=0.9)
        step, most = max(memory.most.items(), key=lambda item: item[1])
        told = ", ".join(f"{name} {size:,.0f}" for name, size in memory.most.items())
        yield Line(f"{work}: largest process", "MB", most, judged=most, most=150, note=f"{step}; {told}")


def _rate(hub: Hub, cnpj: str, products: int) -> float:
    found = loaded(hub, million(products, cnpj))
    assert not found["faults"], found["faults"]
    return float(found["products_per_second"])
