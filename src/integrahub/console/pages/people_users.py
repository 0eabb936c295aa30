"""Pages of administrators about people: the list, and one person."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.users import WELCOME_PATH, subject_of
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.navigation import ROOT
from integrahub.console.translations import N_
from integrahub.db.accounts import user_sessions, users
from integrahub.db.accounts.user_rows import User, UserSession
from integrahub.db.accounts.users import Profile
from integrahub.domain.errors import BadRequest, IntegraHubError, NotFound, Problem
from integrahub.domain.people.roles import Role

USERS = f"{ROOT}/users"
Admin = Annotated[Person, Depends(require(Role.ADMIN))]


class UsersView(msgspec.Struct, frozen=True):
    """The people; `with_removed`: also those that were removed."""

    users: list[User]
    with_removed: bool


class UserView(msgspec.Struct, frozen=True):
    """One person with live sessions."""

    user: User
    sessions: list[UserSession]
    is_self: bool


class LinkView(msgspec.Struct, frozen=True):
    """A one-time link, shown once."""

    user: User
    link: str


class UserPages:
    """Administration of people."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._accounts = console.accounts

    async def show_list(self, request: Request) -> Response:
        """Answer with the people."""
        with_removed = request.query_params.get("removed") == "yes"
        found = await users.list_all(self._console.reads, with_removed=with_removed)
        return self._console.page(request, "people/users.html", UsersView(found, with_removed))

    async def show(self, request: Request, user_id: int, person: Admin) -> Response:
        """Answer with one person."""
        user = await self._find(user_id)
        sessions = await user_sessions.list_live(self._console.reads, user_id)
        view = UserView(user, sessions, user.id == person.user_id)
        return self._console.page(request, "people/user.html", view)

    async def add(self, request: Request, person: Admin) -> Response:
        """Add a person, and show the link by which the person sets a password."""
        form = await read_form(request)

        async def make() -> LinkView:
            await self._accounts.confirm_for(person, form, "user.add", "")
            role = parse_role(form.get("role"))
            user, token = await self._accounts.admin.add(
                person.caller, form.get("name", ""), role, form.get("email", "")
            )
            return LinkView(user, self._link(request, token))

        return await self._show_link(request, USERS, make)

    async def reset(self, request: Request, user_id: int, person: Admin) -> Response:
        """Show a new link by which the person sets a password."""
        form = await read_form(request)

        async def make() -> LinkView:
            await self._accounts.confirm_for(person, form, "user.reset", subject_of(user_id))
            user = await self._find(user_id)
            return LinkView(user, self._link(request, await self._accounts.admin.reset(person.caller, user)))

        return await self._show_link(request, f"{USERS}/{user_id}", make)

    async def set(self, request: Request, user_id: int, person: Admin) -> Response:
        """Change name, e-mail address or role."""
        form = await read_form(request)

        async def act() -> Done:
            await self._accounts.confirm_for(person, form, "user.set", subject_of(user_id))
            profile = Profile(form.get("name"), form.get("email"), parse_role(form.get("role")))
            user = await self._accounts.admin.set(person.caller, await self._find(user_id), profile)
            return Done(N_("%(name)s is saved."), {"name": user.name})

        return await self._perform(request, f"{USERS}/{user_id}", act)

    async def end_sessions(self, request: Request, user_id: int, person: Admin) -> Response:
        """End all sessions of a person."""

        async def act() -> Done:
            ended = await self._accounts.admin.end_sessions(person.caller, await self._find(user_id))
            return Done(N_("Sessions ended: %(count)s."), {"count": ended})

        return await self._perform(request, f"{USERS}/{user_id}", act)

    async def remove(self, request: Request, user_id: int, person: Admin) -> Response:
        """Remove a person."""
        form = await read_form(request)

        async def act() -> Done:
            await self._accounts.confirm_for(person, form, "user.remove", subject_of(user_id))
            user = await self._accounts.admin.remove(person.caller, await self._find(user_id))
            return Done(N_("%(name)s is removed; all sessions have ended."), {"name": user.name})

        return await self._perform(request, f"{USERS}/{user_id}", act)

    async def erase(self, request: Request, user_id: int, person: Admin) -> Response:
        """Erase the name of a removed person."""
        form = await read_form(request)

        async def act() -> Done:
            await self._accounts.confirm_for(person, form, "user.erase", subject_of(user_id))
            await self._accounts.admin.erase(person.caller, await self._find(user_id))
            return Done(N_("The name is erased, also in the audit log."))

        return await self._perform(request, f"{USERS}/{user_id}", act)

    async def _perform(self, request: Request, back: str, act: Callable[[], Awaitable[Done]]) -> Response:
        try:
            return await perform(request, back, act)
        finally:
            self._accounts.sessions.clear_cache()

    async def _show_link(self, request: Request, back: str, make: Callable[[], Awaitable[LinkView]]) -> Response:
        """Answer with a link, which no cookie, log or address holds; a refusal leads back to its form."""
        try:
            view = await make()
        except Problem as problem:
            return await perform(request, back, _raise(problem))
        return self._console.page(request, "people/link.html", view)

    def _link(self, request: Request, token: str) -> str:
        base = self._console.hub.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return f"{base.rstrip('/')}{WELCOME_PATH}?token={token}"

    async def _find(self, user_id: int) -> User:
        user = await users.find(self._accounts.database, user_id)
        if user is None:
            raise NotFound("user_not_found")
        return user


def _raise(error: IntegraHubError) -> Callable[[], Awaitable[Done]]:
    async def act() -> Done:
        raise error

    return act


def parse_role(text: str | None) -> Role:
    """Return a role of a form. Raise BadRequest for any other text."""
    try:
        return Role(text or "")
    except ValueError:
        raise BadRequest("user_invalid", reason=", ".join(Role)) from None


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes; each requires an administrator."""
    pages, admin = UserPages(console), [Depends(require(Role.ADMIN))]
    router, one = APIRouter(dependencies=admin), f"{USERS}/{{user_id}}"
    router.add_api_route(USERS, pages.show_list, methods=["GET"], response_model=None)
    router.add_api_route(USERS, pages.add, methods=["POST"], response_model=None)
    router.add_api_route(one, pages.show, methods=["GET"], response_model=None)
    router.add_api_route(one, pages.set, methods=["POST"], response_model=None)
    router.add_api_route(f"{one}/reset", pages.reset, methods=["POST"], response_model=None)
    router.add_api_route(f"{one}/end-sessions", pages.end_sessions, methods=["POST"], response_model=None)
    router.add_api_route(f"{one}/remove", pages.remove, methods=["POST"], response_model=None)
    router.add_api_route(f"{one}/erase", pages.erase, methods=["POST"], response_model=None)
    return router
