"""Scenarios of load tests: size and number of posts, pharmacies, connections."""

from integrahub.tools.loadtest.payloads import (
    generate_equal_posts,
    generate_large_post,
    generate_small_posts,
    load_real_cnpjs,
)
from integrahub.tools.loadtest.runner import Scenario


def build_deltas(name: str, posts: int, products: int, pharmacies: int, concurrency: int) -> Scenario:
    """Return a scenario of many DELTAs of a few products, the pharmacies in turn."""
    cnpjs = load_real_cnpjs(min(pharmacies, posts))
    connections = min(concurrency, posts)
    return Scenario(
        name, cnpjs, posts, products, connections, lambda heads: generate_small_posts(heads, cnpjs, posts, products)
    )


def build_large_full(products: int, cnpj: str = "") -> Scenario:
    """Return a scenario of one FULL with many products."""
    pharmacy = cnpj or load_real_cnpjs(1)[0]
    return Scenario(
        "million", [pharmacy], 1, products, 1, lambda heads: generate_large_post(heads, pharmacy, products), "full"
    )


def build_fulls(pharmacies: int, products: int, concurrency: int) -> Scenario:
    """Return a scenario of one FULL for each of many pharmacies."""
    cnpjs = load_real_cnpjs(pharmacies)
    connections = min(concurrency, pharmacies)
    return Scenario(
        "many", cnpjs, pharmacies, products, connections, lambda h: generate_equal_posts(h, cnpjs, products), "full"
    )
