"""The two languages of the hub's answers, and which of them a client prefers."""

from enum import StrEnum


class Language(StrEnum):
    """A language of answers, as Content-Language names it."""

    PT = "pt-BR"
    EN = "en"


DEFAULT = Language.EN  # when a client states no preference, or for other languages alone


def choose(accept_language: str) -> Language:
    """Choose by an Accept-Language header: the greater weight counts, of equal ones the first named."""
    weights: dict[str, float] = {}
    for part in accept_language[:1000].lower().split(","):
        tag, _, parameter = part.partition(";")
        name = tag.strip().partition("-")[0]
        if name in ("pt", "en", "*"):
            weights[name] = max(weights.get(name, 0.0), _weight(parameter))
    others = weights.pop("*", 0.0)
    if others:
        for language in (DEFAULT, Language.PT):
            weights.setdefault(language.partition("-")[0], others)
    best = max(weights, key=lambda name: weights[name], default="")
    if not best or not weights[best]:
        return DEFAULT
    return Language.PT if best == "pt" else Language.EN


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
