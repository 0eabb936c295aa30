"""Settings of a pharmacy: the act of the settings tab."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.access.pharmacy_settings import PharmacyAdmin
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.pages.pharmacies.detail import PATH, Answered, PharmacyPages, tab_path
from integrahub.console.pages.pharmacies.settings_form import InvalidSettings, read_settings
from integrahub.console.translations import N_
from integrahub.domain.messages.fields import describe_error
from integrahub.domain.people.roles import Role

Admin = Annotated[Person, Depends(require(Role.ADMIN))]


class SettingsPages:
    """Set all settings of a pharmacy."""

    def __init__(self, console: ConsoleContext, pages: PharmacyPages) -> None:
        self._admin = PharmacyAdmin(console.database, Audit(console.database))
        self._renderer = console.renderer
        self._pages = pages

    async def save(self, request: Request, cnpj: str, person: Admin) -> Response:
        """Save the form; if a field is wrong, show it again with its values and the errors."""
        form = await read_form(request)
        try:
            settings = read_settings(form)
        except InvalidSettings as invalid:
            language = self._renderer.language_of(request)
            errors = {
                name: describe_error(error.kind, error.facts).in_language(language)
                for name, error in invalid.errors.items()
            }
            return await self._pages.render(request, cnpj, "settings", Answered(values=form, errors=errors), status=400)

        async def act() -> Done:
            await self._admin.replace(person.caller, (await self._pages.find(cnpj)).cnpj, settings)
            return Done(N_("The settings are saved; posts follow them within seconds."))

        return await perform(request, tab_path(cnpj, "settings"), act)


def add_routes(router: APIRouter, console: ConsoleContext, pages: PharmacyPages) -> None:
    """Add the route of the act."""
    router.add_api_route(f"{PATH}/settings", SettingsPages(console, pages).save, methods=["POST"], response_model=None)
