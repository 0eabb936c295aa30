"""Addresses that no page wrote: each is answered, none by an error of the hub."""

from itertools import product as combine

from integrahub.domain import cursors
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub
from tests.console.troubles import add_delivery, add_endpoint, add_letter
from tests.integration.conftest import CNPJ
from tests.integration.test_flow import catalogue, product

_NAMES = (
    *("q", "since", "until", "status", "load_type", "error", "sort", "cnpj", "code", "severity", "record", "kind"),
    *("field", "blocks", "cause", "state", "actor", "action", "subject", "range", "tab", "ean", "active", "pharmacy"),
    *("uf", "event", "endpoint", "in_stock", "settings", "removed", "id", "batch_id"),
)
_TEXTS = ("\0", "0001-01-01", "9999-12-31T23:59:59-12:00", "9" * 40, "%", "\u202e")
_VALUES = ("x", "nan", "9999-12-31T23:59:59-12:00", "0001-01-01", 10**30, -1)
_CURSORS = [cursors.encode(*values) for size in (1, 2, 3) for values in combine(_VALUES[:5], repeat=size)][::3]


async def test_no_text_and_no_cursor_of_an_address_is_an_error_of_the_hub(console: ConsoleHub) -> None:
    await console.api.load(catalogue(60))
    batch = (await console.api.load([product(1, PRICE="x"), product(2)], "delta"))["batch_id"]
    held = (await console.api.load(catalogue(20)))["batch_id"]
    letter, endpoint = await add_letter(console, batch), await add_endpoint(console, CNPJ)
    delivery, one = await add_delivery(console, endpoint), f"/console/pharmacies/{CNPJ}"
    paths = [
        f"/console/batches/{batch}",
        f"/console/batches/{held}?tab=changes",
        f"/console/batches/{batch}?tab=blocks",
    ]
    paths += ["/console", "/console/batches", "/console/decisions", f"/console/decisions/{held}", "/console/failures"]
    paths += [f"/console/failures/dead-letters/{letter}", "/console/failures/replays", "/console/failures/replay"]
    paths += ["/console/pharmacies", one, f"{one}?tab=rejected", f"{one}/products", f"{one}/products/1", "/console/me"]
    paths += [f"{one}/products/1?tab=history", "/console/webhooks", "/console/webhooks/deliveries", "/console/search"]
    paths += [f"/console/webhooks/{endpoint}", f"/console/webhooks/deliveries/{delivery}", "/console/audit"]
    paths += ["/console/system", "/console/users", "/console/products"]
    admin = await console.browser(Role.ADMIN)
    for path in paths:
        for text in _TEXTS:
            answer = await admin.http.get(path, params=dict.fromkeys(_NAMES, text))
            assert answer.status_code < 500, (path, text)
        for cursor in _CURSORS[:: 1 if path.endswith(("batches", "deliveries", "held", "decisions")) else 7]:
            answer = await admin.http.get(path, params={"cursor": cursor, "top": cursor})
            assert answer.status_code < 500, (path, cursor)
