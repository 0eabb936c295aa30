"""Route of the JSON Schema of the records that clients post."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.domain.dialects.base import Dialect

_PUBLIC = {
    "security": [],
    "responses": {"200": {"content": {"application/schema+json": {"schema": {"type": "object"}}}}},
}


def router(dialect: Dialect) -> APIRouter:
    """Return the route; it needs no key."""
    routes = AuthenticatedRouter(tags=["ingest"])
    document = dialect.json_schema()

    # The answer is a JSON Schema, which has no model of ours.
    @routes.get(dialect.schema_path, summary="JSON Schema of one record", response_model=None, openapi_extra=_PUBLIC)
    async def schema() -> Response:
        return JSONResponse(document, media_type="application/schema+json")

    return routes
