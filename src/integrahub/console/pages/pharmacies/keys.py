"""Keys of a pharmacy: the acts of the keys tab, which ask for the password again."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.api_key_admin import ApiKeyAdmin, ApiKeyRules
from integrahub.access.audit import Audit
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, mark_acted, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.pages.pharmacies.detail import PATH, Answered, PharmacyPages, tab_path
from integrahub.console.translations import N_
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.console import pharmacies
from integrahub.domain.errors import NotFound, Problem
from integrahub.domain.people.roles import Role

Admin = Annotated[Person, Depends(require(Role.ADMIN))]
_MAX_HOURS = 24 * 365


class KeyPages:
    """Make, rotate and end keys of a pharmacy. Only the answer of its act shows a new key, so it does not redirect."""

    def __init__(self, console: ConsoleContext, pages: PharmacyPages) -> None:
        settings, database = console.hub.settings, console.database
        rules = ApiKeyRules(console.hub.pepper, settings.allow_weak_keys)
        # No API uses this object: processes that cache keys look them up again within two seconds.
        self._audit = Audit(database)
        self._admin = ApiKeyAdmin(database, self._audit, rules, on_ended=lambda: None)
        self._console = console
        self._pages = pages

    async def create(self, request: Request, cnpj: str, person: Admin) -> Response:
        """Make a key of the pharmacy alone."""

        async def make(form: dict[str, str]) -> str:
            pharmacy = await self._pages.find(cnpj)
            return (await self._admin.create_for_pharmacy(person.caller, pharmacy.cnpj, None))[1]

        return await self._show_new_key(request, cnpj, person, "key.create", make)

    async def rotate(self, request: Request, cnpj: str, key_id: UUID, person: Admin) -> Response:
        """Make a second key with the rights of one; the old one ends in the hours of the form, or stays."""

        async def make(form: dict[str, str]) -> str:
            await self._find(cnpj, key_id)
            return (await self._admin.rotate(person.caller, key_id, _read_hours(form)))[0]

        return await self._show_new_key(request, cnpj, person, "key.rotate", make)

    async def revoke(self, request: Request, cnpj: str, key_id: UUID, person: Admin) -> Response:
        """End a key at once."""
        form = await read_form(request)

        async def act() -> Done:
            await self._confirm(person, form, "key.revoke", cnpj)
            await self._find(cnpj, key_id)
            await self._admin.revoke(person.caller, key_id)
            return Done(N_("The key is revoked; within two seconds every post with it is refused."))

        return await perform(request, tab_path(cnpj, "keys"), act)

    async def _show_new_key(
        self, request: Request, cnpj: str, person: Person, action: str, make: Callable[[dict[str, str]], Awaitable[str]]
    ) -> Response:
        """Answer with a new key, which no cookie, log or address holds; a refusal leads back to the tab."""
        form = await read_form(request)
        try:
            await self._confirm(person, form, action, cnpj)
            new_key = await make(form)
        except Problem as problem:
            return await perform(request, tab_path(cnpj, "keys"), _refusing(problem))
        return mark_acted(request, await self._pages.render(request, cnpj, "keys", Answered(new_key=new_key)))

    async def _confirm(self, person: Person, form: dict[str, str], action: str, cnpj: str) -> None:
        """Ask for the password again; an act that is refused for it is in the audit log, too."""
        try:
            await self._console.accounts.confirm(person, form)
        except Problem:
            async with self._audit.action(person.caller, action, cnpj[:20]):
                raise

    async def _find(self, cnpj: str, key_id: UUID) -> Pharmacy:
        """Return the pharmacy; raise NotFound unless the key may post for it."""
        pharmacy = await self._pages.find(cnpj)
        if key_id not in {key.id for key in await pharmacies.fetch_keys(self._console.reads, pharmacy.cnpj)}:
            raise NotFound("key_not_found")
        return pharmacy


def _refusing(problem: Problem) -> Callable[[], Awaitable[Done]]:
    async def act() -> Done:
        raise problem

    return act


def _read_hours(form: dict[str, str]) -> int | None:
    hours = form.get("hours", "")
    return min(int(hours), _MAX_HOURS) if hours.isascii() and hours.isdecimal() and len(hours) < 9 else None


def add_routes(router: APIRouter, console: ConsoleContext, pages: PharmacyPages) -> None:
    """Add the routes of the acts."""
    acts = KeyPages(console, pages)
    for path, act in (
        ("keys", acts.create),
        ("keys/{key_id}/rotate", acts.rotate),
        ("keys/{key_id}/revoke", acts.revoke),
    ):
        router.add_api_route(f"{PATH}/{path}", act, methods=["POST"], response_model=None)
