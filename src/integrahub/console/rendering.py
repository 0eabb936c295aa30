"""Rendering of pages and of their live blocks from the same templates."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, cast

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from integrahub.console import formats
from integrahub.console.acts import NOTICE_COOKIE, delete_notice, has_acted, read_notice
from integrahub.console.formats import Formats
from integrahub.console.languages import Languages, default_languages, theme_of, viewer_of
from integrahub.console.template_globals import TEMPLATE_GLOBALS
from integrahub.console.translations import Catalog
from integrahub.domain.errors import Problem
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.message import Message
from integrahub.domain.untrusted_text import escape_controls_in_lines
from integrahub.resilience.ttl_cache import TtlCache

LIVE_HEADER = "live-block"  # of a poll: the block to render
VERSION_HEADER = "live-version"  # of a poll: the version that the browser shows
_SHARED_TTL_SECONDS = 1.0
_MAX_SHARED = 100  # blocks
_CODE = re.compile("`([^`]+)`")
_MACROS = "shell/macros.html"
_FORMATS = (
    *("number", "exact", "percent", "size", "duration"),
    *("age", "since", "is_recent", "when", "plain_time", "clock", "day", "on_day"),
)


class _Block(NamedTuple):
    """A rendered live block."""

    html: str
    version: str | None


def _render_block(template: Template, name: str, values: dict[str, object]) -> _Block:
    context = template.new_context(values)
    html = "".join(template.blocks[name](context))
    return _Block(html, context["versions"].get(name))


class Renderer:
    """Templates of the console in every language."""

    def __init__(
        self, languages: Languages | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.languages = languages or default_languages()
        self._clock = clock
        self._environment = _build_environment()
        self._shared = TtlCache[tuple[str, ...], _Block](_SHARED_TTL_SECONDS, _MAX_SHARED)

    def page(
        self,
        request: Request,
        template: str,
        view: object = None,
        *,
        status: int = 200,
        zone: str | None = None,
        is_shared: bool = False,
    ) -> Response:
        """Return the page; for a poll only the live block, or 204 if the browser already shows it.

        Pages without `status` 200 are never polled. `zone` is the time zone of a pharmacy. `is_shared`: live blocks are
        the same for all people of a language, so each is rendered once a second at most.
        """
        language = self.languages.of(request).tag
        headers = {"Cache-Control": "no-store", "Content-Language": language}
        loaded = self._environment.get_template(template)
        block = request.headers.get(LIVE_HEADER)
        if status == 200 and block and block in loaded.blocks:
            key = (template, block, language, str(request.url)) if is_shared else None
            rendered = self._shared.get(key) if key and not has_acted(request) else None
            if rendered is None:
                rendered = _render_block(loaded, block, dict(self._values(request, view, zone)))
                if key:
                    self._shared.put(key, rendered)
            if rendered.version == request.headers.get(VERSION_HEADER):
                return Response(status_code=204, headers=headers)
            return HTMLResponse(rendered.html, headers=headers)
        response = HTMLResponse(loaded.render(self._values(request, view, zone)), status, headers)
        if NOTICE_COOKIE in request.cookies:
            delete_notice(response)
        return response

    def language_of(self, request: Request) -> Language:
        """Return the language of the hub's own sentences on a page."""
        return _language_of(self.languages.of(request))

    def sentence(self, request: Request, problem: Problem) -> str:
        """Return the hub's sentence about a problem in the language of the page."""
        return render_message(problem.code, problem.facts).in_language(self.language_of(request))

    def _values(self, request: Request, view: object, zone: str | None) -> Mapping[str, Any]:
        catalog = self.languages.of(request)
        now = self._clock()
        fmt = Formats(catalog, now, *([zone] if zone else []))
        values: dict[str, Any] = {
            "view": view,
            "request": request,
            "person": viewer_of(request),
            "notice": _render_notice(request, catalog, fmt),
            "theme": theme_of(request),
            "catalog": catalog,
            "language": catalog.tag,
            "fmt": fmt,
            "now": now,
            "waiting": getattr(request.state, "waiting", {}),
            "path": request.url.path,
            "versions": {},
        }
        return values | {"ui": self._environment.get_template(_MACROS).make_module(values)}


def _language_of(catalog: Catalog) -> Language:
    return Language.EN if catalog.tag == Language.EN else Language.PT


def _render_notice(request: Request, catalog: Catalog, fmt: Formats) -> tuple[str, str] | None:
    """Return the kind and the text of the result of an act that the page shows once; None without one."""
    notice = read_notice(request)
    if notice is None:
        return None
    try:
        if notice.is_code:
            message = render_message(notice.text, notice.values)
            return notice.kind, message.in_language(_language_of(catalog))
        values = {name: fmt.number(fact) if isinstance(fact, int) else fact for name, fact in notice.values.items()}
        return notice.kind, catalog.gettext(notice.text) % values
    except (KeyError, ValueError, TypeError):  # a cookie of another version
        return None


@cache
def _build_environment() -> Environment:
    """Build the environment of this process, which compiles each template once; languages are in the context."""
    environment = Environment(
        loader=PackageLoader("integrahub.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        finalize=_escape_marks,
    )
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["ngettext"] = _with_number(cast("Callable[..., str]", environment.globals["ngettext"]))
    environment.filters |= {name: _format_filter(name) for name in _FORMATS}
    environment.filters |= {"said": _in_language, "code": _mark_code}
    environment.filters |= {"cnpj": formats.mask_cnpj, "short_id": formats.short_id}
    environment.globals |= TEMPLATE_GLOBALS
    return environment


def _escape_marks(value: object) -> object:
    """Escape control characters and direction marks of what a template shows, wherever it comes from."""
    if not isinstance(value, str):
        return value
    escaped = escape_controls_in_lines(value)
    if escaped is value:
        return value
    return Markup(escaped) if isinstance(value, Markup) else escaped


def _mark_code(text: str) -> Markup:
    """Return a sentence of the hub, in which what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(escape_controls_in_lines(text)))))


def _format_filter(name: str) -> Callable[..., object]:
    @pass_context
    def apply(context: Context, value: object, *arguments: object) -> object:
        return getattr(context["fmt"], name)(value, *arguments)

    return apply


@pass_context
def _in_language(context: Context, message: Message) -> str:
    """Return a sentence of the hub in the language of the page."""
    return message.in_language(Language.EN if context["language"] == Language.EN else Language.PT)


def _with_number(ngettext: Callable[..., str]) -> Callable[..., str]:
    """Return the function for plurals of templates; `num` is the number as people of the language write it."""

    @pass_context
    def apply(context: Context, singular: str, plural: str, number: int, **values: object) -> str:
        written = context["fmt"].number(number) if isinstance(number, int) else number
        return ngettext(context, singular, plural, number, **({"num": written} | values))

    return apply


@pass_context
def _gettext(context: Context, text: str) -> str:
    translated: str = context["catalog"].gettext(text)
    return translated


@pass_context
def _ngettext(context: Context, singular: str, plural: str, number: int) -> str:
    translated: str = context["catalog"].ngettext(singular, plural, number)
    return translated
