"""The console's application: its pages, assets, error pages and middleware, all below /console."""

import pkgutil
from importlib import import_module

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import Route

from integrahub.console import pages
from integrahub.console.access import install_access
from integrahub.console.assets import serve_asset
from integrahub.console.context import ConsoleContext
from integrahub.console.errors import ErrorPages
from integrahub.console.middleware.page_telemetry import PageTelemetry
from integrahub.console.middleware.security_headers import PageSecurityHeaders
from integrahub.console.middleware.waiting_counts import WaitingCounts
from integrahub.console.navigation import ROOT
from integrahub.console.pages.people_sign_in import install_sign_in


def build_console(console: ConsoleContext) -> FastAPI:
    """Return the application of an open hub; it expects paths that begin with /console."""
    app = FastAPI(title="IntegraHub console", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    requires_second_factor = console.hub.settings.console_totp == "required"
    install_access(app, console.accounts.sessions, requires_second_factor=requires_second_factor)
    app.router.dependencies.append(Depends(WaitingCounts(console.reads)))
    app.router.routes.append(Route(f"{ROOT}/static/{{digest}}/{{name}}", serve_asset, methods=["GET"]))
    for router in build_routers(console):
        app.include_router(router)
    ErrorPages(console).install(app)
    install_sign_in(app, console)
    app.add_middleware(PageSecurityHeaders)
    app.add_middleware(PageTelemetry)
    return app


def build_routers(console: ConsoleContext) -> list[APIRouter]:
    """Return the router of each module of `pages` that has one, in the order of their names."""
    modules = [import_module(f"{pages.__name__}.{found.name}") for found in pkgutil.iter_modules(pages.__path__)]
    return [module.build_router(console) for module in modules if hasattr(module, "build_router")]
