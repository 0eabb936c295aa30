"""The FastAPI application: its routes, middleware, error handlers and OpenAPI document."""

from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrahub import __version__
from integrahub.access.api_key_admin import ApiKeyAdmin, ApiKeyRules
from integrahub.access.audit import Audit
from integrahub.access.pharmacy_settings import PharmacyAdmin
from integrahub.access.rate_limiter import RateLimiter, RateLimits
from integrahub.access.refusals import RefusalCounts
from integrahub.access.webhook_owners import WebhookOwners
from integrahub.access.webhooks import Webhooks
from integrahub.api import problems
from integrahub.api.auth.authentication import ApiKeyAuthenticator, Authenticate
from integrahub.api.auth.guarded_route import RequestGuard
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.api.cnpj import ParseCnpj
from integrahub.api.event_stream import StreamSlots
from integrahub.api.middleware.methods import HeadAndOptions
from integrahub.api.middleware.read_limits import ReadLimiter, ReadLimits
from integrahub.api.middleware.telemetry import TelemetryMiddleware
from integrahub.api.openapi.document import complete_document
from integrahub.api.openapi.ingest import RECEIPT_SCHEMA, describe_ingest
from integrahub.api.openapi.problems import CLIENT_SECURITY, PROBLEM_SCHEMA, SECURITY, add_problem_responses
from integrahub.api.openapi.webhooks import describe_webhooks
from integrahub.api.pharmacy_access import PharmacyAccess
from integrahub.api.pharmacy_cache import PharmacyCache, PharmacyCreation
from integrahub.api.pharmacy_finder import PharmacyFinder
from integrahub.api.posts.plain import PlainPosts
from integrahub.api.routes import (
    api_keys,
    audit_log,
    batch_changes,
    batch_events,
    batches,
    dead_letters,
    docs_page,
    health,
    metrics,
    operations,
    pharmacies,
    product_changes,
    products,
    receipts,
    schemas,
    webhook_deliveries,
    webhooks,
)
from integrahub.api.routes.ingest import PATH, BodyLimits, BodyReader, IngestHandler
from integrahub.db.tenancy import ALL_TENANTS
from integrahub.domain.api_keys import Scope
from integrahub.domain.dialects.base import Dialect
from integrahub.domain.pharmacies import parse_cnpj
from integrahub.hub.hub import Hub
from integrahub.pipeline.ingest.decoding import Decoding
from integrahub.pipeline.ingest.step import Ingest
from integrahub.reports.batch_watch import BatchWatch
from integrahub.reports.estimates import CompletionEstimates
from integrahub.resilience.rate_limit import parse_rate
from integrahub.settings.model import Settings

OPENAPI_PATH = "/openapi.json"
_DESCRIPTION = "Post catalogues, follow batches, query products. Errors are RFC 9457 problem+json."


def create_app(hub: Hub, ingest: Ingest) -> FastAPI:
    """Return the application of an open hub."""
    app = FastAPI(
        title="IntegraHub",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,  # behind a proxy that terminates TLS, the redirect would lead to plain HTTP
    )
    settings, app.state.dialect = hub.settings, hub.dialect
    limiter = RateLimiter(hub.database)
    limits = _rate_limits(limiter, settings)
    authenticator = _authenticator(hub, limits)
    problems.install_handlers(app)
    endpoint = _install_ingest(app, hub, ingest, authenticator, limits)
    app.state.guard = RequestGuard(settings.body_patience, ReadLimiter(limiter, _read_limits(settings)))
    app.router.routes[:0] = [Route(OPENAPI_PATH, _openapi), Route(PATH, endpoint, methods=["POST"])]
    app.state.watch = _batch_watch(hub)
    for router in (*_routers(hub, authenticator, app.state.watch), docs_page.router(f"{app.title} API")):
        app.include_router(router)
    app.add_middleware(HeadAndOptions)
    app.state.refused_posts = RefusalCounts(hub.all_tenants)
    app.add_middleware(TelemetryMiddleware, ingest=endpoint, refused_posts=app.state.refused_posts)
    app.openapi = lambda: build_openapi(app)  # type: ignore[method-assign]
    return app


def _authenticator(hub: Hub, limits: RateLimits) -> ApiKeyAuthenticator:
    return ApiKeyAuthenticator(hub.all_tenants, hub.pepper, hub.operator.digest, hub.settings.valid_api_keys, limits)


def _batch_watch(hub: Hub) -> BatchWatch:
    everything = hub.reads.for_tenants(ALL_TENANTS)
    return BatchWatch(everything, CompletionEstimates(everything))


def _rate_limits(limiter: RateLimiter, settings: Settings) -> RateLimits:
    rates = (settings.rate_limit, settings.failed_key_limit, settings.key_rate_limit)
    return RateLimits(limiter, *map(parse_rate, rates))


def _read_limits(settings: Settings) -> ReadLimits:
    return ReadLimits(parse_rate(settings.read_rate_limit), settings.reads_per_key, settings.read_timeout_seconds)


def _install_ingest(
    app: FastAPI, hub: Hub, ingest: Ingest, authenticator: ApiKeyAuthenticator, limits: RateLimits
) -> "IngestEndpoint":
    """Return the endpoint of posts, and add to the app the shorter path of plain posts, which shares its parts."""
    finder, check, settings = _pharmacy_finder(hub, limits.limiter), authenticator.require(Scope.INGEST), hub.settings
    app.state.plain_posts = PlainPosts(
        check, finder, limits, ingest.small_posts, hub.dialect.read_first_record, settings.max_payload_size
    )
    return IngestEndpoint(IngestHandler(ingest, check, limits, finder, _body_reader(hub), hub.receipts()))


def _pharmacy_finder(hub: Hub, limiter: RateLimiter) -> PharmacyFinder:
    settings = hub.settings
    creation = PharmacyCreation(settings.auto_create_pharmacies, parse_rate(settings.new_pharmacy_limit))
    return PharmacyFinder(
        hub.database,
        PharmacyCache(hub.database, limiter, creation),
        partial(parse_cnpj, verify=settings.verify_cnpj),
    )


def _body_reader(hub: Hub) -> BodyReader:
    settings = hub.settings
    return BodyReader(
        BodyLimits(settings.max_payload_size, settings.max_inflation, settings.body_patience),
        Decoding(settings.max_encoded_uploads_per_pharmacy, settings.max_encoded_uploads),
        hub.dialect,
        frames_bodies=hub.frames_bodies,
    )


def _routers(hub: Hub, authenticator: ApiKeyAuthenticator, watch: BatchWatch) -> list[APIRouter]:
    database, audit = hub.all_tenants, Audit(hub.all_tenants)
    parse = partial(parse_cnpj, verify=hub.settings.verify_cnpj)
    rules = ApiKeyRules(hub.pepper, hub.settings.allow_weak_keys)
    key_admin = ApiKeyAdmin(database, audit, rules, authenticator.clear_cache)
    reader, viewer, operator = (authenticator.require(scope) for scope in (Scope.READ, Scope.VIEWER, Scope.OPERATOR))
    access = MetricsAccess(viewer, is_public=hub.settings.is_insight_public)
    return [
        *_webhook_routers(hub, authenticator, audit, parse),
        *_batch_routers(hub, watch, reader),
        *_product_routers(hub, parse, reader),
        pharmacies.router(database, PharmacyAdmin(database, audit), viewer, operator, parse),
        api_keys.router(api_keys.ApiKeyRoutes(key_admin, parse), authenticator),
        audit_log.router(database, viewer),
        schemas.router(hub.dialect),
        operations.router(
            operations.BatchOperations(hub.decisions(), hub.replay(), hub.bulk_replays(), audit), operator
        ),
        dead_letters.router(database, viewer),
        metrics.router(hub.metrics_scrape(), hub.settings.fleet_port, access),
        health.router(hub.database, hub.storage, hub.bus, hub.breakers, access),
    ]


def _webhook_routers(hub: Hub, authenticator: ApiKeyAuthenticator, audit: Audit, parse: ParseCnpj) -> list[APIRouter]:
    owners, orders = WebhookOwners(hub.database), Webhooks(audit, hub.webhook_rules())
    routes = webhooks.WebhookRoutes(orders, owners, parse)
    return [
        webhooks.router(routes, authenticator),
        webhook_deliveries.router(webhook_deliveries.WebhookDeliveries(owners, orders), authenticator),
    ]


def _batch_routers(hub: Hub, watch: BatchWatch, reader: Authenticate) -> list[APIRouter]:
    estimates = CompletionEstimates(hub.reads.for_tenants(ALL_TENANTS))
    reports = batches.BatchReports(hub.reads, hub.storage, estimates, hub.settings.report_retention_days)
    return [
        batches.router(reports, reader, hub.dialect.keys),
        batch_changes.router(reports, reader, has_history=hub.settings.history),
        batch_events.router(reports, watch, StreamSlots(), reader),
        receipts.router(hub.receipts(), reports, reader),
    ]


def _product_routers(hub: Hub, parse: ParseCnpj, reader: Authenticate) -> list[APIRouter]:
    access, export = PharmacyAccess(hub.reads, parse), hub.dialect.export
    settings = product_changes.ChangeSettings(hub.settings.history, hub.settings.feed_days)
    changes = product_changes.ProductChanges(access, export, settings)
    # The pattern of the second would match the path of the feed.
    return [product_changes.router(changes, reader), products.router(products.ProductSearch(access, export), reader)]


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document. The ingest route bypasses FastAPI, so its description is written by hand."""
    if not app.openapi_schema:
        dialect: Dialect = app.state.dialect
        document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
        document["paths"] = {PATH: {"post": describe_ingest(dialect.describe_record())}} | add_problem_responses(
            document["paths"]
        )
        document["components"]["schemas"] |= {"Problem": PROBLEM_SCHEMA, "Receipt": RECEIPT_SCHEMA}
        document["webhooks"] = describe_webhooks(document["components"]["schemas"])
        document["components"]["securitySchemes"] = SECURITY
        document["security"] = [{name: []} for name in CLIENT_SECURITY]
        complete_document(document, dialect.keys)
        app.openapi_schema = document
    return app.openapi_schema


async def _openapi(request: Request) -> Response:
    # Encoded once: the route needs no key, and FastAPI would encode the document for each request.
    app = request.app
    if not hasattr(app.state, "openapi"):
        app.state.openapi = msgspec.json.encode(build_openapi(app))
    return Response(app.state.openapi, media_type="application/json")


class IngestEndpoint:
    """ASGI endpoint of the ingest route: it renders its own errors, because it runs outside FastAPI's handlers."""

    def __init__(self, handler: IngestHandler) -> None:
        self._handler = handler

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one post."""
        request = Request(scope, receive, send)
        try:
            if "error" in scope:  # of a plain post; a scope that held it would hold its frames
                raise scope.pop("error")
            response = await self._handler(request)
        except Exception as error:
            response = await problems.render_exception(request, error)
        await response(scope, receive, send)
