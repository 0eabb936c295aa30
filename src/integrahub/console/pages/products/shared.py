"""What all pages of products share: the pharmacy and the product of an address, and messages in the page's language."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.domain.errors import NotFound
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import record_message
from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj
from integrahub.domain.products import MAX_PRODUCT_ID

PATH = f"{ROOT}/pharmacies/{{cnpj}}/products"


async def find_pharmacy(console: ConsoleContext, cnpj: str) -> Pharmacy:
    """Return the pharmacy. Raise NotFound if there is none."""
    try:
        stored = parse_cnpj(cnpj, verify=False)
    except InvalidCnpj:
        raise NotFound("pharmacy_not_found", cnpj=cnpj) from None
    pharmacy = await pharmacies.find(console.reads, stored)
    if pharmacy is None:
        raise NotFound("pharmacy_not_found", cnpj=stored)
    return pharmacy


def parse_product_id(text: str) -> int | None:
    """Return a product id, or None for a text that is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PRODUCT_ID))):
        return None
    number = int(text)
    return number if 0 < number <= MAX_PRODUCT_ID else None


def record_messages(console: ConsoleContext, request: Request) -> Callable[[str], str]:
    """Return the function that says why a record was rejected, in the language of the page."""
    tag = console.renderer.languages.of(request).tag
    language = Language.EN if tag == Language.EN else Language.PT
    return lambda code: record_message(code).in_language(language)


def render(
    console: ConsoleContext, request: Request, template: str, view: object, pharmacy: Pharmacy, *, status: int = 200
) -> Response:
    """Return a page with the times of the pharmacy's zone."""
    return console.renderer.page(request, template, view, status=status, zone=pharmacy.time_zone)
