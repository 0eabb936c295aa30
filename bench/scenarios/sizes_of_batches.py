"""A batch of 10,000 products, and one of a million at the same rate and in the same memory."""

from collections.abc import Iterator

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, processing_seconds, running_hub
from bench.loads import run_load
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from integrahub.tools.loadtest.process_memory import watch_memory
from integrahub.tools.loadtest.scenarios import build_large_full

_SMALL, _TENTH, _MILLION = load_real_cnpjs(3)


def lines(sizes: Sizes) -> Iterator[Line]:
    """Measure first loads of different pharmacies on the same hub."""
    with running_hub({"MAX_PAYLOAD_SIZE": "4g"}) as hub:
        elapsed = processing_seconds(apply_full(hub.admin, _SMALL, Catalogue(sizes.batch).body()))
        yield Line(f"{sizes.batch:,} products, POST to COMPLETED", "s", elapsed, judged=elapsed, most=2)
        with watch_memory(hub.folder) as memory:
            slow, fast = (_rate(hub, cnpj, size) for cnpj, size in ((_TENTH, sizes.tenth), (_MILLION, sizes.million)))
        work = f"{sizes.million:,} products in one body"
        yield Line(f"{work}: rate", "products/s", fast, f"{sizes.tenth:,}", slow, fast / slow, least=0.9)
        step, most = max(memory.most.items(), key=lambda item: item[1])
        listed = ", ".join(f"{name} {size:,.0f}" for name, size in memory.most.items())
        yield Line(f"{work}: largest process", "MB", most, judged=most, most=150, note=f"{step}; {listed}")


def _rate(hub: Hub, cnpj: str, products: int) -> float:
    result = run_load(hub, build_large_full(products, cnpj))
    assert not result["faults"], result["faults"]
    return float(result["products_per_second"])
