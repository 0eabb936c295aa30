"""Functions that every template has: shapes, live blocks, links, roles, charts."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from integrahub.console import charts
from integrahub.console.assets import asset_url, has_htmx
from integrahub.console.help.subjects import error_url, help_url
from integrahub.console.navigation import NAVIGATION
from integrahub.domain.people.roles import Role

_PLACES = ("cursor", "top", "shown")


def _shape(kind: str) -> Markup:
    """Return one of the sprite's shapes: ok, look, failed, decision, running, ended."""
    return Markup('<svg class="shape {0}" aria-hidden="true"><use href="#shape-{0}"></use></svg>').format(kind)


def _status(kind: str, word: str) -> Markup:
    """Return a status: a shape, a word and a colour, never colour alone."""
    return Markup('<span class="status {0}">{1}<span>{2}</span></span>').format(kind, _shape(kind), word)


@pass_context
def _live(context: Context, name: str, address: str = "", *, caller: Callable[[], Markup]) -> Markup:
    """Return the body of a live block with the attributes by which htmx polls the page for it, or another address.

    The template's block has the same name: `{% block rows %}{% call live("rows") %}...{% endcall %}{% endblock %}`.
    The answer of a form has no address that could be polled, so its blocks stay as they are.
    """
    html = caller()
    if context["request"].method != "GET":
        return Markup('<div id="live-{}">{}</div>').format(name, html)
    version = blake2b(html.encode(), digest_size=8).hexdigest()
    context["versions"][name] = version
    url = context["request"].url
    return Markup(
        '<div id="live-{0}" class="live" hx-get="{1}" hx-trigger="live from:body" hx-swap="outerMorph" '
        'hx-headers="{{&quot;Live-Block&quot;: &quot;{0}&quot;, &quot;Live-Version&quot;: &quot;{2}&quot;}}">{3}</div>'
    ).format(name, address or (f"{url.path}?{url.query}" if url.query else url.path), version, html)


@pass_context
def _link(context: Context, path: str | None = None, /, **changes: object) -> str:
    """Return this page's address with changed parameters of the query; None removes one.

    The cursor, and the lines that a live update holds, are never kept.
    """
    url = context["request"].url
    query: dict[str, str] = dict(parse_qsl(url.query)) if path is None else {}
    for name in _PLACES:
        query.pop(name, None)
    query |= {name: str(value) for name, value in changes.items() if value not in (None, "")}
    kept = {name: value for name, value in query.items() if changes.get(name, value) not in (None, "")}
    base = path or url.path
    return f"{base}?{urlencode(kept)}" if kept else base


@pass_context
def _can(context: Context, role: str) -> bool:
    """Return whether the signed-in person has at least this role: viewer, operator or admin."""
    person = context["person"]
    return person is not None and person.can(Role(role))


TEMPLATE_GLOBALS: Mapping[str, Any] = {
    "asset": asset_url,
    "has_htmx": has_htmx,
    "navigation": NAVIGATION,
    "help_url": help_url,
    "error_url": error_url,
    "shape": _shape,
    "status": _status,
    "live": _live,
    "link": _link,
    "can": _can,
    "series": charts.Series,
    "line_chart": charts.line_chart,
    "bar_chart": charts.bar_chart,
    "sparkline": charts.sparkline,
    "stacked_bar": charts.stacked_bar,
}
