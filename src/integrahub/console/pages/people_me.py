"""The page of the signed-in person: language, theme, keys, password, sessions, second factor, own data."""

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import Person, require
from integrahub.console.accounts import TotpOffer
from integrahub.console.acts import Done, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.navigation import ROOT
from integrahub.console.translations import N_
from integrahub.db.accounts import audit_log, user_sessions, users
from integrahub.db.accounts.audit_log import AuditFilters
from integrahub.db.accounts.rows import AuditEntry
from integrahub.db.accounts.user_rows import User, UserSession
from integrahub.db.accounts.users import Profile
from integrahub.domain.errors import NotFound
from integrahub.domain.languages import Language
from integrahub.domain.people.passwords import MIN_PASSWORD_LENGTH
from integrahub.domain.people.roles import Role, Theme
from integrahub.domain.people.shortcut_keys import ShortcutKey, known_keys

ME = f"{ROOT}/me"
_MAX_EXPORTED_ENTRIES = 10_000
Choice = TypeVar("Choice", bound=StrEnum)
Viewer = Annotated[Person, Depends(require(Role.VIEWER, before_second_factor=True))]


KEY_TEXTS = {
    ShortcutKey.SEARCH: N_("Search"),
    ShortcutKey.GO: N_("Go to an area, with its key after it"),
    ShortcutKey.NEXT: N_("Next row"),
    ShortcutKey.PREVIOUS: N_("Previous row"),
    ShortcutKey.PAUSE: N_("Pause or resume live updates"),
    ShortcutKey.HELP: N_("Help on keys"),
}


class KeyChoice(msgspec.Struct, frozen=True):
    """A key of the form: the name of its field, the key, what it does as a msgid, and whether it acts."""

    field: str
    key: ShortcutKey
    text: str
    is_on: bool


class MeView(msgspec.Struct, frozen=True):
    """What the page shows. `offer` is the second factor that is being set up."""

    user: User
    sessions: list[UserSession]
    totp_mode: str
    offer: TotpOffer | None
    least: int = MIN_PASSWORD_LENGTH

    @property
    def keys(self) -> list[KeyChoice]:
        """Return the keys that the person can switch off."""
        return [KeyChoice(key_field(key), key, text, key not in self.user.keys_off) for key, text in KEY_TEXTS.items()]


class OwnData(msgspec.Struct, frozen=True):
    """All that the hub keeps of a person, as the person downloads it."""

    person: User
    sessions: list[UserSession]
    audit_log: list[AuditEntry]


class MePages:
    """What people see and change of themselves."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._accounts = console.accounts

    async def show(self, request: Request, person: Viewer) -> Response:
        """Answer with the page."""
        is_setting_up = "second-factor" in request.query_params and not person.has_totp
        offer = await self._accounts.offer_totp(person) if is_setting_up else None
        user = await self._find(person)
        sessions = await user_sessions.list_live(self._accounts.database, person.user_id)
        view = MeView(user, sessions, self._accounts.totp_mode, offer)
        return self._console.page(request, "people/me.html", view)

    async def set_profile(self, request: Request, person: Viewer) -> Response:
        """Store language, theme, keys and e-mail address."""
        form = await read_form(request)

        async def act() -> Done:
            user = await self._find(person)
            off = [key for key in ShortcutKey if form.get(key_field(key)) != "on"]
            profile = Profile(
                email=form.get("email"),
                language=_parse(Language, form.get("language")),
                theme=_parse(Theme, form.get("theme")),
                keys_off=[*off, *(key for key in user.keys_off if key not in known_keys(user.keys_off))],
            )
            await self._accounts.admin.set(person.caller, user, profile)
            self._accounts.sessions.clear_cache()
            return Done(N_("Your settings are saved."))

        return await perform(request, ME, act)

    async def change_password(self, request: Request, person: Viewer) -> Response:
        """Set a new password."""
        form = await read_form(request)

        async def act() -> Done:
            await self._accounts.change_password(person, form.get("current", ""), form.get("password", ""))
            return Done(N_("Your password is changed. All your other sessions have ended."))

        return await perform(request, ME, act)

    async def end_session(self, request: Request, session_id: str, person: Viewer) -> Response:
        """End one session, or all others."""

        async def act() -> Done:
            await self._accounts.end_session(person, session_id)
            return Done(N_("The session has ended."))

        return await perform(request, ME, act)

    async def enable_totp(self, request: Request, person: Viewer) -> Response:
        """Enable the second factor by its first code."""
        form = await read_form(request)

        async def act() -> Done:
            await self._accounts.enable_totp(person, form.get("code", "")[:20])
            return Done(N_("The second factor is on: each sign-in now asks for a code."))

        back = ME if person.has_totp else f"{ME}?second-factor=on"
        return await perform(request, back, act)

    async def disable_totp(self, request: Request, person: Viewer) -> Response:
        """Switch the second factor off."""
        form = await read_form(request)

        async def act() -> Done:
            await self._accounts.disable_totp(person, form.get("password", ""))
            return Done(N_("The second factor is off."), kind="look")

        return await perform(request, ME, act)

    async def export(self, person: Viewer) -> Response:
        """Answer with all that the hub keeps of the person, as JSON."""
        database = self._accounts.database
        async with self._accounts.audit.action(person.caller, "user.export", f"user {person.user_id}"):
            filters = AuditFilters(user_id=person.user_id)
            entries = await audit_log.search(database, filters, None, _MAX_EXPORTED_ENTRIES)
            sessions = await user_sessions.list_live(database, person.user_id)
            data = OwnData(await self._find(person), sessions, entries)
        body = msgspec.json.format(msgspec.json.encode(data), indent=2)
        headers = {"Content-Disposition": 'attachment; filename="integrahub-me.json"', "Cache-Control": "no-store"}
        return Response(body, media_type="application/json", headers=headers)

    async def _find(self, person: Person) -> User:
        user = await users.find(self._accounts.database, person.user_id)
        if user is None:
            raise NotFound("user_not_found")
        return user


def key_field(key: ShortcutKey) -> str:
    """Return the name of a key's field in the form."""
    return f"key_{key.name.lower()}"


def _parse(kind: type[Choice], text: str | None) -> Choice | None:
    """Return the value of a choice, or None for any other text, which leaves it unchanged."""
    try:
        return kind(text or "")
    except ValueError:
        return None


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes; each requires a session."""
    pages, router = MePages(console), APIRouter()
    router.add_api_route(ME, pages.show, methods=["GET"], response_model=None)
    router.add_api_route(f"{ME}/profile", pages.set_profile, methods=["POST"], response_model=None)
    router.add_api_route(f"{ME}/password", pages.change_password, methods=["POST"], response_model=None)
    router.add_api_route(f"{ME}/sessions/{{session_id}}/end", pages.end_session, methods=["POST"], response_model=None)
    router.add_api_route(f"{ME}/second-factor", pages.enable_totp, methods=["POST"], response_model=None)
    router.add_api_route(f"{ME}/second-factor/off", pages.disable_totp, methods=["POST"], response_model=None)
    router.add_api_route(f"{ME}/data.json", pages.export, methods=["GET"], response_model=None)
    return router
