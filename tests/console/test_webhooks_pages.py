"""Pages of webhooks: endpoints, deliveries, and what an operator orders of them."""

import re
from uuid import UUID

from integrahub.domain.people.roles import Role
from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.settings.model import Settings
from tests.console.hub import ConsoleHub, running_console
from tests.console.troubles import add_delivery, add_endpoint
from tests.integration.conftest import CNPJ

_OTHER = "33000167000101"


async def _state(console: ConsoleHub, delivery: UUID) -> str:
    (row,) = await console.run("SELECT state FROM webhook_deliveries WHERE id = %s", delivery)
    return str(row["state"])


async def _add_pharmacy(console: ConsoleHub, cnpj: str) -> None:
    await console.api.admin("PUT", f"/admin/pharmacies/{cnpj}", {"name": "Farmácia Lua"})


async def test_suspended_addresses_come_first_and_no_secret_of_their_urls_is_shown(console: ConsoleHub) -> None:
    viewer = await console.browser(Role.VIEWER)
    assert "set its address" in (await viewer.get("/console/webhooks")).text.replace("sets", "set")
    await add_endpoint(console, CNPJ)
    await _add_pharmacy(console, _OTHER)
    suspended = await add_endpoint(console, _OTHER, state="disabled", url="https://lua.example/hook?key=s3cret")
    page = await viewer.get("/console/webhooks")
    assert "1 address is suspended" in page.text and page.text.index("lua.example") < page.text.index("erp.example")
    assert "s3cret" not in page.html and "https://lua.example/hook?…" in page.text
    assert "erp.example" not in (await viewer.get("/console/webhooks", state="disabled")).text
    assert "lua.example" not in (await viewer.get("/console/webhooks", cnpj=CNPJ)).text
    whole = await viewer.get(f"/console/webhooks/{suspended}")
    assert "no success for days" in whole.text and "s3cret" not in whole.html
    assert f"{suspended}/enable" not in whole.html and "only an operator may act on it" in whole.text
    assert (await viewer.get(f"/console/webhooks/{UUID(int=1)}")).status == 404


async def test_the_heading_speaks_of_the_addresses_that_the_filter_finds(console: ConsoleHub) -> None:
    await _add_pharmacy(console, _OTHER)
    await add_endpoint(console, CNPJ)
    await add_endpoint(console, _OTHER, state="disabled")
    viewer = await console.browser(Role.VIEWER)
    for query in ({"state": "enabled"}, {"cnpj": CNPJ}):
        page = await viewer.get("/console/webhooks", **query)
        assert page.text.startswith("1 address matches") and "All addresses" not in page.text


async def test_an_administrator_sets_the_address_of_a_pharmacy_and_sees_its_secret_once(settings: Settings) -> None:
    own = {"public_url": "http://hub.example", "webhook_allow": AllowedTargets.parse(["127.0.0.1"])}
    async with running_console(settings.model_copy(update=own), []) as console:
        await _add_pharmacy(console, CNPJ)
        admin, path = await console.browser(Role.ADMIN), f"/console/pharmacies/{CNPJ}/webhook"
        fields = {"url": "https://127.0.0.1:8443/hook?token=s3cret", "event.batch.failed": "on"}
        page = await admin.post(path, **fields)
        (secret,) = re.findall(r'<code class="secret">(whsec_[^<]+)</code>', page.html)
        tab = await admin.get(f"/console/pharmacies/{CNPJ}?tab=webhook")
        assert "https://127.0.0.1:8443/hook?…" in tab.text and secret not in tab.html
        page = await admin.post(path, **fields)
        assert "its secret is the same as before" in page.text and "whsec_" not in page.html
        page = await admin.post("/console/webhooks/operator", url="https://127.0.0.1:8443/hub")
        assert "whsec_" in page.html and "operator of the hub" in (await admin.get("/console/webhooks")).text
        assert 'class="notice failed"' in (await admin.post(path, url="http://10.0.0.1/")).html
        entries = await console.run("SELECT * FROM audit_log WHERE action = 'webhook.put'")
        assert len(entries) == 3 and not any(text in str(entries) for text in ("s3cret", secret))
        (row,) = await console.run("SELECT events, url FROM webhook_endpoints WHERE owner = 'pharmacy'")
        assert row["events"] == ["batch.failed"] and row["url"].endswith("token=s3cret")


async def test_setting_an_address_asks_for_the_password_and_for_an_administrator(settings: Settings) -> None:
    own = {"public_url": "http://hub.example", "webhook_allow": AllowedTargets.parse(["127.0.0.1"])}
    async with running_console(settings.model_copy(update=own), []) as console:
        await _add_pharmacy(console, CNPJ)
        admin, operator = await console.browser(Role.ADMIN), await console.browser(Role.OPERATOR)
        await console.run("UPDATE user_sessions SET confirmed_at = now() - interval '11 minutes'")
        for path in (f"/console/pharmacies/{CNPJ}/webhook", "/console/webhooks/operator"):
            assert "Nothing was done" in (await admin.post(path, url="https://127.0.0.1:8443/hook")).text
            assert (await operator.post(path, url="https://127.0.0.1:8443/hook")).status == 403
        assert await console.run("SELECT FROM webhook_endpoints") == []
        outcomes = await console.run("SELECT outcome FROM audit_log WHERE action = 'webhook.put'")
        assert [row["outcome"] for row in outcomes] == ["password_needed"] * 2
        for page in ("/console/webhooks", f"/console/pharmacies/{CNPJ}?tab=webhook"):
            assert 'name="url"' in (await admin.get(page)).html and 'name="url"' not in (await operator.get(page)).html


async def test_deliveries_of_all_are_filtered_by_the_address_of_the_page(console: ConsoleHub) -> None:
    endpoint = await add_endpoint(console, CNPJ)
    delivery = await add_delivery(console, endpoint, answer="<script>alert(1)</script>")
    viewer, path = await console.browser(Role.VIEWER), f"/console/webhooks/deliveries/{delivery}"
    shown = {"state": "failed", "event": "batch.completed", "cnpj": CNPJ, "since": "24h", "endpoint": str(endpoint)}
    assert path in (await viewer.get("/console/webhooks/deliveries", **shown)).links
    for other in ({"state": "held"}, {"event": "key.expiring"}, {"cnpj": _OTHER}, {"since": "2999-01-01"}):
        assert path not in (await viewer.get("/console/webhooks/deliveries", **other)).links, other
    page = await viewer.get(path)
    assert (
        "HTTP 503" in page.text
        and "refused by the receiver" in page.text
        and "<script>alert" not in page.html
        and "batch.completed" in page.text
    )


async def test_an_operator_sends_a_delivery_again_and_a_viewer_cannot(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await _add_pharmacy(console, CNPJ)
        endpoint = await add_endpoint(console, CNPJ)
        delivery, other = await add_delivery(console, endpoint), await add_delivery(console, endpoint)
        viewer, operator = await console.browser(Role.VIEWER), await console.browser(Role.OPERATOR)
        path = f"/console/webhooks/deliveries/{delivery}"
        assert (await viewer.post(f"{path}/replay")).status == 403 and await _state(console, delivery) == "failed"
        page = await operator.post(f"{path}/replay")
        assert (page.status, await _state(console, delivery)) == (200, "pending") and "the next attempt is" in page.text
        page = await operator.post(f"/console/webhooks/{endpoint}/replay")
        assert "Deliveries that are sent again: 1." in page.text and await _state(console, other) == "pending"
        (entry, _) = await console.run("SELECT actor, outcome FROM audit_log WHERE action = 'webhook.replay'")
        assert operator.user and (entry["actor"], entry["outcome"]) == (operator.user.name, "done")


async def test_a_suspended_address_is_enabled_and_gets_what_it_missed(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await _add_pharmacy(console, CNPJ)
        endpoint = await add_endpoint(console, CNPJ, state="disabled")
        held = await add_delivery(console, endpoint, "held")
        viewer, operator = await console.browser(Role.VIEWER), await console.browser(Role.OPERATOR)
        for act in ("enable", "test", "replay"):
            assert (await viewer.post(f"/console/webhooks/{endpoint}/{act}")).status == 403
        refused = await operator.post(f"/console/webhooks/{endpoint}/test")
        assert 'class="notice failed"' in refused.html and await _state(console, held) == "held"
        again = await operator.post(f"/console/webhooks/deliveries/{held}/replay")
        assert 'class="notice failed"' in again.html and await _state(console, held) == "held"
        page = await operator.post(f"/console/webhooks/{endpoint}/enable")
        assert "Deliveries that are sent again: 1." in page.text and await _state(console, held) == "pending"
        page = await operator.post(f"/console/webhooks/{endpoint}/test")
        assert "webhook.test" in page.text and page.answer.url.path.startswith("/console/webhooks/deliveries/")


async def test_a_deleted_address_is_not_shown_and_cannot_be_ordered_about(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await _add_pharmacy(console, CNPJ)
        endpoint = await add_endpoint(console, CNPJ)
        await console.run("UPDATE webhook_endpoints SET deleted_at = now(), sealed_secret = NULL")
        await add_endpoint(console, CNPJ, url="https://new.example/hook")
        operator = await console.browser(Role.OPERATOR)
        assert "erp.example/hook" not in (await operator.get("/console/webhooks")).text
        for act in ("enable", "test", "replay"):
            assert (await operator.post(f"/console/webhooks/{endpoint}/{act}")).status == 404
        assert await console.run("SELECT FROM webhook_deliveries") == []
