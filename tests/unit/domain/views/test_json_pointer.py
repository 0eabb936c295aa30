"""JSON Pointer, by the examples of RFC 6901."""

import pytest

from integrahub.domain.views.json_pointer import format_pointer


@pytest.mark.parametrize(
    ("tokens", "pointer"),
    [
        ((), ""),
        ((4811, "PRICE"), "/4811/PRICE"),
        (("a/b",), "/a~1b"),
        (("m~n",), "/m~0n"),
        (("~1",), "/~01"),
        (("",), "/"),
    ],
)
def test_tokens_are_escaped_as_the_rfc_demands(tokens: tuple[int | str, ...], pointer: str) -> None:
    assert format_pointer(*tokens) == pointer
