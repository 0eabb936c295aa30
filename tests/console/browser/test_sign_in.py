"""Sign-in in a browser: by keyboard, on a small window, without JavaScript, and from another site."""

import pytest
from playwright.sync_api import Browser, Page

from integrahub.db.accounts import users
from integrahub.db.accounts.user_rows import User
from integrahub.domain.people.roles import Role
from integrahub.secrets.passwords import PasswordHasher
from tests.console.browser.visit import visiting
from tests.console.live_hub import LiveHub
from tests.console.people import PASSWORD, add_person


async def _add(hub: LiveHub, name: str, role: Role = Role.ADMIN) -> User:
    assert hub.console
    database = hub.console.api.hub.database
    user = await add_person(database, role, name)
    await users.set_password(database, user.id, await PasswordHasher().hash(PASSWORD))
    return user


async def _link(hub: LiveHub, user: User) -> str:
    assert hub.console
    return await users.create_link(hub.console.api.hub.database, user.id)


def _type(page: Page, *keys: str) -> None:
    for key in keys:
        if key in ("Tab", "Enter"):
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)


@pytest.mark.parametrize(("width", "has_script"), [(1280, True), (390, True), (390, False)])
def test_a_link_leads_through_the_sign_in_to_its_page(
    chromium: Browser, filled: LiveHub, width: int, has_script: bool
) -> None:
    name = f"Davi {width} {has_script}"
    filled.run(_add(filled, name))
    with visiting(chromium, filled, None, width=width, java_script_enabled=has_script) as visitor:
        page = visitor.page
        visitor.open("/console/audit?since=24h")
        assert page.get_by_role("heading", name="Sign in").is_visible()
        if has_script:
            assert visitor.check_accessibility() == [] and visitor.overflow <= 0
        page.get_by_label("Name").focus()
        _type(page, name, "Tab", "not the password", "Enter")
        page.get_by_role("alert").wait_for()
        if has_script:
            assert visitor.check_accessibility() == []
        assert page.get_by_label("Name").input_value() == name
        page.get_by_label("Password").focus()
        _type(page, PASSWORD, "Tab", "Enter")
        page.wait_for_url("**/console/audit?since=24h")
        page.get_by_role("heading", name="Who did what").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/console/login")


def test_a_person_chooses_a_password_by_a_link_and_sets_up_a_second_factor(chromium: Browser, filled: LiveHub) -> None:
    user = filled.run(_add(filled, "Eva"))
    link = filled.run(_link(filled, user))
    with visiting(chromium, filled, None) as visitor:
        page = visitor.page
        visitor.open(f"/console/welcome?token={link}")
        assert page.url.endswith("/console/welcome") and visitor.check_accessibility() == []
        page.get_by_label("New password").fill("outra frase bem longa")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/login")
        page.get_by_label("Name").fill("Eva")
        page.get_by_label("Password").fill("outra frase bem longa")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console")
        visitor.open("/console/me")
        page.get_by_role("link", name="Set up a second factor").click()
        page.get_by_label("Type the code").fill("000000")
        assert visitor.check_accessibility() == []
        page.keyboard.press("Enter")
        page.get_by_text("The code does not match").wait_for()
        visitor.open(f"/console/welcome?token={link}")
        assert page.get_by_role("heading", name="no longer valid").is_visible() and visitor.check_accessibility() == []


def test_an_administrator_adds_a_person_and_hands_over_the_link(chromium: Browser, filled: LiveHub) -> None:
    filled.run(_add(filled, "Iris"))
    with visiting(chromium, filled, Role.ADMIN, width=390) as visitor:
        page = visitor.page
        visitor.open("/console/users")
        page.get_by_label("Name").fill("Fábio <b>Lima</b>")
        page.get_by_label("Role").select_option("operator")
        page.get_by_role("button", name="Add, and show the link").click()
        page.get_by_role("heading", name="Link for Fábio <b>Lima</b>").wait_for()
        assert visitor.check_accessibility() == [] and visitor.overflow <= 0
        page.get_by_role("link", name="Fábio <b>Lima</b>").click()
        page.wait_for_url("**/console/users/*")
        assert visitor.check_accessibility() == [] and visitor.overflow <= 0
        page.get_by_role("button", name="Remove").click()
        page.get_by_text("all sessions have ended").wait_for()
        assert visitor.check_accessibility() == []


def test_a_form_that_another_site_posts_changes_nothing(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled, Role.ADMIN) as visitor:
        page = visitor.page
        page.set_content(
            f'<form action="{filled.url}/console/users" method="post"><input name="name" value="Mallory">'
            '<input name="role" value="admin"><button>Win</button></form>'
        )
        with page.expect_response("**/console/users") as answer:
            page.get_by_role("button", name="Win").click()
        assert answer.value.status == 403
        visitor.open("/console/users")
        assert "Mallory" not in page.content()
