"""Language of a response by the client's preferences."""

import pytest

from integrahub.domain.languages import Language, choose

_CHOSEN = {
    "": "en",
    "pt": "pt-BR",
    "pt-BR": "pt-BR",
    "PT_br": "en",
    "pt-PT,pt;q=0.9": "pt-BR",
    "en": "en",
    "en-US,en;q=0.9,pt;q=0.8": "en",
    "en;q=0.5, pt-BR": "pt-BR",
    "en;q=0.5,pt;q=0.6": "pt-BR",
    "pt,en": "pt-BR",
    "en,pt": "en",
    "es,pt;q=0.5": "pt-BR",
    "es": "en",
    "*": "en",
    "pt;q=0": "en",
    "en;q=0, *": "pt-BR",
    "pt;q=0.3, *;q=0.8": "en",
    "pt;q=x": "en",
    "pt;q=nan": "en",
    "pt;q=7": "en",
    "pt; q=0.9 , en; q=0.1": "pt-BR",
    "ptx": "en",
    ";;;,,,": "en",
}


@pytest.mark.parametrize("header", _CHOSEN)
def test_the_greater_weight_counts_and_of_equal_ones_the_first(header: str) -> None:
    assert choose(header) == Language(_CHOSEN[header])
