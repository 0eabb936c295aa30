"""Every route with every kind of key: other pharmacies' data are refused, and their existence is not revealed."""

import re
from typing import Any
from uuid import uuid4

import pytest

from integrahub.api.app import build_openapi, create_app
from integrahub.domain.api_keys import Scope
from tests.integration.conftest import ADMIN, CNPJ, Client

OTHER = "33000167000101"
THIRD = "11222333000181"
_OPEN = {"/.well-known/jwks.json", "/health", "/livez", "/readyz", "/metrics", "/schemas/inovafarma-product.json"}
_OF_CLIENTS = {
    "/v1/products",
    "/v1/products/{product_id}",
    "/v1/products/{product_id}/history",
    "/v1/products/changes",
    "/v1/batches",
    "/v1/inovafarma/products",
}
_WEBHOOKS = {f"/v1/webhook{name}" for name in ("", "/rotate", "/test", "/enable", "/replay", "/deliveries")}
_BODIES: dict[str, Any] = {
    "/v1/batches/{batch_id}/deactivation": {"decision": "approve"},
    "/v1/dead-letters/replay": {"filter": {"cnpj": CNPJ}},
    "/admin/keys": {"cnpjs": [CNPJ]},
    "/admin/pharmacies/{cnpj}": {"name": "taken over"},
    "/admin/pharmacies/api-key": {"cnpj": CNPJ},
    "/v1/webhook": {"url": "https://8.8.8.8/taken-over"},
    "/admin/webhook": {"url": "https://8.8.8.8/taken-over"},
    "/v1/webhook/replay": {"since": "2026-03-01T10:00:00Z"},
    "/admin/webhook/replay": {"since": "2026-03-01T10:00:00Z"},
}
_READS = {"GET"}
_UUIDS = ("batch_id", "key_id", "delivery_id", "operation_id")


def _routes(client: Client) -> list[tuple[str, str]]:
    document = build_openapi(create_app(client.hub, client.hub.ingest()))
    operations = [
        (verb.upper(), path, told) for path, verbs in document["paths"].items() for verb, told in verbs.items()
    ]
    assert {path for _, path, told in operations if told.get("security") == []} == _OPEN
    return [(verb, path) for verb, path, _ in operations if path not in _OPEN]


async def _keys(client: Client) -> dict[str, str]:
    """Return a key of each kind that is not for the pharmacy CNPJ."""
    wanted: dict[str, Any] = {
        "another's": {"cnpjs": [OTHER]},
        "of several others": {"cnpjs": [OTHER, THIRD]},
        "another's, to read": {"cnpjs": [OTHER], "scopes": ["read"]},
        "another's, to post": {"cnpjs": [OTHER], "scopes": ["ingest"]},
    }
    return {name: (await client.admin("POST", "/admin/keys", asked))["api_key"] for name, asked in wanted.items()}


def _told(answer: Any) -> str:
    """Return the content of a response without its random parts."""
    return re.sub(r"[0-9a-f]{32}|[0-9a-f-]{36}", "", answer.text)


async def test_no_route_gives_or_changes_anything_of_another_pharmacy(client: Client) -> None:
    await client.admin("PUT", f"/admin/pharmacies/{OTHER}", {"name": "Other"})
    batch = (await client.load([{"PRODUCTID": 1, "TITLE": "SECRET-TITLE"}]))["batch_id"]
    before = await client.get(f"/v1/batches/{batch}"), await client.products()
    routes, keys = _routes(client), await _keys(client)
    assert len(routes) > 20
    for name, key in keys.items():
        for verb, path in routes:
            answers = [
                await client.http.request(
                    verb,
                    path.format(**dict.fromkeys(_UUIDS, id_), cnpj=cnpj, letter_id=1, product_id=1),
                    params={"cnpj": cnpj} if path in _OF_CLIENTS or path in _WEBHOOKS else {},
                    json=_BODIES.get(path),
                    headers={"X-Api-Key": key, "X-Inova-Load-Type": "full"},
                )
                for id_, cnpj in ((batch, CNPJ), (str(uuid4()), CNPJ))
            ]
            assert {answer.status_code for answer in answers} <= {400, 403, 404}, (name, verb, path, answers[0].text)
            assert _told(answers[0]) == _told(answers[1]), (name, verb, path)
            assert "SECRET-TITLE" not in answers[0].text
    assert (await client.get(f"/v1/batches/{batch}"), await client.products()) == before
    assert (await client.admin("GET", f"/admin/pharmacies/{CNPJ}"))["name"] != "taken over"


async def test_a_client_is_refused_alike_whether_the_pharmacy_it_asks_for_is_known_or_not(client: Client) -> None:
    key = (await _keys(client))["another's"]
    for path in ("/v1/products", "/v1/batches"):
        answers = [await client.http.get(path, params={"cnpj": c}, headers={"X-Api-Key": key}) for c in (CNPJ, THIRD)]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert _told(answers[0]).replace(CNPJ, "") == _told(answers[1]).replace(THIRD, "")


@pytest.mark.parametrize("scope", [Scope.VIEWER, Scope.OPERATOR])
async def test_an_operators_key_changes_only_what_its_scope_allows(client: Client, scope: Scope) -> None:
    key = (await client.admin("POST", "/admin/keys", {"cnpjs": "all", "scopes": [scope]}))["api_key"]
    headers = {"X-Admin-Api-Key": key, "X-Inova-Load-Type": "full"}
    for verb, path in _routes(client):
        ids = dict.fromkeys(_UUIDS, uuid4())
        asked = path.format(**ids, cnpj=CNPJ, letter_id=1, product_id=1)
        body = _BODIES.get(path) if verb != "GET" else None
        answer = await client.http.request(verb, asked, json=body, headers=headers, params={"cnpj": CNPJ})
        keeps = path.startswith("/admin/keys") or path.endswith("api-key") or path == "/v1/inovafarma/products"
        keeps |= path.endswith(("/webhook", "/webhook/rotate"))
        allowed = verb in _READS or (scope is Scope.OPERATOR and not keeps)
        assert (answer.status_code != 403) == allowed, (verb, path, answer.text)


async def test_no_key_and_a_wrong_key_get_nothing_anywhere(client: Client) -> None:
    for verb, path in _routes(client):
        ids = dict.fromkeys(_UUIDS, uuid4())
        asked = path.format(**ids, cnpj=CNPJ, letter_id=1, product_id=1)
        answers = [
            await client.http.request(verb, asked, headers=headers, json=_BODIES.get(path))
            for headers in ({}, {"X-Api-Key": "not-a-key"}, {"Authorization": f"Basic {ADMIN}"})
        ]
        assert {answer.status_code for answer in answers} <= {401, 429}, (verb, path)
