"""Suggestions for mistyped names of parameters and members."""

from collections.abc import Collection
from difflib import get_close_matches

from integrahub.domain.messages.message import Message

_MAX_COMPARED = 60  # characters; comparing longer names costs too much
_SYNONYMS = {"nome": "name", "cidade": "city", "estado": "state", "uf": "state", "chave": "key", "busca": "q"}


def suggest_name(name: str, known: Collection[str]) -> Message:
    """Return a message with the known name most similar to `name`, or with all known names if none is similar."""
    if not known:
        return Message("esta rota não tem nenhum", "this route has none")
    meant = _SYNONYMS.get(name.lower(), name.lower())[:_MAX_COMPARED]
    close = get_close_matches(meant, sorted(known), 1, 0.6)
    if close:
        return Message(f"o mais parecido é {close[0]!r}", f"the nearest is {close[0]!r}")
    names = ", ".join(sorted(known))
    return Message(f"os conhecidos são {names}", f"the known ones are {names}")
