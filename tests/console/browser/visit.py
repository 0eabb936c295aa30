"""Visits of pages: a context with a person, and what must never happen on any page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from integrahub.domain.people.roles import Role, Theme
from tests.console.live_hub import LiveHub

_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_LOAD_ERROR = "Failed to load resource"  # Chromium's line for a status such as 404, which pages of errors have


_MAX_TABS = 80  # presses of Tab to anything on a page
_FOCUSED = "(document.activeElement.labels?.[0] ?? document.activeElement).innerText ?? ''"


def tab_to(page: Page, text: re.Pattern[str]) -> None:
    """Press Tab until what is focused, or its label, begins with a text."""
    for _ in range(_MAX_TABS):
        page.keyboard.press("Tab")
        if text.match(page.evaluate(_FOCUSED).strip()):
            return
    raise AssertionError(f"Tab does not lead to {text.pattern!r}")


@dataclass
class Visitor:
    """A page in a browser, with all that went wrong in it."""

    page: Page
    hub: LiveHub
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.hub.url + path.format(**self.hub.names))

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_LOAD_ERROR):
            self.problems.append(f"console: {message.text}")

    def note_request(self, request: Request) -> None:
        if not request.url.startswith(self.hub.url + "/"):
            self.problems.append(f"request to {request.url}")

    def check_accessibility(self) -> list[str]:
        """Return what axe finds at WCAG 2.2 AA."""
        options = {"runOnly": {"type": "tag", "values": _WCAG}, "resultTypes": ["violations"]}
        found: list[dict[str, Any]] = Axe().run(self.page, options=options).response["violations"]
        nodes = ((rule["id"], node) for rule in found for node in rule["nodes"])
        return [f"{rule}: {node['html'][:200]} {node['failureSummary']}" for rule, node in nodes]

    @contextmanager
    def in_width(self, width: int) -> Iterator[None]:
        """Make the window as wide while the block runs."""
        before = self.page.viewport_size
        assert before
        self.page.set_viewport_size({"width": width, "height": before["height"]})
        try:
            yield
        finally:
            self.page.set_viewport_size(before)

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def visiting(
    browser: Browser,
    hub: LiveHub,
    role: Role | None = Role.VIEWER,
    language: str = "en",
    theme: Theme = Theme.LIGHT,
    **options: Any,
) -> Iterator[Visitor]:
    """Open a browser window of a person while the block runs; fail at its end if anything went wrong in it."""
    visitor = _open_window(browser, hub, Person(role, language, theme), **options)
    try:
        yield visitor
    finally:
        visitor.page.context.close()
    assert visitor.problems == []


class Person(NamedTuple):
    """Who looks at a page; without a role, somebody who has not signed in."""

    role: Role | None
    language: str = "en"
    theme: Theme = Theme.LIGHT


class Windows:
    """Windows for pages that a test only looks at: one for each person and size, since each new one costs a process."""

    def __init__(self, browser: Browser, hub: LiveHub) -> None:
        self._browser = browser
        self._hub = hub
        self._open: dict[tuple[Any, ...], Visitor] = {}

    def close(self) -> None:
        for visitor in self._open.values():
            visitor.page.context.close()

    @contextmanager
    def visiting(self, person: Person, width: int = 1280, *, has_script: bool = True) -> Iterator[Visitor]:
        """Hand out the window while the block runs; fail at its end if anything went wrong in it."""
        key = (person, width, has_script)
        visitor = self._open.get(key) or _open_window(
            self._browser, self._hub, person, width=width, java_script_enabled=has_script
        )
        self._open[key] = visitor
        visitor.problems.clear()
        yield visitor
        assert visitor.problems == []


def _open_window(browser: Browser, hub: LiveHub, person: Person, **options: Any) -> Visitor:
    width = options.pop("width", 1280)
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=person.language, **options)
    if person.role:
        cookies = hub.cookie(person.role, person.language, person.theme)
        context.add_cookies([{"name": name, "value": value, "url": hub.url} for name, value in cookies.items()])
    visitor = Visitor(context.new_page(), hub)
    visitor.page.on("console", visitor.note_message)
    visitor.page.on("pageerror", lambda error: visitor.problems.append(f"error: {error}"))
    visitor.page.on("dialog", lambda dialog: visitor.problems.append(f"alert: {dialog.message}"))
    visitor.page.on("request", visitor.note_request)
    return visitor
