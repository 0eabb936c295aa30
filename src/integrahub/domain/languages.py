"""Languages of responses, and the choice among them by Accept-Language."""

from enum import StrEnum


class Language(StrEnum):
    """A language of responses, as a Content-Language tag."""

    PT = "pt-BR"
    EN = "en"


DEFAULT = Language.EN  # if the client prefers neither Portuguese nor English


def choose(accept_language: str) -> Language:
    """Choose a language by an Accept-Language header: the highest weight, and of equal weights the first."""
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
