"""Pages before a session: sign-in, sign-out, and the one-time link by which a person sets a password."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.console.access import Person, SecondFactorNeeded, SignInNeeded, client_address, cookie_name, require
from integrahub.console.acts import COOKIE_PATH
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.navigation import ROOT
from integrahub.console.sign_in import MAX_TYPED_LENGTH, Attempt
from integrahub.db.accounts import user_sessions, users
from integrahub.domain.errors import Forbidden, Problem
from integrahub.domain.people.passwords import MIN_PASSWORD_LENGTH
from integrahub.domain.people.roles import Role

LOGIN, WELCOME = f"{ROOT}/login", f"{ROOT}/welcome"
_LINK_COOKIE = "integrahub_link"
_LINK_COOKIE_SECONDS = 3600
_SAFE_PATH_LENGTH = 2000
Viewer = Annotated[Person, Depends(require(Role.VIEWER, before_second_factor=True))]


class LoginView(msgspec.Struct, frozen=True):
    """The form of the sign-in: where it leads, whether it asks for a code, and why the last attempt failed."""

    next: str
    uses_totp: bool
    name: str = ""
    refusal: str = ""


class WelcomeView(msgspec.Struct, frozen=True):
    """The form that sets a password. `name` '' means that the link is no longer valid."""

    name: str
    least: int = MIN_PASSWORD_LENGTH
    refusal: str = ""


class SignInPages:
    """Pages that need no session."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._accounts = console.accounts

    async def show_login(self, request: Request) -> Response:
        """Answer with the form."""
        return self._show_login(request, safe_path(request.query_params.get("next", "")))

    async def ask_to_sign_in(self, request: Request, _: Exception) -> Response:
        """Answer a request without a session: 403 with the form, which leads to the page that was asked for."""
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        wanted = safe_path(target if request.method == "GET" else "")
        response = self._show_login(request, wanted, status=403)
        response.headers["HX-Refresh"] = "true"  # a live block then loads the whole page, which has the form
        return response

    async def ask_for_second_factor(self, request: Request, _: Exception) -> Response:
        """Lead a person who has to enable a second factor to the page where that is done."""
        return RedirectResponse(f"{ROOT}/me#second-factor", 303, {"Cache-Control": "no-store"})

    async def sign_in(self, request: Request) -> Response:
        """Check name, password and code, and start a session with a new token."""
        form = await read_form(request)
        target = safe_path(form.get("next", ""))
        attempt = Attempt(
            name=form.get("name", "")[:MAX_TYPED_LENGTH],
            password=form.get("password", "")[: MAX_TYPED_LENGTH + 1],
            code=form.get("code", "")[:20],
            address=client_address(request),
            agent=request.headers.get("user-agent", ""),
        )
        try:
            token = await self._accounts.sign_in.sign_in(attempt)
        except Problem as problem:
            response = self._show_login(request, target, status=problem.status, name=attempt.name, problem=problem)
            response.headers.update(problem.headers)
            return response
        await self._end_session(request)
        response = RedirectResponse(target or ROOT, 303, {"Cache-Control": "no-store"})
        set_session_cookie(request, response, token)
        return response

    async def sign_out(self, request: Request, person: Viewer) -> Response:
        """End the session."""
        async with self._accounts.audit.action(person.caller, "session.end", f"user {person.user_id}"):
            await self._end_session(request)
        response = RedirectResponse(LOGIN, 303, {"Cache-Control": "no-store", "Clear-Site-Data": '"cache"'})
        _delete_session_cookie(request, response)
        return response

    async def show_welcome(self, request: Request) -> Response:
        """Answer with the form of a one-time link; move its token from the address into a cookie first."""
        if token := request.query_params.get("token"):
            response = RedirectResponse(WELCOME, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
            _set_cookie(request, response, _LINK_COOKIE, token[:200], max_age=_LINK_COOKIE_SECONDS)
            return response
        user = await users.find_by_link(self._accounts.database, request.cookies.get(_LINK_COOKIE, ""))
        view = WelcomeView(user.name if user else "")
        return self._console.page(request, "people/welcome.html", view, status=200 if user else 403)

    async def set_password(self, request: Request) -> Response:
        """Set the password of the person of the link, then lead to the sign-in."""
        form = await read_form(request)
        token = request.cookies.get(_LINK_COOKIE, "")
        try:
            await self._accounts.sign_in.welcome(token, form.get("password", ""), client_address(request))
        except Forbidden:
            return self._console.page(request, "people/welcome.html", WelcomeView(""), status=403)
        except Problem as problem:
            user = await users.find_by_link(self._accounts.database, token)
            view = WelcomeView(user.name if user else "", refusal=self._console.renderer.sentence(request, problem))
            return self._console.page(request, "people/welcome.html", view, status=problem.status)
        self._accounts.sessions.clear_cache()
        response = RedirectResponse(LOGIN, 303, {"Cache-Control": "no-store"})
        response.delete_cookie(_LINK_COOKIE, path=COOKIE_PATH)
        return response

    def _show_login(
        self, request: Request, target: str, *, status: int = 200, name: str = "", problem: Problem | None = None
    ) -> Response:
        refusal = self._console.renderer.sentence(request, problem) if problem else ""
        view = LoginView(target, self._accounts.totp_mode != "off", name, refusal)
        return self._console.page(request, "people/login.html", view, status=status)

    async def _end_session(self, request: Request) -> None:
        person: Person | None = request.state.person
        if person:
            await user_sessions.end(self._accounts.database, person.session_id, person.user_id)
            self._accounts.sessions.clear_cache()


def safe_path(target: str) -> str:
    """Return a path of the console to lead to after the sign-in; '' for all that could leave it."""
    is_own = target == ROOT or target.startswith((f"{ROOT}/", f"{ROOT}?"))
    is_plain = target.isprintable() and "\\" not in target and len(target) <= _SAFE_PATH_LENGTH
    leads_back = target.startswith((LOGIN, WELCOME, f"{ROOT}/logout"))
    return quote(target, safe="/?&=%+:,;@!$'()*~.-_[]") if is_own and is_plain and not leads_back else ""


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser the token of a session, until the browser is closed. Scripts cannot read it."""
    _set_cookie(request, response, cookie_name(request), token)


def _set_cookie(request: Request, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    is_secure = request.url.scheme == "https"
    path = "/" if name.startswith("__Host-") else COOKIE_PATH
    response.set_cookie(name, value, max_age=max_age, path=path, secure=is_secure, httponly=True, samesite="lax")


def _delete_session_cookie(request: Request, response: Response) -> None:
    is_secure = request.url.scheme == "https"
    path = "/" if is_secure else COOKIE_PATH
    response.delete_cookie(cookie_name(request), path=path, secure=is_secure, httponly=True, samesite="lax")


def install_sign_in(app: FastAPI, console: ConsoleContext) -> None:
    """Answer requests without a session with the form of the sign-in."""
    pages = SignInPages(console)
    handlers: dict[Any, Any] = {SignInNeeded: pages.ask_to_sign_in, SecondFactorNeeded: pages.ask_for_second_factor}
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes. All but the sign-out are open."""
    pages, router = SignInPages(console), APIRouter()
    router.add_api_route(LOGIN, pages.show_login, methods=["GET"], response_model=None)
    router.add_api_route(LOGIN, pages.sign_in, methods=["POST"], response_model=None)
    router.add_api_route(f"{ROOT}/logout", pages.sign_out, methods=["POST"], response_model=None)
    router.add_api_route(WELCOME, pages.show_welcome, methods=["GET"], response_model=None)
    router.add_api_route(WELCOME, pages.set_password, methods=["POST"], response_model=None)
    return router
