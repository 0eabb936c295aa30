"""Names that a client mistyped: the nearest known one, put into a sentence."""

from collections.abc import Collection
from difflib import get_close_matches

from integrahub.domain.messages.message import Message

_LENGTH = 60  # characters of a client's name that are looked at
_SYNONYMS = {"nome": "name", "cidade": "city", "estado": "state", "uf": "state", "chave": "key", "busca": "q"}


def suggest_name(name: str, known: Collection[str]) -> Message:
    """Name the known one nearest to `name`; all of them when none is near."""
    if not known:
        return Message("esta rota não tem nenhum", "this route has none")
    meant = _SYNONYMS.get(name.lower(), name.lower())[:_LENGTH]
    close = get_close_matches(meant, sorted(known), 1, 0.6)
    if close:
        return Message(f"o mais parecido é {close[0]!r}", f"the nearest is {close[0]!r}")
    names = ", ".join(sorted(known))
    return Message(f"os conhecidos são {names}", f"the known ones are {names}")
