"""What the pages of webhooks show: endpoints, deliveries of all, one delivery with its attempts."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.context import ConsoleContext
from integrahub.console.page_cursors import decode_top, hold_top, read_time, split_page
from integrahub.console.pages.failures.parameters import (
    find_choice,
    read_choice,
    read_cnpj,
    read_id,
    read_position,
    read_since,
)
from integrahub.console.pages.webhooks.addresses import EventChoice, list_choices
from integrahub.db.console import webhooks
from integrahub.db.console.webhooks_rows import (
    MAX_COUNTED_DELIVERIES,
    DeliveryFilters,
    DeliveryRow,
    EndpointFilter,
    EndpointFilters,
    EndpointPosition,
    EndpointRow,
    WholeDelivery,
)
from integrahub.db.webhooks import deliveries, endpoints
from integrahub.db.webhooks.rows import DeliveryAttempt, DeliveryPosition, Endpoint, OwnerRef
from integrahub.domain import cursors
from integrahub.domain.errors import NotFound
from integrahub.domain.webhooks.events import OPERATOR_EVENTS, EventType
from integrahub.domain.webhooks.states import DeliveryState, EndpointOwner

ROWS = 50
REPLAY_DAYS = 30  # deliveries are kept as long


@dataclass(frozen=True, slots=True)
class EndpointList:
    """The page of endpoints. `disabled` counts those of this page that are suspended."""

    rows: list[EndpointRow]
    filters: EndpointFilters
    next_cursor: str | None
    operator: Endpoint | None = None  # of the operator of the hub, for its form
    max_counted: int = MAX_COUNTED_DELIVERIES

    @property
    def choices(self) -> list[EventChoice]:
        """The events that the operator of the hub may receive."""
        return list_choices(self.operator, OPERATOR_EVENTS)

    @property
    def disabled(self) -> int:
        """The number of suspended endpoints of this page, which come first."""
        return sum(row.disabled_at is not None for row in self.rows)

    @property
    def failing(self) -> int:
        """The number of endpoints of this page whose last delivery failed."""
        return sum(row.failing_since is not None and row.disabled_at is None for row in self.rows)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of deliveries; `newer` counts those that came since it was opened, `poll` is the query of its updates."""

    rows: list[DeliveryRow]
    next_cursor: str | None
    newer: int
    poll: dict[str, str]


@dataclass(frozen=True, slots=True)
class EndpointView:
    """The page of one endpoint, with its newest deliveries. `failed` counts those that a replay would send."""

    endpoint: EndpointRow
    page: DeliveryPage
    filters: DeliveryFilters
    failed: int
    max_counted: int = MAX_COUNTED_DELIVERIES


@dataclass(frozen=True, slots=True)
class DeliveryList:
    """The page of deliveries of all endpoints."""

    page: DeliveryPage
    filters: DeliveryFilters
    events: tuple[EventType, ...] = tuple(EventType)
    states: tuple[DeliveryState, ...] = tuple(DeliveryState)


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """The page of one delivery."""

    delivery: WholeDelivery
    attempts: list[DeliveryAttempt]


class WebhookReads:
    """Reads and renders pages of webhooks."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show_endpoints(self, request: Request) -> Response:
        """Answer with the endpoints that the filters of the query find."""
        query = request.query_params
        filters = EndpointFilters(read_choice(query, "state", EndpointFilter.ALL), read_cnpj(query))
        after = _read_endpoint_position(query.get("cursor", ""))
        rows, last = split_page(await webhooks.list_endpoints(self._console.reads, filters, after, ROWS + 1), ROWS)
        next_cursor = cursors.encode(last.rank, str(last.id)) if last else None
        operator = await endpoints.find(self._console.reads, OwnerRef(EndpointOwner.OPERATOR))
        return self._console.page(request, "webhooks/list.html", EndpointList(rows, filters, next_cursor, operator))

    async def show_endpoint(self, request: Request, endpoint_id: UUID) -> Response:
        """Answer with one endpoint and its deliveries."""
        reads, endpoint = self._console.reads, await self.find_endpoint(endpoint_id)
        state = find_choice(request.query_params, "state", DeliveryState)
        filters = DeliveryFilters(state, endpoint=endpoint_id)
        page = await self._list_deliveries(request, filters)
        since = self._console.clock() - timedelta(days=REPLAY_DAYS)
        failed = await webhooks.count_deliveries(reads, endpoint_id, DeliveryState.FAILED, since)
        view = EndpointView(endpoint, page, filters, failed)
        return self._console.page(request, "webhooks/endpoint.html", view)

    async def show_deliveries(self, request: Request) -> Response:
        """Answer with the deliveries that the filters of the query find."""
        query = request.query_params
        filters = DeliveryFilters(
            find_choice(query, "state", DeliveryState),
            find_choice(query, "event", EventType),
            read_cnpj(query),
            read_id(query, "endpoint"),
            read_since(query, self._console.clock()),
        )
        page = await self._list_deliveries(request, filters)
        return self._console.page(request, "webhooks/deliveries.html", DeliveryList(page, filters))

    async def show_delivery(self, request: Request, delivery_id: UUID) -> Response:
        """Answer with one delivery, its body and its attempts."""
        delivery = await self.find_delivery(delivery_id)
        attempts = await deliveries.list_attempts(self._console.reads, delivery_id)
        view = DeliveryView(delivery, attempts)
        return self._console.page(request, "webhooks/delivery.html", view)

    async def find_endpoint(self, endpoint_id: UUID) -> EndpointRow:
        """Return an endpoint. Raise NotFound if it does not exist or is deleted."""
        endpoint = await webhooks.find_endpoint(self._console.reads, endpoint_id)
        if endpoint is None:
            raise NotFound("webhook_not_found")
        return endpoint

    async def find_delivery(self, delivery_id: UUID) -> WholeDelivery:
        """Return a delivery. Raise NotFound if it does not exist."""
        delivery = await webhooks.find_delivery(self._console.reads, delivery_id)
        if delivery is None:
            raise NotFound("delivery_not_found", delivery_id=delivery_id)
        return delivery

    async def _list_deliveries(self, request: Request, filters: DeliveryFilters) -> DeliveryPage:
        query, reads = request.query_params, self._console.reads
        position, top = read_position(query, read_time, UUID), decode_top(query)
        after = DeliveryPosition(*position) if position else None
        rows, last = split_page(await webhooks.list_deliveries(reads, filters, after, ROWS + 1, top), ROWS)
        first = (rows[0].created_at, rows[0].id) if rows else None
        return DeliveryPage(
            rows,
            cursors.encode(last.created_at.isoformat(), str(last.id)) if last else None,
            await webhooks.count_newer(reads, filters, top) if top else 0,
            hold_top(query, top, first, self._console.clock()),
        )


def _read_endpoint_position(cursor: str) -> EndpointPosition | None:
    position = read_position({"cursor": cursor}, int, UUID)
    return EndpointPosition(*position) if position else None
