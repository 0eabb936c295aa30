"""Route of the JSON Schema of the records that clients post."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.domain.dialects.base import Dialect

_MEDIA_TYPE = "application/schema+json"


def router(dialect: Dialect) -> APIRouter:
    """Return the route; it needs no key."""
    routes = AuthenticatedRouter(tags=["ingest"])
    document = dialect.json_schema()
    key = dialect.keys.product_id
    example = {"type": "object", "required": [key], "properties": {key: {"type": "integer"}}}
    content = {_MEDIA_TYPE: {"schema": {"type": "object"}, "example": example}}

    # The answer is a JSON Schema, which has no model of ours.
    @routes.get(
        dialect.schema_path,
        summary="JSON Schema of one record",
        response_class=Response,
        responses={200: {"content": content}},
        openapi_extra={"security": []},
    )
    async def schema() -> Response:
        return JSONResponse(document, media_type=_MEDIA_TYPE)

    return routes
