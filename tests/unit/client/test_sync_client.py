"""The synchronous client is generated from the asynchronous one, and both offer the same."""

import inspect
from typing import Any

import pytest
from tests.sync_client import TARGET, generate

from integrahub.client import AsyncBatch, AsyncClient, Batch, Client


def test_the_generated_files_are_current() -> None:
    written = {path.name: path.read_text("utf-8") for path in TARGET.glob("*.py") if path.name != "__init__.py"}
    assert written == generate(), "run `make sync-client`"


def test_nothing_asynchronous_is_left() -> None:
    found = {name for name, text in generate().items() for word in ("await", "async ", "Async") if word in text}
    assert found == set()


def _offered(kind: type[Any]) -> dict[str, list[str]]:
    members = {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}
    names = {"aclose": "close"}
    return {
        names.get(name, name): list(inspect.signature(member).parameters) if callable(member) else []
        for name, member in members.items()
    }


@pytest.mark.parametrize(("one", "other"), [(Client, AsyncClient), (Batch, AsyncBatch)])
def test_both_offer_the_same(one: type[Any], other: type[Any]) -> None:
    assert _offered(one) == _offered(other)
