"""Keys chosen by operators."""

import pytest

from integrahub.domain.api_keys import generate_key
from integrahub.domain.chosen_keys import is_sendable, is_weak, list_unsendable_characters


@pytest.mark.parametrize("key", ["a", "b" * 60, "farmacia-123", "0123456789" * 3, "abababababababababababab", "x" * 19])
def test_short_and_repeating_keys_are_weak(key: str) -> None:
    assert is_weak(key)


@pytest.mark.parametrize("key", ["9f3c1a77e0b24d58a6c2", "farmacia-do-joao-2024-sp", "9f86d081884c7d659a2feaa0"])
def test_keys_of_twenty_varied_characters_are_not(key: str) -> None:
    assert not is_weak(key)


def test_what_the_hub_makes_is_neither_weak_nor_unsendable() -> None:
    for _ in range(200):
        key = generate_key().text
        assert is_sendable(key) and not is_weak(key)


def test_what_no_header_carries_is_named_once_each() -> None:
    assert list_unsendable_characters("é é\n💊") == "'é', ' ', '\\n', '💊'"
