"""Sign-in and sign-out over HTTP: password, second factor, limits, cookies, one-time links."""

import asyncio
import re
import time

import httpx2
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from integrahub.console.access import COOKIE, SECURE_COOKIE
from integrahub.db.accounts import user_sessions, users
from integrahub.db.accounts.user_rows import User
from integrahub.domain.people.roles import Role
from integrahub.secrets import passwords
from integrahub.secrets.passwords import PasswordHasher
from integrahub.secrets.totp import generate_totp_secret
from integrahub.secrets.webhook_secrets import SECOND_FACTORS_INFO, SecretSealer
from integrahub.settings.model import Settings
from integrahub.web.console_mount import ConsoleMount
from tests.console.hub import ConsoleHub, running_console
from tests.console.people import PASSWORD, add_person
from tests.integration.conftest import ADMIN
from tests.integration.listening import listening


async def _add(console: ConsoleHub, name: str = "Ana Souza", role: Role = Role.OPERATOR) -> User:
    database = console.api.hub.database
    user = await add_person(database, role, name)
    await users.set_password(database, user.id, await PasswordHasher().hash(PASSWORD))
    return user


async def _add_totp(console: ConsoleHub, user: User) -> TOTP:
    secret, hub = generate_totp_secret(), console.api.hub
    await users.store_totp(hub.database, user.id, SecretSealer(hub.pepper, SECOND_FACTORS_INFO).seal(secret))
    assert await users.enable_totp(hub.database, user.id, 1)
    return TOTP(secret, 6, SHA1(), 30)


async def _outcomes(console: ConsoleHub) -> list[tuple[str, str]]:
    rows = await console.run("SELECT actor, outcome FROM audit_log WHERE action = 'session.start' ORDER BY id")
    return [(row["actor"], row["outcome"]) for row in rows]


async def test_a_person_signs_in_reaches_the_page_of_the_link_and_signs_out(console: ConsoleHub) -> None:
    await _add(console)
    browser = await console.browser()
    first = await browser.get("/console/audit", since="24h")
    assert first.status == 403 and "Sign in" in first.text
    assert 'value="/console/audit?since=24h"' in first.html
    fields = {"name": "ana souza", "password": PASSWORD, "next": "/console/audit?since=24h"}
    page = await browser.post("/console/login", **fields)
    assert page.status == 200 and page.answer.url.path == "/console/audit" and "Ana Souza" in page.html
    assert (await browser.post("/console/logout")).answer.url.path == "/console/login"
    assert (await browser.get("/console/audit")).status == 403
    assert await console.run("SELECT id FROM user_sessions") == []
    assert await _outcomes(console) == [("Ana Souza", "done")]


@pytest.mark.parametrize(("name", "password"), [("Ana Souza", "another phrase"), ("Bia", PASSWORD), ("Ana Souza", "")])
async def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(
    console: ConsoleHub, name: str, password: str
) -> None:
    await _add(console)
    page = await (await console.browser()).post("/console/login", name=name, password=password)
    assert page.status == 403 and "Name, password or code do not match" in page.text
    assert "set-cookie" not in page.answer.headers
    assert await console.run("SELECT id FROM user_sessions") == []
    query = "SELECT audit_log::text AS entry, outcome FROM audit_log WHERE action = 'session.start'"
    (entry,) = await console.run(query)
    assert entry["outcome"] == "sign_in_wrong"
    assert "another phrase" not in entry["entry"] and "Bia" not in entry["entry"]


async def test_an_unknown_name_costs_the_same_argon2id_work_as_a_known_one(
    console: ConsoleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _add(console)
    work: list[str] = []
    verify = passwords._matches

    def record(password: str, stored: str) -> bool:
        work.append(stored.rpartition("p=")[0])
        return verify(password, stored)

    monkeypatch.setattr(passwords, "_matches", record)
    browser, costs = await console.browser(), {}
    for name in ("Ana Souza", "Bia"):
        await browser.post("/console/login", name=name, password="another phrase")
        costs[name], work = work, []
    assert costs["Bia"] == costs["Ana Souza"] == ["$argon2id$v=19$m=19456,t=2,"]


async def test_a_sign_in_makes_a_new_session_and_ends_that_of_the_browser(console: ConsoleHub) -> None:
    user = await _add(console)
    browser = await console.browser()
    browser.http.cookies.set(COOKIE, "chosen-by-an-attacker", domain="console.local", path="/console")
    await browser.post("/console/login", name=user.name, password=PASSWORD)
    token = browser.http.cookies[COOKIE]
    assert token != "chosen-by-an-attacker" and len(token) == 43
    await browser.post("/console/login", name=user.name, password=PASSWORD)
    assert len(await user_sessions.list_live(console.api.hub.database, user.id)) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_cookie_is_closed_to_scripts_other_sites_and_with_tls_to_other_hosts(
    console: ConsoleHub, scheme: str
) -> None:
    user = await _add(console)
    fields = {"name": user.name, "password": PASSWORD}
    answer = await (await console.browser()).http.post(f"{scheme}://console/console/login", data=fields)
    cookie, _, attributes = answer.headers["set-cookie"].partition("; ")
    expected = {"HttpOnly", "SameSite=lax", "Path=/console"}
    if scheme == "https":
        expected = {"HttpOnly", "SameSite=lax", "Path=/", "Secure"}
    assert set(attributes.split("; ")) == expected
    assert cookie.partition("=")[0] == (SECURE_COOKIE if scheme == "https" else COOKIE)
    assert answer.headers["cache-control"] == "no-store"


async def test_wrong_passwords_are_limited_by_person_and_right_ones_are_not(settings: Settings) -> None:
    settings = settings.model_copy(update={"failed_sign_in_limit": "3/hour"})
    async with running_console(settings, []) as console:
        user = await _add(console)
        browser = await console.browser()
        for _ in range(5):
            assert (await browser.post("/console/login", name=user.name, password=PASSWORD)).status == 200
        other = await console.browser()
        pages = [await other.post("/console/login", name=user.name, password=f"wrong {n}") for n in range(4)]
        assert [page.status for page in pages] == [403, 403, 403, 429]
        assert int(pages[-1].answer.headers["Retry-After"]) > 0
        assert (await other.post("/console/login", name="ANA  souza", password=PASSWORD)).status == 429


async def test_wrong_names_are_limited_by_network_also_at_the_same_time(settings: Settings) -> None:
    settings = settings.model_copy(update={"failed_sign_in_limit": "3/hour"})
    async with running_console(settings, []) as console:
        browser = await console.browser()
        posts = [browser.post("/console/login", name=f"guess {n}", password="x") for n in range(12)]
        statuses = [page.status for page in await asyncio.gather(*posts)]
        assert (statuses.count(403), statuses.count(429)) == (3, 9)
        stored = await console.run("SELECT subject FROM rate_windows WHERE subject LIKE 'sign-in:%%'")
        assert not any("guess" in row["subject"] for row in stored)


async def test_a_second_factor_is_asked_for_and_its_code_works_once(console: ConsoleHub) -> None:
    user = await _add(console)
    totp = await _add_totp(console, user)
    code = totp.generate(int(time.time())).decode()
    fields = {"name": user.name, "password": PASSWORD}
    statuses = [
        (await (await console.browser()).post("/console/login", **fields, **extra)).status
        for extra in ({}, {"code": "000000"}, {"code": f"{code[:3]} {code[3:]}"}, {"code": code})
    ]
    assert statuses == [403, 403, 200, 403]


async def test_a_code_without_the_password_opens_nothing(console: ConsoleHub) -> None:
    user = await _add(console)
    totp = await _add_totp(console, user)
    code = totp.generate(int(time.time())).decode()
    page = await (await console.browser()).post("/console/login", name=user.name, password="x", code=code)
    assert page.status == 403
    again = await (await console.browser()).post("/console/login", name=user.name, password=PASSWORD, code=code)
    assert again.status == 200  # the wrong attempt did not use the code


async def test_a_link_sets_the_password_once_and_is_in_no_address_afterwards(console: ConsoleHub) -> None:
    user = await add_person(console.api.hub.database, Role.ADMIN, "Ana Souza")
    token = await users.create_link(console.api.hub.database, user.id)
    browser = await console.browser()
    page = await browser.get(f"/console/welcome?token={token}")
    assert page.status == 200 and "Ana Souza" in page.text
    assert token not in str(page.answer.url) and token not in page.html
    easy = await browser.post("/console/welcome", password="senha123456senha")
    assert easy.status == 400 and "easy to guess" in easy.text
    assert (await browser.post("/console/welcome", password="short")).status == 400
    assert (await browser.post("/console/welcome", password=PASSWORD)).answer.url.path == "/console/login"
    assert (await browser.post("/console/login", name="Ana Souza", password=PASSWORD)).status == 200
    other = await console.browser()
    assert (await other.get(f"/console/welcome?token={token}")).status == 403
    assert (await other.post("/console/welcome", password=PASSWORD)).status == 403


async def test_a_poll_without_a_session_gets_the_form_and_the_order_to_load_it(console: ConsoleHub) -> None:
    page = await (await console.browser()).poll("/console/audit", "rows")
    assert page.status == 403 and page.answer.headers["HX-Refresh"] == "true"
    assert "<table" not in page.html


async def test_the_forms_of_passwords_suit_password_managers(console: ConsoleHub) -> None:
    user = await add_person(console.api.hub.database, Role.VIEWER, "Ana Souza")
    link = await users.create_link(console.api.hub.database, user.id)
    browser = await console.browser()
    login, welcome = await browser.get("/console/login"), await browser.get(f"/console/welcome?token={link}")
    me = await (await console.browser(Role.VIEWER)).get("/console/me")
    expected = {
        login: ["username", "current-password", "one-time-code"],
        welcome: ["username", "new-password"],
        me: ["email", "current-password", "new-password"],
    }
    for page, fields in expected.items():
        assert re.findall(r'autocomplete="([a-z-]+)"', page.html) == fields
        assert "onpaste" not in page.html


async def test_no_key_of_the_api_opens_a_page_of_the_console(console: ConsoleHub) -> None:
    made = await console.api.admin("POST", "/admin/keys", {"cnpjs": "all", "scopes": ["admin"]})
    for key in (made["api_key"], ADMIN, console.api.key):
        for headers in ({"X-Api-Key": key}, {"X-Admin-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert (await (await console.browser(**headers)).get("/console/audit")).status == 403
        browser = await console.browser()
        browser.http.cookies.set(COOKIE, key)
        assert (await browser.get("/console/audit")).status == 403


async def test_a_session_token_in_the_address_opens_nothing(console: ConsoleHub) -> None:
    user = await _add(console)
    token = await user_sessions.start(console.api.hub.database, user.id, "", "")
    for query in (f"{COOKIE}={token}", f"token={token}", f"session={token}"):
        assert (await (await console.browser()).get(f"/console/audit?{query}")).status == 403


async def test_no_page_of_the_console_is_cached(console: ConsoleHub) -> None:
    browser = await console.browser(Role.ADMIN)
    for path in (
        "/console",
        "/console/me",
        "/console/me/data.json",
        "/console/users",
        "/console/audit",
        "/console/none",
    ):
        assert (await browser.get(path)).answer.headers["Cache-Control"] == "no-store", path
    for path in ("/console/login", "/console/welcome", "/console/audit"):
        assert (await (await console.browser()).get(path)).answer.headers["Cache-Control"] == "no-store", path
    assert (await browser.http.post("/console/logout")).headers["Clear-Site-Data"] == '"cache"'


async def test_no_token_is_in_the_log(console: ConsoleHub, capfd: pytest.CaptureFixture[str]) -> None:
    user = await _add(console)
    link = await users.create_link(console.api.hub.database, user.id)
    browser = await console.browser()
    await browser.get(f"/console/welcome?token={link}")
    await browser.post("/console/welcome", password="outra frase bem longa")
    await browser.post("/console/login", name=user.name, password="wrong wrong wrong")
    await browser.post("/console/login", name=user.name, password="outra frase bem longa")
    token = browser.http.cookies[COOKIE]
    output = "".join(capfd.readouterr())
    assert "session.start" in output
    assert [secret for secret in (link, token, "outra frase", "wrong wrong") if secret in output] == []


async def test_sessions_outlive_the_process_that_began_them(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        user = await _add(console)
        browser = await console.browser()
        await browser.post("/console/login", name=user.name, password=PASSWORD)
        token = browser.http.cookies[COOKIE]
    async with running_console(settings, []) as restarted:
        again = await restarted.browser()
        again.http.cookies.set(COOKIE, token)
        assert (await again.get("/console/me")).status == 200


async def test_a_form_is_read_up_to_its_limits(console: ConsoleHub) -> None:
    browser = await console.browser()
    assert (await browser.post("/console/login", name="x" * 70_000, password="x")).status == 413
    assert (await browser.post("/console/login", **{f"field-{n}": "x" for n in range(300)})).status == 400


async def test_a_person_signs_in_over_the_hubs_own_server(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        user = await _add(console)
        async with listening(ConsoleMount(console.app, console.app), settings) as port:
            headers = {"Sec-Fetch-Site": "same-origin"}
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
                answer = await http.post("/console/login", data={"name": user.name, "password": PASSWORD})
                assert answer.status_code == 303
                assert (await http.get("/console/me")).status_code == 200


async def test_nobody_signs_in_while_the_limiter_does_not_answer(console: ConsoleHub) -> None:
    user = await _add(console)
    await console.run("REVOKE ALL ON rate_windows FROM integrahub_console")
    page = await (await console.browser()).post("/console/login", name=user.name, password=PASSWORD)
    assert page.status == 503 and int(page.answer.headers["Retry-After"]) > 0
    assert await console.run("SELECT id FROM user_sessions") == []
