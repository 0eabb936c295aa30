"""Times in responses: UTC, milliseconds, `Z`."""

import re
from collections.abc import Iterator
from typing import Any

from tests.integration.conftest import ADMIN, CNPJ, Client

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ITSELF = {"rawJson", "before", "after"}  # as a client sent it, and notes of what the operator changed


def _times(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in _ITSELF:
                yield from _times(item, f"{name}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _times(item, name)
    elif isinstance(value, str) and _TIME.match(value):
        yield name, value


async def test_every_time_in_every_answer_has_one_form(client: Client) -> None:
    receipt = (await client.post([{"PRODUCTID": 1, "TITLE": "A"}])).json()
    batch = await client.finished(receipt["batch_id"])
    key = await client.admin("POST", "/admin/keys", {"cnpjs": "all", "expires_at": "2099-03-01T10:00:00-03:00"})
    headers = {"Authorization": f"Bearer {ADMIN}"}
    replayed = await client.http.post(f"/v1/batches/{batch['batch_id']}/replay", headers=headers)
    put = await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"name": "Farmácia"})
    answers = [receipt, batch, key, replayed.json(), put]
    for path in ("/v1/batches", f"/v1/products?cnpj={CNPJ}", "/admin/pharmacies", f"/admin/pharmacies/{CNPJ}"):
        answers.append((await client.http.get(path, headers=headers)).json())
    for path in ("/admin/keys", "/admin/audit", "/v1/dead-letters", "/v1/dead-letters/groups", "/health"):
        answers.append((await client.http.get(path, headers=headers)).json())
    found = [time for answer in answers for time in _times(answer)]
    assert len(found) > 20
    assert [(name, time) for name, time in found if not _FORM.fullmatch(time)] == []
    assert key["expires_at"] == "2099-03-01T13:00:00.000Z"
