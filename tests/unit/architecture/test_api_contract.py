"""The contract of the API with its clients breaks only where the changelog says it."""

from typing import Any

import pytest
from tests.api_contract.baseline import HINT, read_baseline, unannounced_breaks
from tests.api_contract.reduction import reduce_document
from tests.api_contract.served import fetch_document


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    """Return the contract of the document that a hub serves."""
    return reduce_document(fetch_document())


def test_no_change_of_the_description_breaks_clients_unless_the_changelog_names_it(contract: dict[str, Any]) -> None:
    breaks = unannounced_breaks(contract)
    assert not breaks, "\n".join([HINT, *map(str, breaks)])


def test_the_baseline_has_every_addition(contract: dict[str, Any]) -> None:
    baseline = read_baseline()
    changed = {
        name
        for section in contract
        for name in contract[section].keys() | baseline[section].keys()
        if contract[section].get(name) != baseline[section].get(name)
    }
    assert changed == set(), "run `make api-baseline`: without it, a later removal would pass"
