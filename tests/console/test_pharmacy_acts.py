"""Acts on a pharmacy: by role, audited as the person, and without effect if they are refused."""

import re
from typing import Any

import pytest

from integrahub.db.accounts import audit_log, pharmacies, users
from integrahub.db.accounts.rows import AuditEntry, Pharmacy
from integrahub.db.console import pharmacies as console_pharmacies
from integrahub.db.console.pharmacies_rows import PharmacyKey
from integrahub.domain.people.roles import Role
from integrahub.secrets.passwords import PasswordHasher
from tests.console.hub import Browser, ConsoleHub, Page
from tests.integration.conftest import CNPJ

PASSWORD = "uma frase bem comprida"
PAGE = f"/console/pharmacies/{CNPJ}"
ANY = {"actor": None, "action": None, "subject": None}
SETTINGS = {
    "name": "Farmácia Sol",
    "city": "Manaus",
    "state": "AM",
    "time_zone": "America/Manaus",
    "deactivation_limit": "12,5 %",
    "full_window_minutes": "10",
    "rate_limit": "5/second",
}


async def _newest(console: ConsoleHub) -> AuditEntry:
    return (await audit_log.fetch_page(console.api.hub.all_tenants, ANY, None, 1))[0]


async def _pharmacy(console: ConsoleHub) -> Pharmacy:
    pharmacy = await pharmacies.find(console.api.hub.all_tenants, CNPJ)
    assert pharmacy
    return pharmacy


async def _add_webhook(console: ConsoleHub, state: str = "enabled") -> None:
    await console.run(
        "INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, description, sealed_secret, state, "
        "disabled_at, disabled_reason) SELECT 'pharmacy', id, 'https://erp.example/hook', 'erp.example:443', "
        "'{batch.completed}', '', '', %s, CASE %s WHEN 'disabled' THEN now() END, "
        "CASE %s WHEN 'disabled' THEN 'failing' END FROM pharmacies",
        state,
        state,
        state,
    )


async def _deliveries(console: ConsoleHub) -> list[Any]:
    return await console.run("SELECT id, event, state, attempts_before FROM webhook_deliveries ORDER BY created_at, id")


async def test_settings_are_saved_as_a_whole_and_audited_as_the_person(console: ConsoleHub) -> None:
    admin = await console.browser(Role.ADMIN)
    page = await admin.post(f"{PAGE}/settings", **SETTINGS)
    assert page.status == 200 and "The settings are saved" in page.text
    pharmacy = await _pharmacy(console)
    assert (pharmacy.name, pharmacy.city, pharmacy.time_zone) == ("Farmácia Sol", "Manaus", "America/Manaus")
    assert (float(pharmacy.deactivation_limit or 0), pharmacy.full_window_minutes) == (0.125, 10)
    assert 'value="12.5"' in page.html and 'value="5/second"' in page.html
    entry = await _newest(console)
    assert admin.user and (entry.actor, entry.address) == (admin.user.name, "127.0.0.1")
    assert (entry.action, entry.subject, entry.outcome) == ("pharmacy.put", CNPJ, "done")
    assert entry.before["city"] == "" and entry.after["city"] == "Manaus"


async def test_an_empty_setting_is_that_of_the_hub(console: ConsoleHub) -> None:
    admin = await console.browser(Role.ADMIN)
    await admin.post(f"{PAGE}/settings", **SETTINGS)
    empty = dict.fromkeys(("deactivation_limit", "full_window_minutes", "rate_limit"), "")
    page = await admin.post(f"{PAGE}/settings", **SETTINGS | empty)
    pharmacy = await _pharmacy(console)
    assert (pharmacy.deactivation_limit, pharmacy.full_window_minutes, pharmacy.rate_limit) == (None, None, None)
    assert "that of the hub, 15.0 %" in page.text and "that of the hub, 100/minute" in page.text


async def test_a_wrong_setting_is_shown_beside_its_field_and_nothing_is_saved(console: ConsoleHub) -> None:
    admin, before = await console.browser(Role.ADMIN), await _pharmacy(console)
    wrong = {
        "name": "",
        "time_zone": "Mars/Base",
        "deactivation_limit": "101",
        "full_window_minutes": "1.5",
        "rate_limit": "<b>often</b>",
    }
    page = await admin.post(f"{PAGE}/settings", **SETTINGS | wrong)
    assert page.status == 400
    for sentence in (
        "at least 1 character",
        "is not a time zone",
        "the maximum is 100",
        "a whole number",
        "not a rate",
    ):
        assert sentence in page.text, sentence
    assert page.html.count('aria-invalid="true"') == 5 and 'value="Mars/Base"' in page.html
    assert "<b>often" not in page.html
    assert await _pharmacy(console) == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_settings_of_a_pharmacy_are_for_administrators(console: ConsoleHub, role: Role) -> None:
    before, browser = await _pharmacy(console), await console.browser(role)
    assert (await browser.post(f"{PAGE}/settings", **SETTINGS)).status == 403
    assert await _pharmacy(console) == before
    page = await browser.get(f"{PAGE}?tab=settings")
    assert "America/Sao_Paulo" in page.text and 'action="/console/pharmacies' not in page.html


async def test_an_operator_tests_the_webhook_of_a_pharmacy(console: ConsoleHub) -> None:
    await _add_webhook(console)
    operator = await console.browser(Role.OPERATOR)
    page = await operator.post(f"{PAGE}/webhook/test")
    assert "The test event is being sent" in page.text and "webhook.test" in page.text
    assert len(await _deliveries(console)) == 1
    entry = await _newest(console)
    assert (entry.action, entry.subject, entry.outcome) == ("webhook.test", CNPJ, "done")


async def test_a_suspended_webhook_is_enabled_and_not_tested(console: ConsoleHub) -> None:
    await _add_webhook(console, "disabled")
    operator = await console.browser(Role.OPERATOR)
    page = await operator.get(f"{PAGE}?tab=webhook")
    assert "suspended" in page.text and f'{PAGE}/webhook/test"' not in page.html
    await operator.post(f"{PAGE}/webhook/test")
    assert await _deliveries(console) == [] and (await _newest(console)).outcome == "webhook_closed"
    assert "is enabled" in (await operator.post(f"{PAGE}/webhook/enable")).text
    ((state,),) = [tuple(row.values()) for row in await console.run("SELECT state FROM webhook_endpoints")]
    assert state == "enabled"


async def test_a_delivery_of_another_pharmacy_is_not_sent_again(console: ConsoleHub) -> None:
    await _add_webhook(console)
    operator = await console.browser(Role.OPERATOR)
    await operator.post(f"{PAGE}/webhook/test")
    (delivery,) = await _deliveries(console)
    await console.run("UPDATE webhook_deliveries SET state = 'failed', next_attempt_at = NULL, ended_at = now()")
    await console.run("INSERT INTO pharmacies (cnpj, name) VALUES ('11222333000181', 'Moon')")
    other = f"/console/pharmacies/11222333000181/webhook/deliveries/{delivery['id']}/replay"
    assert "is being sent again" not in (await operator.post(other)).text
    assert (await _deliveries(console))[0]["state"] == "failed"
    page = await operator.post(f"{PAGE}/webhook/deliveries/{delivery['id']}/replay")
    assert "is being sent again" in page.text and (await _deliveries(console))[0]["state"] == "pending"


@pytest.mark.parametrize("act", ["test", "enable", "deliveries/01890000-0000-7000-8000-000000000000/replay"])
async def test_a_viewer_performs_no_act_on_a_webhook(console: ConsoleHub, act: str) -> None:
    await _add_webhook(console)
    viewer = await console.browser(Role.VIEWER)
    assert (await viewer.post(f"{PAGE}/webhook/{act}")).status == 403
    assert await _deliveries(console) == []
    assert "<form method" not in (await viewer.get(f"{PAGE}?tab=webhook")).html.partition("<main")[2]


async def _with_password(console: ConsoleHub, role: Role = Role.ADMIN) -> Browser:
    browser = await console.browser(role)
    assert browser.user
    await users.set_password(console.api.hub.database, browser.user.id, await PasswordHasher().hash(PASSWORD))
    return browser


async def _keys(console: ConsoleHub) -> list[PharmacyKey]:
    return await console_pharmacies.fetch_keys(console.api.hub.all_tenants, CNPJ)


def _new_key(page: Page) -> str:
    found = re.search(r'<code class="new-key">(\w+)</code>', page.html)
    assert found, page.text
    return found[1]


async def test_a_new_key_is_shown_once_and_posts_for_the_pharmacy(console: ConsoleHub) -> None:
    admin = await console.browser(Role.ADMIN)
    page = await admin.post(f"{PAGE}/keys")
    console.api.key = key = _new_key(page)
    assert (await console.api.load([{"PRODUCTID": 1, "TITLE": "A"}]))["status"] == "COMPLETED"
    assert page.answer.headers["Cache-Control"] == "no-store"
    assert "hx-get" not in page.html and "data-pause" not in page.html  # nothing to poll at the form's address
    assert key not in (await admin.get(f"{PAGE}?tab=keys")).html
    assert key not in str(await console.run("SELECT * FROM audit_log"))
    entry = await _newest(console)
    assert admin.user and (entry.actor, entry.action, entry.subject) == (admin.user.name, "key.create", CNPJ)


async def test_a_rotated_key_ends_in_the_chosen_time_and_its_successor_is_shown(console: ConsoleHub) -> None:
    admin, (old,) = await console.browser(Role.ADMIN), await _keys(console)
    key = _new_key(await admin.post(f"{PAGE}/keys/{old.id}/rotate", hours="24"))
    new, ending = await _keys(console)
    assert ending.expires_at and new.replaces == old.id and new.hint[:-1] in key
    await admin.post(f"{PAGE}/keys/{new.id}/rotate", hours="")
    assert (await _keys(console))[1].expires_at is None


async def test_a_revoked_key_is_refused(console: ConsoleHub) -> None:
    admin, (key,) = await console.browser(Role.ADMIN), await _keys(console)
    page = await admin.post(f"{PAGE}/keys/{key.id}/revoke")
    assert "The key is revoked" in page.text and (await _keys(console))[0].revoked_at
    assert (await _newest(console)).action == "key.revoke"
    again = await admin.post(f"{PAGE}/keys/{key.id}/revoke")
    assert "The key is revoked" not in again.text


@pytest.mark.parametrize("act", ["", "/{id}/rotate", "/{id}/revoke"])
async def test_acts_on_keys_ask_for_the_password_again_after_ten_minutes(console: ConsoleHub, act: str) -> None:
    admin, (key,) = await _with_password(console), await _keys(console)
    path = f"{PAGE}/keys{act.format(id=key.id)}"
    await console.run("UPDATE user_sessions SET confirmed_at = now() - interval '11 minutes'")
    assert "Your password again" in (await admin.get(f"{PAGE}?tab=keys")).text
    for sent in ({}, {"password_again": "not this"}):
        page = await admin.post(path, **sent)
        assert "Nothing was done" in page.text
        (same,) = await _keys(console)
        assert (same.revoked_at, same.expires_at) == (None, None)
        refused = await _newest(console)
        assert refused.action.startswith("key.") and refused.outcome in ("password_needed", "password_wrong")
    await admin.post(path, password_again=PASSWORD)
    keys = await _keys(console)
    assert len(keys) == 2 or keys[0].revoked_at


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_keys_are_for_administrators(console: ConsoleHub, role: Role) -> None:
    browser, (key,) = await console.browser(role), await _keys(console)
    for act in ("", f"/{key.id}/rotate", f"/{key.id}/revoke"):
        assert (await browser.post(f"{PAGE}/keys{act}")).status == 403
    assert await _keys(console) == [key]
    page = await browser.get(f"{PAGE}?tab=keys")
    assert key.hint in page.text and "<form method" not in page.html.partition("<main")[2]


async def test_a_key_of_another_pharmacy_is_not_ended_from_this_one(console: ConsoleHub) -> None:
    other = await console.api.admin("POST", "/admin/pharmacies/11222333000181/api-key")
    (moon,) = await console_pharmacies.fetch_keys(console.api.hub.all_tenants, "11222333000181")
    admin = await console.browser(Role.ADMIN)
    for act in ("revoke", "rotate"):
        page = await admin.post(f"{PAGE}/keys/{moon.id}/{act}")
        assert "new-key" not in re.findall(r'class="([^"]+)"', page.html)
    console.api.key = other["api_key"]
    assert (await console.api.load([{"PRODUCTID": 1, "TITLE": "A"}]))["status"] == "COMPLETED"
    assert len(await console_pharmacies.fetch_keys(console.api.hub.all_tenants, "11222333000181")) == 1
