"""CNPJs in requests."""

from collections.abc import Callable

from integrahub.domain.errors import BadRequest
from integrahub.domain.pharmacies import InvalidCnpj

ParseCnpj = Callable[[str], str]  # returns the CNPJ as stored; InvalidCnpj if the text is none


def read_cnpj(text: str, parse: ParseCnpj) -> str:
    """Return the CNPJ as stored. Raise BadRequest if the text is not a CNPJ."""
    try:
        return parse(text)
    except InvalidCnpj as error:
        raise BadRequest(error.code, **error.facts) from error
