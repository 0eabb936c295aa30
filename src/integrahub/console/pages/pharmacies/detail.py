"""One pharmacy: whether it is silent or failing and why, and its tabs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.pages.pharmacies.settings_form import share_as_percent
from integrahub.console.pages.pharmacies.situation import Situation, read_situation
from integrahub.console.pages.webhooks.addresses import EventChoice, list_choices
from integrahub.db.accounts import pharmacies as accounts
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.console import figures, pharmacies
from integrahub.db.console.figures_rows import PharmacyDay, UnknownField
from integrahub.db.webhooks import deliveries, endpoints
from integrahub.db.webhooks.rows import Delivery, DeliveryFilters, Endpoint, OwnerRef
from integrahub.domain.errors import NotFound
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import record_message, render_message
from integrahub.domain.people.roles import Role
from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj
from integrahub.domain.webhooks.events import CLIENT_EVENTS
from integrahub.domain.webhooks.states import EndpointOwner
from integrahub.domain.webhooks.target_url import hide_query

PATH = f"{ROOT}/pharmacies/{{cnpj}}"
_MAX_DELIVERIES = 20
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook of a pharmacy with its latest deliveries."""

    endpoint: Endpoint | None
    deliveries: Sequence[Delivery]

    @property
    def shown_url(self) -> str:
        """The URL without its query."""
        return hide_query(self.endpoint.url) if self.endpoint else ""

    @property
    def choices(self) -> list[EventChoice]:
        """The events that the address may receive, for the form."""
        return list_choices(self.endpoint, CLIENT_EVENTS)


@dataclass(frozen=True, slots=True)
class HubDefaults:
    """What applies to a pharmacy whose own setting is empty."""

    deactivation_limit: float
    full_window_minutes: int
    rate_limit: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What an act that was just performed here left: a new key, or values of a form with their errors by field."""

    new_key: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PharmacyView:
    """What the page of a pharmacy shows; `content` is that of its tab."""

    pharmacy: Pharmacy
    situation: Situation
    days: Sequence[PharmacyDay]
    unknown_fields: Sequence[UnknownField]
    tab: str
    content: Any
    defaults: HubDefaults
    answered: Answered
    language: Language

    @property
    def active(self) -> int | None:
        """Number of active products as last counted, None if it was never counted."""
        return next((day.active for day in reversed(self.days) if day.active is not None), None)

    @property
    def rejected(self) -> int:
        """Records rejected in the last seven days with loads."""
        return sum(day.rejected for day in self.days[-_WEEK:])

    @property
    def reason(self) -> str:
        """Why the latest load failed, as its report says it; '' if it did not."""
        failed = self.situation.failed
        if failed is None or failed.error_code is None:
            return ""
        return render_message(failed.error_code, failed.error_facts or {}).in_language(self.language)

    @property
    def share_text(self) -> str:
        """The share of products that a FULL may deactivate, as the form shows it."""
        return share_as_percent(self.pharmacy.deactivation_limit)

    def record_message(self, code: str) -> str:
        """Return why a record was rejected."""
        return record_message(code).in_language(self.language)


class PharmacyPages:
    """The page of one pharmacy, also as the answer of acts on it."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._tabs: Mapping[str, Callable[[Pharmacy, Situation], Awaitable[Any]]] = {
            "batches": self._read_loads,
            "size": self._read_nothing,
            "rejected": self._read_rejections,
            "fields": self._read_nothing,
            "refusals": self._read_nothing,
            "keys": self._read_nothing,
            "webhook": self._read_webhook,
            "settings": self._read_nothing,
            "audit": self._read_acts,
        }

    async def show(self, request: Request, cnpj: str) -> Response:
        """Answer with the page. A CNPJ with punctuation leads to the address without."""
        stored = _parse(cnpj)
        if stored != cnpj:
            return RedirectResponse(f"{ROOT}/pharmacies/{stored}", 303)
        return await self.render(request, cnpj, request.query_params.get("tab", ""))

    async def render(
        self, request: Request, cnpj: str, tab: str, answered: Answered | None = None, *, status: int = 200
    ) -> Response:
        """Return the page with a tab, the first one if there is no such tab."""
        pharmacy = await self.find(cnpj)
        tab = tab if tab in self._tabs else "batches"
        view = await self._read(pharmacy, tab, answered or Answered(), self._console.renderer.language_of(request))
        return self._console.renderer.page(
            request, "pharmacies/pharmacy.html", view, status=status, zone=pharmacy.time_zone
        )

    async def find(self, cnpj: str) -> Pharmacy:
        """Return the pharmacy; raise NotFound if there is none."""
        pharmacy = await accounts.find(self._console.reads, _parse(cnpj))
        if pharmacy is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj[:20])
        return pharmacy

    async def _read(self, pharmacy: Pharmacy, tab: str, answered: Answered, language: Language) -> PharmacyView:
        reads, settings = self._console.reads, self._console.hub.settings
        situation = await read_situation(
            reads, pharmacy, self._console.clock(), has_hub_keys=bool(settings.valid_api_keys)
        )
        return PharmacyView(
            pharmacy,
            situation,
            await figures.find_pharmacy_days(reads, pharmacy.id),
            await figures.find_unknown_fields(reads, pharmacy.id),
            tab,
            await self._tabs[tab](pharmacy, situation),
            HubDefaults(settings.deactivation_limit, settings.full_window_minutes, settings.rate_limit),
            answered,
            language,
        )

    async def _read_loads(self, pharmacy: Pharmacy, situation: Situation) -> Any:
        return await pharmacies.fetch_latest_loads(self._console.reads, pharmacy.id)

    async def _read_rejections(self, pharmacy: Pharmacy, situation: Situation) -> Any:
        return await pharmacies.fetch_rejections(self._console.reads, pharmacy.id)

    async def _read_webhook(self, pharmacy: Pharmacy, situation: Situation) -> Webhook:
        endpoint = await endpoints.find(self._console.reads, OwnerRef(EndpointOwner.PHARMACY, pharmacy.id))
        if endpoint is None:
            return Webhook(None, ())
        page = await deliveries.fetch_page(self._console.reads, [endpoint.id], DeliveryFilters(), None, _MAX_DELIVERIES)
        return Webhook(endpoint, page)

    async def _read_acts(self, pharmacy: Pharmacy, situation: Situation) -> Any:
        subjects = [pharmacy.cnpj, *(str(key.id) for key in situation.keys)]
        return await pharmacies.fetch_acts(self._console.reads, subjects)

    async def _read_nothing(self, pharmacy: Pharmacy, situation: Situation) -> None:
        """Read nothing: the tab shows what the page has read already."""


def tab_path(cnpj: str, tab: str) -> str:
    """Return the address of a tab, to which its acts lead back."""
    return f"{ROOT}/pharmacies/{quote(cnpj, safe='')}?tab={tab}"


def _parse(cnpj: str) -> str:
    try:
        return parse_cnpj(cnpj, verify=False)
    except InvalidCnpj as error:
        raise NotFound("pharmacy_not_found", cnpj=cnpj[:20]) from error


def add_routes(router: APIRouter, pages: PharmacyPages) -> None:
    """Add the route of the page."""
    router.add_api_route(
        PATH, pages.show, methods=["GET"], response_model=None, dependencies=[Depends(require(Role.VIEWER))]
    )
