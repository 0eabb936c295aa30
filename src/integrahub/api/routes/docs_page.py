"""Pages for browsers: the API documentation with its own files, and a redirect to it. All addresses are relative."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse, Response

from integrahub.api.routes import errors_page

_FILES = {
    "swagger-ui-bundle.js": "application/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_SWAGGER_OPTIONS = {
    "tryItOutEnabled": True,
    "persistAuthorization": True,
    "filter": True,
    "displayRequestDuration": True,
}


def router(title: str) -> APIRouter:
    """Return the routes of pages, their files, and `/favicon.ico`; none is in the OpenAPI document.

    The files are part of the package, so that the page opens without internet access. Their addresses are relative,
    because a hub behind a proxy that terminates TLS does not know its own address.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/", response_model=None)
    async def root() -> Response:
        return RedirectResponse("docs")

    @routes.get("/docs", response_model=None)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=title,
            swagger_js_url="swagger/swagger-ui-bundle.js",
            swagger_css_url="swagger/swagger-ui.css",
            swagger_favicon_url="swagger/favicon-32x32.png",
            swagger_ui_parameters=_SWAGGER_OPTIONS,
        )

    @routes.get("/favicon.ico", response_model=None)
    async def favicon() -> Response:
        return Response(status_code=204)

    routes.include_router(errors_page.router())
    for name, media_type in _FILES.items():
        routes.add_api_route(f"/swagger/{name}", _file(name, media_type), response_model=None)
    return routes


@cache
def _bytes_of(name: str) -> bytes:
    return resources.files("fastapi_swagger.resources").joinpath(name).read_bytes()


def _file(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def content() -> Response:
        return Response(_bytes_of(name), media_type=media_type)

    return content
