"""Visits of pages: a context with a person, and what must never happen on any page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from integrahub.domain.people.roles import Role, Theme
from tests.console.live_hub import LiveHub

_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_LOAD_ERROR = "Failed to load resource"  # Chromium's line for a status such as 404, which pages of errors have


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
    width = options.pop("width", 1280)
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=language, **options)
    if role:
        cookies = hub.cookie(role, language, theme)
        context.add_cookies([{"name": name, "value": value, "url": hub.url} for name, value in cookies.items()])
    visitor = Visitor(context.new_page(), hub)
    visitor.page.on("console", visitor.note_message)
    visitor.page.on("pageerror", lambda error: visitor.problems.append(f"error: {error}"))
    visitor.page.on("dialog", lambda dialog: visitor.problems.append(f"alert: {dialog.message}"))
    visitor.page.on("request", visitor.note_request)
    try:
        yield visitor
    finally:
        context.close()
    assert visitor.problems == []
