"""What operators order of pharmacies: register one, change its settings, each with an audit entry."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from integrahub.access.audit import Audit
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy, PharmacySettings
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import NotFound
from integrahub.domain.messages.fields import InvalidField
from integrahub.resilience.rate_limit import parse_rate

_ACTION = "pharmacy.put"


def check_time_zone(name: str) -> str:
    """Return the name of a time zone; raise InvalidField for another text."""
    if name not in available_timezones():
        raise InvalidField("zone_unknown", value=name[:80])
    return name


def check_rate(text: str) -> str:
    """Return the text of a rate limit; raise InvalidField for another text."""
    try:
        parse_rate(text)
    except ValueError:
        raise InvalidField("rate_unreadable", value=text[:80]) from None
    return text


class PharmacyAdmin:
    """Register pharmacies and change their settings."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def put(self, caller: Caller, cnpj: str, changes: Mapping[str, Any]) -> Pharmacy:
        """Change the settings that are not None; register the pharmacy if it is new."""
        before = await pharmacies.find(self._database, cnpj)
        async with self._audit.action(caller, _ACTION, cnpj, before) as context:
            await pharmacies.find_or_create(self._database, cnpj, changes.get("name") or "")
            changed = context.after = await pharmacies.update(self._database, cnpj, changes)
        assert changed is not None  # pharmacies are never deleted
        return changed

    async def replace(self, caller: Caller, cnpj: str, settings: PharmacySettings) -> Pharmacy:
        """Set all settings of a pharmacy; None sets that of the hub. Raise NotFound if there is no such pharmacy."""
        before = await pharmacies.find(self._database, cnpj)
        if before is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj)
        async with self._audit.action(caller, _ACTION, cnpj, before) as context:
            changed = context.after = await pharmacies.replace(self._database, cnpj, settings)
        assert changed is not None
        return changed
