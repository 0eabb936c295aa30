"""Keys of the console, which each person can switch off (WCAG 2.1.4)."""

from playwright.sync_api import Browser

from integrahub.db.accounts import users
from integrahub.domain.people.roles import Role, Theme
from integrahub.domain.people.shortcut_keys import ShortcutKey
from tests.console.browser.visit import visiting
from tests.console.live_hub import LiveHub

_COVERED = """
() => {
  const focused = document.activeElement, top = document.querySelector(".top");
  if (focused === document.body || focused.closest(".top, .skip")) return null;
  const isCovered = focused.getBoundingClientRect().bottom <= top.getBoundingClientRect().bottom;
  return isCovered ? focused.outerHTML : null;
}
"""


def test_keys_search_go_help_and_leave(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        press, page = visitor.page.keyboard.press, visitor.page
        press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        press("g")
        press("a")
        assert page.input_value("#search") == "ga"
        press("Escape")
        press("?")
        assert page.locator("dialog#keys").is_visible()
        press("Escape")
        assert not page.locator("dialog#keys").is_visible()
        press("g")
        press("a")
        page.wait_for_url("**/console/audit")


def test_j_and_k_move_through_rows_and_enter_opens(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.keyboard.press("j")
        first = page.evaluate("document.activeElement.getAttribute('href')")
        assert first.startswith("/console/decisions/")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{first}")


def test_a_key_that_is_switched_off_does_nothing_and_others_act(chromium: Browser, filled: LiveHub) -> None:
    assert filled.console is not None
    database = filled.console.api.hub.database
    filled.cookie(Role.OPERATOR, "pt-BR", Theme.LIGHT)  # adds the person
    user = filled.run(users.find_by_name(database, "Ana operator pt-BR light"))
    assert user is not None
    filled.run(users.update(database, user.id, users.Profile(keys_off=[ShortcutKey.HELP])))
    with visiting(chromium, filled, Role.OPERATOR, "pt-BR") as visitor:
        visitor.open("/console")
        visitor.page.keyboard.press("?")
        assert not visitor.page.locator("dialog#keys").is_visible()
        visitor.page.keyboard.press("/")
        assert visitor.page.evaluate("document.activeElement.id") == "search"


def test_the_focus_is_never_under_the_sticky_header(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.page.set_viewport_size({"width": 1280, "height": 320})
        visitor.open("/console")
        for _ in range(40):
            visitor.page.keyboard.press("Tab")
        for _ in range(40):
            visitor.page.keyboard.press("Shift+Tab")
            covered = visitor.page.evaluate(_COVERED)
            assert covered is None, covered
