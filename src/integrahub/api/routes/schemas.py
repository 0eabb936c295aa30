"""Route of the JSON Schema of the records that clients post."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.domain.dialects.base import Dialect

_MEDIA_TYPE = "application/schema+json"
_EXAMPLE = {"type": "object", "required": ["PRODUCTID"], "properties": {"PRODUCTID": {"type": "integer"}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {_MEDIA_TYPE: {"schema": {"type": "object"}, "example": _EXAMPLE}}}
}


def router(dialect: Dialect) -> APIRouter:
    """Return the route; it needs no key."""
    routes = AuthenticatedRouter(tags=["ingest"])
    document = dialect.json_schema()

    # The answer is a JSON Schema, which has no model of ours.
    @routes.get(
        dialect.schema_path,
        summary="JSON Schema of one record",
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra={"security": []},
    )
    async def schema() -> Response:
        return JSONResponse(document, media_type=_MEDIA_TYPE)

    return routes
