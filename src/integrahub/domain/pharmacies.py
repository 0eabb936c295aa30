"""Pharmacies are known by their CNPJ, numeric or (since July 2026) alphanumeric."""

import re

from integrahub.domain.messages.catalog import render_message

_SHAPE = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_MASK = re.compile(r"[.\-/\s]")
_LENIENT = re.compile(r"[0-9A-Z]{11,15}")
_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


class InvalidCnpj(ValueError):
    """The text is not a CNPJ; `code` and `facts` make the sentence that says why."""

    def __init__(self, code: str, value: object) -> None:
        self.code = code
        self.facts = {"value": str(value)[:40]}
        super().__init__(render_message(code, self.facts).en)


def _check_digit(characters: str) -> str:
    total = sum((ord(c) - 48) * w for c, w in zip(characters, _WEIGHTS[-len(characters) :], strict=True))
    return str((11 - total % 11) % 11 % 10)


def unmask(value: object) -> str:
    """Upper case without mask; a JSON number gets back the zeros it lost."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).zfill(14)
    return _MASK.sub("", str(value)).upper()


def list_near_cnpjs(value: object) -> list[str]:
    """Every CNPJ that differs from `value` by one character, or by two neighbours in the other order."""
    text = unmask(value)
    if not re.fullmatch(r"[0-9A-Z]{14}", text):
        return []
    near = {text[:k] + other + text[k + 1 :] for k in range(14) for other in _CHARACTERS}
    near |= {text[:k] + text[k + 1] + text[k] + text[k + 2 :] for k in range(13)}
    return sorted(candidate for candidate in near - {text} if _is_cnpj(candidate))


def _is_cnpj(text: str) -> bool:
    return bool(_SHAPE.fullmatch(text)) and _check_digit(text[:12]) + _check_digit(text[:13]) == text[12:]


def parse_cnpj(value: object, *, verify: bool = True) -> str:
    """The 14 characters stored for `value`; InvalidCnpj with what was expected when it is not one.

    With `verify` off, 11 to 15 letters and digits pass without check digits (test pharmacies of the older hub).
    """
    text = unmask(value)
    if not verify and _LENIENT.fullmatch(text):
        return text
    if not _SHAPE.fullmatch(text):
        raise InvalidCnpj("cnpj_shape", value)
    if text.count(text[0]) == 14 or not _is_cnpj(text):
        raise InvalidCnpj("cnpj_check_digits", value)
    return text
