"""Schemas of what clients send, made from what reads it."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.domain.dialects.base import Dialect

_OPEN = {"security": [], "responses": {"200": {"content": {"application/schema+json": {"schema": {"type": "object"}}}}}}


def router(dialect: Dialect) -> APIRouter:
    """The route; no key is needed."""
    routes = AuthenticatedRouter(tags=["ingest"])
    document = dialect.json_schema()

    @routes.get(dialect.schema_path, summary="JSON Schema of one record", openapi_extra=_OPEN)
    async def product() -> Response:
        return JSONResponse(document, media_type="application/schema+json")

    return routes
