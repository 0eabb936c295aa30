"""CNPJs, which identify pharmacies: numeric or (since July 2026) alphanumeric."""

import re
from functools import lru_cache

from integrahub.domain.messages.catalog import render_message

_SHAPE = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_MASK = re.compile(r"[.\-/\s]")
_LENIENT = re.compile(r"[0-9A-Z]{11,15}")
_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CACHED_CNPJS = 10_000


class InvalidCnpj(ValueError):
    """The text is no CNPJ; `code` and `facts` give the message that says why."""

    def __init__(self, code: str, value: object) -> None:
        self.code = code
        self.facts = {"value": str(value)[:40]}
        super().__init__(render_message(code, self.facts).en)


def _check_digit(characters: str) -> str:
    total = sum((ord(c) - 48) * w for c, w in zip(characters, _WEIGHTS[-len(characters) :], strict=True))
    return str((11 - total % 11) % 11 % 10)


def unmask(value: object) -> str:
    """Return a CNPJ in upper case without punctuation; a JSON number gets its leading zeros back."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).zfill(14)
    return _MASK.sub("", str(value)).upper()


def list_near_cnpjs(value: object) -> list[str]:
    """Return all valid CNPJs that differ from `value` by one character or by two swapped neighbours."""
    text = unmask(value)
    if not re.fullmatch(r"[0-9A-Z]{14}", text):
        return []
    near = {text[:k] + other + text[k + 1 :] for k in range(14) for other in _CHARACTERS}
    near |= {text[:k] + text[k + 1] + text[k] + text[k + 2 :] for k in range(13)}
    return sorted(candidate for candidate in near - {text} if _is_cnpj(candidate))


def _is_cnpj(text: str) -> bool:
    return bool(_SHAPE.fullmatch(text)) and _check_digit(text[:12]) + _check_digit(text[:13]) == text[12:]


# Each post names a pharmacy, and most name one that posted before.
_is_posting_cnpj = lru_cache(maxsize=_CACHED_CNPJS)(_is_cnpj)


def parse_cnpj(value: object, *, verify: bool = True) -> str:
    """Return the CNPJ as it is stored, 14 characters; raise InvalidCnpj.

    Without `verify`, 11 to 15 letters and digits pass unchecked (test pharmacies of the older hub).
    """
    text = unmask(value)
    if not verify and _LENIENT.fullmatch(text):
        return text
    if not _SHAPE.fullmatch(text):
        raise InvalidCnpj("cnpj_shape", value)
    if text.count(text[0]) == 14 or not _is_posting_cnpj(text):
        raise InvalidCnpj("cnpj_check_digits", value)
    return text
