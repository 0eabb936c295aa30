"""What a text that a person searches for may be: a CNPJ, an id of a batch, a bar code, a product id, or text."""

import re
from dataclasses import dataclass
from uuid import UUID

from integrahub.domain.ids import expand_id_prefix
from integrahub.domain.pharmacies import unmask

_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_HEX = re.compile(r"[0-9a-fA-F-]{6,36}")
_SHORT_ID = re.compile(r"[0-9a-fA-F]{8}")
_EAN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_PRODUCT_ID = re.compile(r"[0-9]{1,18}")
_MAX_HEX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """A text, and what it may be. `ids` are the first and the last id that begin with it, `suffix` the end of an id."""

    text: str
    cnpj: str | None = None
    cnpj_prefix: str = ""
    ids: tuple[UUID, UUID] | None = None
    suffix: str | None = None
    ean: str = ""
    product_id: int | None = None

    @classmethod
    def parse(cls, text: str) -> "SearchTerms":
        """Return what a text may be."""
        text = " ".join(text.replace("\x00", "").split())
        plain = unmask(text).upper()
        is_cnpj = bool(_CNPJ.fullmatch(plain))
        digits = text.replace("-", "")
        is_id = bool(_HEX.fullmatch(text)) and len(digits) <= _MAX_HEX_DIGITS and not digits.isdecimal()
        is_long = len(digits) > len("00000000")
        return cls(
            text=text,
            cnpj=plain if is_cnpj else None,
            cnpj_prefix=plain if plain.isdecimal() and len(plain) >= 4 else "",
            ids=expand_id_prefix(digits) if is_id and (is_long or not _SHORT_ID.fullmatch(text)) else None,
            suffix=text.lower() if _SHORT_ID.fullmatch(text) else None,
            ean=text if _EAN.fullmatch(text) else "",
            product_id=int(text) if _PRODUCT_ID.fullmatch(text) else None,
        )
