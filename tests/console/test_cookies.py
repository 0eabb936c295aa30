"""Cookies of the console: those that it sets are those that the page on personal data lists, in both languages."""

import re
from pathlib import Path

import httpx2

from integrahub.db.accounts import users
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub
from tests.console.people import PASSWORD

_ROOT = Path(__file__).parents[2]
_NAME = re.compile(r'^_?[A-Z_]*COOKIE\b[^=\n]* = (".+)$', re.MULTILINE)


def _documented(page: str) -> set[str]:
    """Return the names in the first column of the table of cookies."""
    text = (_ROOT / "docs" / "howto" / page).read_text("utf-8").partition("\n## Cookies\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def _defined() -> set[str]:
    """Return the names of cookies in the sources."""
    modules = (path.read_text("utf-8") for path in (_ROOT / "src" / "integrahub").rglob("*.py"))
    lines = [line for module in modules for line in _NAME.findall(module)]
    return {name for line in lines for name in re.findall(r'"([^"]+)"', line) if not name.startswith("/")}


async def _read_cookies(console: ConsoleHub, scheme: str) -> list[str]:
    """Return the Set-Cookie headers of a link, its password, a sign-in, an act and the page after it."""
    user = await users.add(console.api.hub.database, f"Ana {scheme}", Role.OPERATOR)
    assert user is not None
    link = await users.create_link(console.api.hub.database, user.id)
    answers: list[httpx2.Response] = []
    browser, base = (await console.browser()).http, f"{scheme}://console/console"
    answers.append(await browser.get(f"{base}/welcome?token={link}"))
    answers.append(await browser.post(f"{base}/welcome", data={"password": PASSWORD}))
    answers.append(await browser.post(f"{base}/login", data={"name": user.name, "password": PASSWORD}))
    answers.append(await browser.post(f"{base}/me/profile", data={"language": "en", "theme": "dark"}))
    assert [answer.status_code for answer in answers] == [303] * 4
    return [line for answer in answers for line in answer.headers.get_list("set-cookie")]


async def test_every_cookie_is_closed_and_on_the_page_of_personal_data(console: ConsoleHub) -> None:
    lines = [line for scheme in ("http", "https") for line in await _read_cookies(console, scheme)]
    names = {line.partition("=")[0] for line in lines}
    assert names == _defined() == _documented("privacy.md") == _documented("privacy.pt-BR.md")
    kept = [set(line.split("; ")) for line in lines if "Max-Age=0" not in line]
    assert len(names) == 5 and all({"HttpOnly", "SameSite=lax"} < attributes for attributes in kept)
