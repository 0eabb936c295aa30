"""The web application: every route, its errors, and the description of itself."""

from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrahub import __version__
from integrahub.access.audit import Audit
from integrahub.access.rate_limiter import RateLimiter, RateLimits
from integrahub.api import problems
from integrahub.api.auth.authentication import ApiKeyAuthenticator
from integrahub.api.auth.guarded_route import RequestGuard
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.api.middleware.methods import HeadAndOptions
from integrahub.api.middleware.read_limits import ReadLimiter, ReadLimits
from integrahub.api.middleware.telemetry import TelemetryMiddleware
from integrahub.api.openapi.ingest import INGEST
from integrahub.api.openapi.problems import PROBLEM_SCHEMA, SECURITY, add_problem_responses
from integrahub.api.pharmacy_cache import PharmacyCache, PharmacyCreation
from integrahub.api.routes import (
    api_keys,
    audit_log,
    batches,
    dead_letters,
    docs_page,
    health,
    metrics,
    operations,
    pharmacies,
    products,
    schemas,
)
from integrahub.api.routes.ingest import PATH, BodyLimits, IngestHandler
from integrahub.domain.api_keys import Scope
from integrahub.domain.pharmacies import parse_cnpj
from integrahub.hub.hub import Hub
from integrahub.pipeline.ingest.decoding import Decoding
from integrahub.pipeline.ingest.step import Ingest
from integrahub.resilience.rate_limit import parse_rate
from integrahub.settings.model import Settings

OPENAPI = "/openapi.json"
_ABOUT = "Post catalogues, follow batches, query products. Errors are RFC 9457 problem+json."


def create_app(hub: Hub, ingest: Ingest) -> FastAPI:
    """The app over an opened hub."""
    app = FastAPI(
        title="IntegraHub",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,  # the way there would be in the clear behind a proxy that ends TLS
    )
    settings = hub.settings
    limiter = RateLimiter(hub.database)
    rates = (settings.rate_limit, settings.failed_key_limit, settings.key_rate_limit)
    limits = RateLimits(limiter, *map(parse_rate, rates))
    known = ApiKeyAuthenticator(hub.all_tenants, hub.pepper, hub.operator.digest, settings.valid_api_keys, limits)
    problems.install_handlers(app)
    post = _post_route(hub, ingest, known, limits, limiter)
    app.state.guard = RequestGuard(settings.body_patience, ReadLimiter(limiter, _read_bounds(settings)))
    app.router.routes[:0] = [Route(OPENAPI, _openapi), Route(PATH, post, methods=["POST"])]
    for routes in _routers(hub, known, limiter):
        app.include_router(routes)
    app.include_router(docs_page.router(f"{app.title} API"))
    app.add_middleware(HeadAndOptions)
    app.add_middleware(TelemetryMiddleware, post=post)
    app.openapi = lambda: build_openapi(app)  # type: ignore[method-assign]
    return app


def _read_bounds(settings: Settings) -> ReadLimits:
    return ReadLimits(parse_rate(settings.read_rate_limit), settings.reads_per_key, settings.read_timeout_seconds)


def _post_route(
    hub: Hub, ingest: Ingest, known: ApiKeyAuthenticator, limits: RateLimits, limiter: RateLimiter
) -> "IngestEndpoint":
    settings = hub.settings
    bounds = BodyLimits(settings.max_payload_size, settings.max_inflation, settings.body_patience)
    poster = known.require(Scope.INGEST)
    creation = PharmacyCreation(settings.auto_create_pharmacies, parse_rate(settings.new_pharmacy_limit))
    found = PharmacyCache(hub.database, limiter, creation)
    decoding = Decoding(settings.max_encoded_uploads_per_pharmacy, settings.max_encoded_uploads)
    own: dict[str, Any] = {"bounds": bounds, "decoding": decoding, "verify_cnpj": settings.verify_cnpj}
    return IngestEndpoint(IngestHandler(ingest, hub.database, poster, limits, found, dialect=hub.dialect, **own))


def _routers(hub: Hub, authenticator: ApiKeyAuthenticator, limiter: RateLimiter) -> list[APIRouter]:
    database, audit, pepper = hub.all_tenants, Audit(hub.all_tenants), hub.pepper
    parse = partial(parse_cnpj, verify=hub.settings.verify_cnpj)
    rules = api_keys.ApiKeyRules(parse, hub.settings.allow_weak_keys)
    reader, viewer, operator = (authenticator.require(scope) for scope in (Scope.READ, Scope.VIEWER, Scope.OPERATOR))
    metrics_access = MetricsAccess(viewer, is_public=hub.settings.is_insight_public)
    return [
        batches.router(hub.reads, hub.storage, reader),
        products.router(hub.reads, reader, hub.dialect.export, hub.settings.verify_cnpj),
        pharmacies.router(database, audit, viewer, operator, parse),
        api_keys.router(api_keys.ApiKeyAdmin(database, authenticator, audit, pepper, rules), authenticator),
        audit_log.router(database, viewer),
        schemas.router(hub.dialect),
        operations.router(operations.BatchOperations(hub.decisions(), hub.replay(), audit), operator),
        dead_letters.router(database, viewer),
        metrics.router(hub.metrics_scrape(), hub.settings.fleet_port, metrics_access),
        health.router(hub.database, hub.storage, hub.bus, hub.breakers, metrics_access),
    ]


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; the hot route, which the framework does not parse, is described by hand."""
    if not app.openapi_schema:
        document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
        document["paths"] = {PATH: {"post": INGEST}} | add_problem_responses(document["paths"])
        document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
        document["components"]["securitySchemes"] = SECURITY
        document["security"] = [{name: []} for name in SECURITY]
        app.openapi_schema = document
    return app.openapi_schema


async def _openapi(request: Request) -> Response:
    """Answer with the document, encoded once: the framework would encode it for every stranger who asks."""
    app = request.app
    if not hasattr(app.state, "openapi"):
        app.state.openapi = msgspec.json.encode(build_openapi(app))
    return Response(app.state.openapi, media_type="application/json")


class IngestEndpoint:
    """An endpoint that is called with the raw request and renders its own refusals."""

    def __init__(self, route: IngestHandler) -> None:
        self._route = route

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive, send)
        try:
            response = await self._route(request)
        except Exception as fault:
            response = await problems.render_exception(request, fault)
        await response(scope, receive, send)
