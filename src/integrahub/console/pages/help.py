"""The runbook and the reference of error codes: open before the sign-in too, since a person may be locked out."""

from functools import cache

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.console.context import ConsoleContext
from integrahub.console.help.markdown import Document, render_markdown
from integrahub.console.help.subjects import HELP_ROOT
from integrahub.domain.languages import Language
from integrahub.runbook.pages import ERRORS_PAGE, PAGES, read_page

_PAGES = frozenset((*PAGES, ERRORS_PAGE))


@cache  # called with names of pages only: a stranger can ask for others without end
def _render(name: str, language: Language) -> Document:
    return render_markdown(read_page(name, language), HELP_ROOT, _PAGES)


class HelpPages:
    """Pages of the documentation that the package has."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show_index(self) -> Response:
        """Lead to the index of the runbook."""
        return RedirectResponse(f"{HELP_ROOT}/runbook.html", 303)

    async def show(self, request: Request, page: str) -> Response:
        """Answer with a page, by its name with or without `.html`."""
        name, tag = page.removesuffix(".html"), self._console.renderer.languages.of(request).tag
        if name not in _PAGES:
            raise HTTPException(404)
        document = _render(name, Language.EN if tag == Language.EN else Language.PT)
        return self._console.page(request, "help/page.html", document)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of the help."""
    pages, router = HelpPages(console), APIRouter()
    router.add_api_route(HELP_ROOT, pages.show_index, methods=["GET"], response_model=None)
    router.add_api_route(f"{HELP_ROOT}/{{page}}", pages.show, methods=["GET"], response_model=None)
    return router
