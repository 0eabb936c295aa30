"""Settings of a pharmacy as the console sets them: all at once, empty ones are those of the hub."""

from decimal import Decimal

import pytest

from integrahub.access.audit import Audit
from integrahub.access.pharmacy_settings import PharmacyAdmin, check_rate, check_time_zone
from integrahub.db.accounts import audit_log, pharmacies
from integrahub.db.accounts.rows import PharmacySettings
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import NotFound
from integrahub.domain.messages.fields import InvalidField

CNPJ = "05927228000145"
ANA = Caller(None, name="Ana", address="10.0.0.1")
OWN = PharmacySettings("Sol", "Manaus", "AM", "America/Manaus", Decimal("0.05"), 10, "5/second")
OF_THE_HUB = PharmacySettings("Sol", "", "", "America/Sao_Paulo", None, None, None)
ANY = {"actor": None, "action": None, "subject": None}


async def test_settings_are_replaced_as_a_whole_and_audited(database: Database) -> None:
    admin = PharmacyAdmin(database, Audit(database))
    await pharmacies.find_or_create(database, CNPJ, "Old")
    changed = await admin.replace(ANA, CNPJ, OWN)
    assert (changed.deactivation_limit, changed.full_window_minutes, changed.rate_limit) == (
        Decimal("0.05"),
        10,
        "5/second",
    )
    back = await admin.replace(ANA, CNPJ, OF_THE_HUB)
    assert (back.deactivation_limit, back.full_window_minutes, back.rate_limit, back.city) == (None, None, None, "")
    entry = (await audit_log.fetch_page(database, ANY, None, 1))[0]
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == ("Ana", "pharmacy.put", CNPJ, "done")
    assert (entry.before["rate_limit"], entry.after["rate_limit"]) == ("5/second", None)


async def test_settings_of_a_pharmacy_that_is_not_registered_are_refused(database: Database) -> None:
    with pytest.raises(NotFound):
        await PharmacyAdmin(database, Audit(database)).replace(ANA, CNPJ, OWN)
    assert await pharmacies.find(database, CNPJ) is None


def test_time_zones_and_rates_are_checked() -> None:
    assert (check_time_zone("America/Manaus"), check_rate("100/minute")) == ("America/Manaus", "100/minute")
    for check in (check_time_zone, check_rate):
        with pytest.raises(InvalidField):
            check("manaus")
