"""What a browser opens: the page of the API with its own files, and the way there. Every address is relative."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse, Response

_FILES = {
    "swagger-ui-bundle.js": "application/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_BEHAVIOUR = {"tryItOutEnabled": True, "persistAuthorization": True, "filter": True, "displayRequestDuration": True}


def router(title: str) -> APIRouter:
    """Return the routes `/`, `/docs`, its files, and `/favicon.ico`; none is in the OpenAPI document.

    The files come with the hub: the page must open where there is no way to the internet. Their addresses are
    relative: behind a proxy that ends TLS, the hub does not know its own.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def root() -> Response:
        return RedirectResponse("docs")

    @routes.get("/docs")
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=title,
            swagger_js_url="swagger/swagger-ui-bundle.js",
            swagger_css_url="swagger/swagger-ui.css",
            swagger_favicon_url="swagger/favicon-32x32.png",
            swagger_ui_parameters=_BEHAVIOUR,
        )

    @routes.get("/favicon.ico")
    async def favicon() -> Response:
        return Response(status_code=204)

    for name, media_type in _FILES.items():
        routes.add_api_route(f"/swagger/{name}", _file(name, media_type))
    return routes


@cache
def _bytes_of(name: str) -> bytes:
    return resources.files("fastapi_swagger.resources").joinpath(name).read_bytes()


def _file(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def content() -> Response:
        return Response(_bytes_of(name), media_type=media_type)

    return content
