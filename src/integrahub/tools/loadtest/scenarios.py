"""The scenarios: what each posts, for how many pharmacies, over how many connections."""

from integrahub.tools.loadtest.payloads import one_each, one_large, real_cnpjs, small_posts
from integrahub.tools.loadtest.runner import Scenario


def small(name: str, posts: int, products: int, pharmacies: int, at_once: int) -> Scenario:
    """Very many DELTAs of a few products, the pharmacies in turn."""
    cnpjs = real_cnpjs(min(pharmacies, posts))
    lanes = min(at_once, posts)
    return Scenario(name, cnpjs, posts, products, lanes, lambda heads: small_posts(heads, cnpjs, posts, products))


def million(products: int, cnpj: str = "") -> Scenario:
    """One FULL of very many products."""
    one = cnpj or real_cnpjs(1)[0]
    return Scenario("million", [one], 1, products, 1, lambda heads: one_large(heads, one, products), "full")


def many(pharmacies: int, products: int, at_once: int) -> Scenario:
    """One FULL of each of many pharmacies."""
    cnpjs = real_cnpjs(pharmacies)
    lanes = min(at_once, pharmacies)
    return Scenario("many", cnpjs, pharmacies, products, lanes, lambda heads: one_each(heads, cnpjs, products), "full")
