"""Pages of people: own settings, sessions and second factor; administration of others; the audit log."""

import base64
import json
import re
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from integrahub.db.accounts import audit_log, users
from integrahub.db.accounts.audit_log import Actor
from integrahub.domain.people.roles import Role
from integrahub.secrets.passwords import PasswordHasher
from integrahub.settings.model import Settings
from tests.console.hub import Browser, ConsoleHub, running_console
from tests.console.people import PASSWORD

_HOSTILE = "<script>alert(1)</script>"


async def _with_password(console: ConsoleHub, role: Role) -> Browser:
    browser = await console.browser(role)
    assert browser.user
    await users.set_password(console.api.hub.database, browser.user.id, await PasswordHasher().hash(PASSWORD))
    return browser


async def _entries(console: ConsoleHub, action: str) -> list[tuple[str, str, str]]:
    query = "SELECT actor, address, outcome FROM audit_log WHERE action = %s ORDER BY id"
    return [(row["actor"], row["address"], row["outcome"]) for row in await console.run(query, action)]


async def test_a_person_chooses_language_theme_and_keys(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    page = await browser.post("/console/me/profile", language="pt-BR", theme="dark", email="ana@example.com")
    assert page.status == 200 and "Sua configuração foi salva." in page.text
    assert '<html lang="pt-BR" data-theme="dark" data-keys-off="/ g j k p ?"' in page.html
    assert 'value="ana@example.com"' in page.html
    again = await browser.get("/console/me")
    assert "Sua configuração foi salva." not in again.text  # shown once
    page = await browser.post("/console/me/profile", language="xx", theme="neon", email="no address", key_go="on")
    assert "e-mail" in page.text and 'data-theme="dark"' in page.html


async def test_each_key_is_switched_off_alone(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    page = await browser.post("/console/me/profile", key_search="on", key_go="on", key_next="on", key_previous="on")
    assert 'data-keys-off="p ?"' in page.html
    boxes = dict(re.findall(r'name="key_(\w+)"( checked)?', page.html))
    assert {name for name, checked in boxes.items() if not checked} == {"pause", "help"}


async def test_a_key_that_only_a_later_version_has_is_kept_and_breaks_no_page(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    assert browser.user
    await console.run("UPDATE users SET keys_off = '{z,p}' WHERE id = %s", browser.user.id)
    page = await browser.get("/console/me")
    assert page.status == 200 and 'data-keys-off="p"' in page.html
    await browser.post("/console/me/profile", key_pause="on")
    rows = await console.run("SELECT keys_off FROM users WHERE id = %s", browser.user.id)
    assert sorted(rows[0]["keys_off"]) == ["/", "?", "g", "j", "k", "z"]


async def test_a_new_password_needs_the_present_one_and_ends_other_sessions(console: ConsoleHub) -> None:
    browser = await _with_password(console, Role.VIEWER)
    user = browser.user
    assert user
    await console.run("INSERT INTO user_sessions (hash, user_id) VALUES ('x', %s)", user.id)
    wrong = await browser.post("/console/me/password", current="not this", password="outra frase bem longa")
    assert "does not match" in wrong.text
    assert len(await console.run("SELECT id FROM user_sessions")) == 2
    easy = await browser.post("/console/me/password", current=PASSWORD, password="aaaaaaaaaaaaaaaa")
    assert "easy to guess" in easy.text
    done = await browser.post("/console/me/password", current=PASSWORD, password="outra frase bem longa")
    assert "Your password is changed" in done.text and done.status == 200
    assert len(await console.run("SELECT id FROM user_sessions")) == 1
    outcomes = [outcome for _, _, outcome in await _entries(console, "user.password")]
    assert outcomes == ["password_wrong", "password_easy", "done"]


async def test_a_person_ends_own_sessions_and_no_others(console: ConsoleHub) -> None:
    browser, other = await console.browser(Role.VIEWER), await console.browser(Role.VIEWER)
    assert browser.user and other.user
    foreign, *_ = await console.run("SELECT id FROM user_sessions WHERE user_id = %s", other.user.id)
    page = await browser.post(f"/console/me/sessions/{foreign['id']}/end")
    assert "ended already" in page.text
    assert (await other.get("/console/me")).status == 200
    query = "INSERT INTO user_sessions (hash, user_id, agent) VALUES ('x', %s, %s)"
    await console.run(query, browser.user.id, _HOSTILE)
    page = await browser.get("/console/me")
    assert _HOSTILE not in page.html and "&lt;script&gt;alert(1)" in page.html
    assert "The session has ended." in (await browser.post("/console/me/sessions/others/end")).text
    assert len(await console.run("SELECT id FROM user_sessions WHERE user_id = %s", browser.user.id)) == 1


async def test_a_person_switches_a_second_factor_on_by_its_code_and_off_by_the_password(console: ConsoleHub) -> None:
    browser = await _with_password(console, Role.VIEWER)
    page = await browser.get("/console/me", **{"second-factor": "on"})
    (stored,) = await console.run("SELECT sealed_totp FROM users WHERE sealed_totp IS NOT NULL")
    text = re.search(r'class="secret">([A-Z2-7 ]+)<', page.html)
    assert text
    secret = base64.b32decode(text[1].replace(" ", ""))
    assert secret not in bytes(stored["sealed_totp"])
    assert (await browser.get("/console/me", **{"second-factor": "on"})).html.count(text[1]) == 1  # the same secret
    wrong = await browser.post("/console/me/second-factor", code="123")
    assert "code does not match" in wrong.text
    code = TOTP(secret, 6, SHA1(), 30).generate(int(time.time())).decode()
    assert "The second factor is on" in (await browser.post("/console/me/second-factor", code=code)).text
    assert text[1] not in (await browser.get("/console/me", **{"second-factor": "on"})).html
    assert "does not match" in (await browser.post("/console/me/second-factor/off", password="not this")).text
    assert "The second factor is off" in (await browser.post("/console/me/second-factor/off", password=PASSWORD)).text


async def test_a_required_second_factor_is_set_up_before_anything_else(settings: Settings) -> None:
    settings = settings.model_copy(update={"console_totp": "required"})
    async with running_console(settings, []) as console:
        browser = await console.browser(Role.ADMIN)
        for path in ("/console/audit", "/console/users"):
            page = await browser.get(path)
            assert page.answer.url.path == "/console/me" and "required and not set up yet" in page.text
        assert "second_factor_needed" not in (await browser.get("/console/me")).text


async def test_a_person_downloads_own_data_without_secrets(console: ConsoleHub) -> None:
    browser = await _with_password(console, Role.VIEWER)
    await browser.post("/console/me/profile", theme="dark")
    answer = (await browser.get("/console/me/data.json")).answer
    data = json.loads(answer.text)
    assert set(data) == {"person", "sessions", "audit_log"}
    assert {entry["action"] for entry in data["audit_log"]} == {"user.set", "user.export"}
    assert "argon2" not in answer.text and "hash" not in answer.text


async def test_an_administrator_adds_a_person_who_then_chooses_a_password(console: ConsoleHub) -> None:
    admin = await _with_password(console, Role.ADMIN)
    page = await admin.post("/console/users", name="Bia Lima", role="operator", email="bia@example.com")
    assert page.status == 200
    (link,) = {part for part in page.text.split() if "/console/welcome?token=" in part}
    other = await console.browser()
    assert (await other.get(link)).status == 200
    await other.post("/console/welcome", password=PASSWORD)
    assert (await other.post("/console/login", name="Bia Lima", password=PASSWORD)).status == 200
    assert admin.user
    assert await _entries(console, "user.add") == [(admin.user.name, "127.0.0.1", "done")]
    stored = await console.run("SELECT audit_log::text AS entry FROM audit_log")
    assert not any(link.rpartition("=")[2] in row["entry"] for row in stored)
    taken = await admin.post("/console/users", name="BIA lima", role="viewer")
    assert "There is a person with the name BIA lima already" in taken.text


async def test_acts_on_people_ask_for_the_password_again_after_ten_minutes(console: ConsoleHub) -> None:
    admin = await _with_password(console, Role.ADMIN)
    target = (await console.browser(Role.VIEWER)).user
    assert target
    fields = {"name": target.name, "role": "operator", "email": ""}
    await console.run("UPDATE user_sessions SET confirmed_at = now() - interval '11 minutes'")
    path = f"/console/users/{target.id}"
    assert "Type your password again" in (await admin.post(path, **fields)).text
    assert 'name="password_again"' in (await admin.get(path)).html
    assert "does not match" in (await admin.post(path, **fields, password_again="not this")).text
    assert "Type your password again" in (await admin.post(f"{path}/reset")).text
    assert "Type your password again" in (await admin.post("/console/users", name="x", role="admin")).text
    assert (await users.find(console.api.hub.database, target.id)).role is Role.VIEWER  # type: ignore[union-attr]
    assert await console.run("SELECT user_id FROM user_links") == []
    refused = await console.run("SELECT action, outcome FROM audit_log WHERE outcome LIKE 'password%%' ORDER BY id")
    assert [(entry["action"], entry["outcome"]) for entry in refused] == [
        ("user.set", "password_needed"),
        ("user.set", "password_wrong"),
        ("user.reset", "password_needed"),
        ("user.add", "password_needed"),
    ]
    assert "is saved" in (await admin.post(path, **fields, password_again=PASSWORD)).text
    assert "is saved" in (await admin.post(path, **fields)).text  # for ten minutes from now
    assert (await users.find(console.api.hub.database, target.id)).role is Role.OPERATOR  # type: ignore[union-attr]


async def test_a_new_role_and_a_removal_end_the_sessions_of_a_person_at_once(console: ConsoleHub) -> None:
    admin = await console.browser(Role.ADMIN)
    assert admin.user
    await users.set_password(console.api.hub.database, admin.user.id, "x")
    for path, fields in (("", {"name": "Caio", "role": "operator", "email": ""}), ("/remove", {})):
        browser = await console.browser(Role.VIEWER)
        assert browser.user and (await browser.get("/console/me")).status == 200
        await admin.post(f"/console/users/{browser.user.id}{path}", **fields)
        assert (await browser.get("/console/me")).status == 403


async def test_the_last_administrator_is_not_removed_and_the_refusal_is_recorded(console: ConsoleHub) -> None:
    admin = await _with_password(console, Role.ADMIN)
    assert admin.user
    page = await admin.post(f"/console/users/{admin.user.id}/remove")
    assert "last administrator" in page.text
    assert [outcome for _, _, outcome in await _entries(console, "user.remove")] == ["user_last_admin"]
    assert (await admin.get("/console/users")).status == 200


async def test_the_name_of_a_removed_person_is_erased_on_request(console: ConsoleHub) -> None:
    admin = await _with_password(console, Role.ADMIN)
    browser = await console.browser(Role.VIEWER)
    user = browser.user
    assert user
    await browser.post("/console/me/profile", theme="dark", email="old@example.com")
    await admin.post(f"/console/users/{user.id}/erase")
    assert user.name in (await admin.get("/console/audit")).text  # not removed yet
    await admin.post(f"/console/users/{user.id}/remove")
    await admin.post(f"/console/users/{user.id}/erase")
    for path in ("/console/audit", "/console/users?removed=yes", f"/console/users/{user.id}"):
        page = await admin.get(path)
        assert user.name not in page.html and "old@example.com" not in page.html
    assert f"usuário {user.id}" in (await admin.get("/console/audit")).text


async def test_the_audit_log_is_filtered_paged_and_shows_before_and_after(console: ConsoleHub) -> None:
    browser, database = await console.browser(Role.VIEWER), console.api.hub.database
    for number in range(60):
        actor = Actor(f"Ana {number % 2}", "10.0.0.1", None)
        entry = await audit_log.start(database, actor, action="pharmacy.put", subject=f"{number}", before={"city": "A"})
        await audit_log.complete(database, entry, "done", {"city": _HOSTILE, "name": {"x": [1]}})
    await audit_log.start(database, Actor("Bia", "", None), action="batch.cancel", subject="b", before=None)
    page = await browser.get("/console/audit")
    assert page.html.count("<details>") == 49 and "running, or its process was lost" in page.text
    assert _HOSTILE not in page.html and "&lt;script&gt;" in page.html
    assert "Pharmacy registered or changed pharmacy.put" in page.text
    assert '<th scope="row"><code>name.x</code></th>' in page.html
    second = await browser.get(next(link for link in page.links if "cursor=" in link))
    assert second.html.count("<details>") == 13 and "Next page" not in second.text
    one = await browser.get("/console/audit", actor="Ana 1", action="pharmacy.put", since="24h")
    assert one.html.count("<details>") == 30
    assert "No action matches" in (await browser.get("/console/audit", since="2000-01-01", subject="none")).text
    assert (await browser.get("/console/audit", since="yesterday")).status == 400
    assert "data-pause" not in page.html  # the log does not update itself


async def test_the_names_that_the_hub_acts_under_are_words_of_the_language(console: ConsoleHub) -> None:
    browser, database = await console.browser(Role.VIEWER, **{"Accept-Language": "pt-BR"}), console.api.hub.database
    for name in ("command line", "first start", "unknown"):
        await audit_log.start(database, Actor(name, "", None), action="session.start", subject="", before=None)
    page = await browser.get("/console/audit", action="session.start")
    for name in ("linha de comando", "primeiro início do hub", "nome desconhecido"):
        assert name in page.text
    assert "/console/audit?action=session.start&actor=command+line" in page.links


@pytest.mark.parametrize("path", ["/console/users", "/console/users/1"])
async def test_people_are_administered_by_administrators_alone(console: ConsoleHub, path: str) -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        browser = await console.browser(role)
        assert (await browser.get(path)).status == (await browser.post(path, name="x", role="admin")).status == 403
    assert await console.run("SELECT id FROM users WHERE role = 'admin'") == []
