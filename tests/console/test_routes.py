"""Every route of the console, listed from its router: which role it requires, and what others get."""

import pytest
from fastapi.routing import APIRoute

from integrahub.console.access import COOKIE, RoleCheck
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub

_NO_ID = "00000000-0000-7000-8000-000000000000"
OPEN = {"GET /console/login", "POST /console/login", "GET /console/welcome", "POST /console/welcome"}
OPEN |= {"GET /console/help", "GET /console/help/{page}"}
#: Values of path parameters that name nothing.
_VALUES = {"{user_id}": "999", "{cnpj}": "05927228000145"}


def _routes(console: ConsoleHub) -> dict[str, Role | None]:
    """Return the highest role that each route requires, None for an open one."""
    found: dict[str, Role | None] = {}
    routers = [included.original_router for included in console.app.routes if hasattr(included, "original_router")]
    for route in (route for router in routers for route in router.routes):
        assert isinstance(route, APIRoute)
        checks = [each.call for each in route.dependant.dependencies if isinstance(each.call, RoleCheck)]
        roles = [role for role in Role if any(check.role is role for check in checks)]
        for method in route.methods:
            found[f"{method} {route.path}"] = roles[-1] if roles else None
    return found


def _path(route: str) -> str:
    path = route.partition(" ")[2]
    for name, value in _VALUES.items():
        path = path.replace(name, value)
    return "/".join(
        "00000000-0000-7000-8000-000000000000" if part.startswith("{") else part for part in path.split("/")
    )


async def test_every_route_requires_a_role_but_those_before_the_sign_in(console: ConsoleHub) -> None:
    routes = _routes(console)
    assert {route for route, role in routes.items() if role is None} == OPEN
    assert len(routes) > 20


async def test_no_route_opens_without_a_session_with_an_ended_one_or_with_a_lower_role(console: ConsoleHub) -> None:
    stranger, ended = await console.browser(), await console.browser(Role.ADMIN)
    assert ended.user
    await console.run("DELETE FROM user_sessions")
    lower = {role: await console.browser(role) for role in (Role.VIEWER, Role.OPERATOR)}
    for route, role in _routes(console).items():
        if role is None:
            continue
        refused = [stranger, ended]
        refused += [browser for each, browser in lower.items() if not each.includes(role)]
        for browser in refused:
            answer = await browser.http.request(route.partition(" ")[0], _path(route))
            assert answer.status_code == 403, route
    entries = await console.run("SELECT DISTINCT action, outcome, address FROM audit_log WHERE actor <> 'operator'")
    expected = {"action": "console.act", "outcome": "role_missing", "address": "127.0.0.1"}
    assert [dict(entry) for entry in entries] == [expected]  # refused acts are recorded, and no other


async def test_no_form_of_another_site_changes_anything(console: ConsoleHub) -> None:
    browser = await console.browser(Role.ADMIN)
    for route in _routes(console):
        if route.startswith("POST"):
            for site in ("cross-site", "same-site", "none"):
                answer = await browser.http.post(_path(route), headers={"Sec-Fetch-Site": site}, data={"name": "x"})
                assert answer.status_code == 403, route
    assert await console.run("SELECT action FROM audit_log WHERE actor <> 'operator'") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_answer_says_more_than_the_form_of_the_sign_in(console: ConsoleHub, method: str) -> None:
    browser = await console.browser(None)
    browser.http.cookies.set(COOKIE, "x" * 43)
    answer = await browser.http.request(method, "/console/users")
    assert answer.status_code == 403 and "Sign in" in answer.text and "Ana" not in answer.text
