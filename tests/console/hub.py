"""A hub with its console in this process, and browsers of people who are signed in."""

import html
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
from fastapi import FastAPI

from integrahub.console.app import build_console
from integrahub.console.context import ConsoleContext
from integrahub.console.languages import Languages
from integrahub.console.middleware.security_headers import CONTENT_SECURITY_POLICY
from integrahub.console.rendering import Renderer
from integrahub.db.accounts.user_rows import User
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.people.roles import Role
from integrahub.domain.steps import STEPS
from integrahub.hub.bootstrap import open_hub
from integrahub.settings.model import Settings
from tests.console.people import add_person, sign_in
from tests.integration.conftest import Client, running

OWN_SITE = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}
_NUMBERS = itertools.count(1)
_TAG = re.compile(r"<[^>]*>")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True)
class Page:
    """An answer of the console."""

    answer: httpx2.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def html(self) -> str:
        return self.answer.text

    @property
    def text(self) -> str:
        """What a person reads: without tags, blanks joined."""
        body = self.answer.text.partition("<main")[2].partition(">")[2].partition("</main>")[0] or self.answer.text
        return _BLANKS.sub(" ", html.unescape(_TAG.sub(" ", body))).strip()

    @property
    def links(self) -> list[str]:
        return [html.unescape(link) for link in re.findall(r'href="([^"#]+)"', self.answer.text)]

    def poll_address(self, block: str) -> str:
        """Return the address that the page polls for a live block."""
        found = re.search(rf'id="live-{block}"[^>]* hx-get="([^"]+)"', self.answer.text)
        assert found, f"the page has no live block {block}"
        return html.unescape(found[1])


@dataclass
class Browser:
    """A browser of one person, without JavaScript. It follows the redirect after a form."""

    http: httpx2.AsyncClient
    user: User | None = None

    async def get(self, path: str, /, **query: Any) -> Page:
        return _checked(await self.http.get(path, params=query or None, follow_redirects=True))

    async def post(self, path: str, /, **fields: Any) -> Page:
        return _checked(await self.http.post(path, data=fields, follow_redirects=True))

    async def poll(self, path: str, block: str, version: str = "") -> Page:
        """Poll a live block as htmx does."""
        headers = {"Live-Block": block, "Live-Version": version, "HX-Request": "true"}
        return Page(await self.http.get(path, headers=headers))


def _checked(answer: httpx2.Response) -> Page:
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    return Page(answer)


@dataclass
class ConsoleHub:
    """`api` is an integrator with the key of one pharmacy; its `hub` may do all. `app` is the console of `context`."""

    api: Client
    app: FastAPI
    context: ConsoleContext

    async def browser(self, role: Role | None = None, **headers: str) -> Browser:
        """Return a browser of a person with a role; None: of one who has not signed in."""
        user = await add_person(self.api.hub.database, role, f"Ana {role} {next(_NUMBERS)}") if role else None
        cookies = await sign_in(self.api.hub.database, user) if user else {}
        http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, client=("127.0.0.1", 50_000)),
            base_url="http://console",
            cookies=cookies,
            headers=OWN_SITE | headers,
        )
        return Browser(http, user)

    async def run(self, statement: str, *params: Any) -> list[Any]:
        """Run a statement as the owner of the database and return its rows, if it has any."""
        async with self.api.hub.all_tenants.transaction() as connection:
            cursor = await connection.execute(statement, params or None)  # type: ignore[arg-type]
            return await cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def running_console(
    settings: Settings, steps: list[str] | None = None, languages: Languages | None = None
) -> AsyncIterator[ConsoleHub]:
    """Run a hub and its console, each in its role; the integrator has no key yet."""
    async with (
        running(settings, list(STEPS) if steps is None else steps) as api,
        open_hub(settings, role=DatabaseRole.CONSOLE) as hub,
    ):
        context = ConsoleContext(replace(hub, bus=api.hub.bus), Renderer(languages))
        yield ConsoleHub(api, build_console(context), context)
