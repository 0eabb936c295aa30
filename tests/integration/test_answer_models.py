"""Test that the answer of each route has the members that /openapi.json describes, in the same order."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from integrahub.db.chunks import dead_letters
from integrahub.domain.events import BATCHES_RECEIVED, DeadMessage
from integrahub.domain.steps import STEPS
from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, PATH, Client, running

_OTHER_CNPJ = "12ABC34501DE35"
_NOT_JSON = {"get /metrics", "get /v1/batches/{batch_id}/events", "get /schemas/inovafarma-product.json"}
# Members that an answer has only in some states.
_OPTIONAL = {"message", "receipt", "dry_run", "breaker", "checks", "body", "stack"}


def _differences(value: Any, schema: dict[str, Any], models: dict[str, Any], place: str) -> Iterator[str]:
    """Yield the members of an answer that its schema does not describe, and those that are missing or out of order."""
    while "$ref" in schema:
        schema = models[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        found = [list(_differences(value, each, models, place)) for each in schema["anyOf"]]
        yield from min(found, key=len)
    elif schema.get("type") == "array" and isinstance(value, list):
        for item in value:
            yield from _differences(item, schema.get("items", {}), models, f"{place}[]")
    elif "properties" in schema and isinstance(value, dict):
        described = [name for name in schema["properties"] if name in value or name not in _OPTIONAL]
        if list(value) != described:
            yield f"{place}: {list(value)} is not {described}"
        for name in set(value) & set(described):
            yield from _differences(value[name], schema["properties"][name], models, f"{place}.{name}")
    elif isinstance(schema.get("additionalProperties"), dict) and isinstance(value, dict):
        for item in value.values():
            yield from _differences(item, schema["additionalProperties"], models, f"{place}{{}}")
    elif not _fits(value, schema):
        yield f"{place}: {value!r} is not {schema}"


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    kinds = {"string": str, "integer": int, "number": int | float, "boolean": bool, "null": type(None)}
    kinds |= {"object": dict, "array": list}
    kind = schema.get("type")
    if kind is not None and not isinstance(value, kinds[kind]):
        return False
    return "enum" not in schema or value in schema["enum"]


class _Routes:
    """Send requests as the operator and compare each answer with the model of its route."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._document = client.app.openapi()
        self.seen: set[str] = set()
        self.differences: list[str] = []

    @property
    def documented(self) -> set[str]:
        return {f"{verb} {path}" for path, verbs in self._document["paths"].items() for verb in verbs}

    async def call(self, verb: str, route: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        headers = {"X-Admin-Api-Key": ADMIN}
        answer = await self._client.http.request(verb, path or route, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        self.check(verb, route, answer.json(), status)
        return answer.json()

    def check(self, verb: str, route: str, answer: Any, status: int = 200) -> None:
        self.seen.add(f"{verb} {route}")
        operation = self._document["paths"][route][verb]
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        assert schema, route
        self.differences += _differences(answer, schema, self._document["components"]["schemas"], f"{verb} {route}")


def _records(count: int) -> list[dict[str, Any]]:
    return [{"PRODUCTID": number, "TITLE": f"Product {number}", "PRICE": 1.5} for number in range(1, count + 1)]


async def _call_pharmacies_and_keys(routes: _Routes) -> None:
    await routes.call("post", "/admin/pharmacies/api-key", body={"cnpj": _OTHER_CNPJ})
    await routes.call("post", "/admin/pharmacies/{cnpj}/api-key", f"/admin/pharmacies/{CNPJ}/api-key")
    await routes.call("put", "/admin/pharmacies/{cnpj}", f"/admin/pharmacies/{CNPJ}", {"deactivation_limit": 0.15})
    await routes.call("get", "/admin/pharmacies/{cnpj}", f"/admin/pharmacies/{CNPJ}")
    await routes.call("get", "/admin/pharmacies")
    await routes.call("get", "/admin/pharmacies", "/admin/pharmacies?silent=true")
    created = await routes.call("post", "/admin/keys", body={"cnpjs": "all", "expires_at": "2099-03-01T10:00:00Z"})
    rotate = f"/admin/keys/{created['id']}/rotate"
    await routes.call("post", "/admin/keys/{key_id}/rotate", rotate, {"old_ends_in_hours": 1})
    await routes.call("delete", "/admin/keys/{key_id}", f"/admin/keys/{created['id']}")
    await routes.call("get", "/admin/keys")


async def _call_batches(routes: _Routes, client: Client) -> None:
    broken = [{"PRODUCTID": 99, "TITLE": "Broken", "PRICE": "?"}, {"TITLE": "No id"}]
    first = await client.post(_records(30) + broken)
    routes.check("post", PATH, first.json(), 202)
    batch = await client.finished(first.json()["batch_id"])
    held = await client.load(_records(10))
    assert batch["rejected"] == 2 and held["deactivation"]["state"] == "held"
    failed = await client.load([{"PRODUCTID": 99, "TITLE": "Broken", "PRICE": "?"}], "delta")
    assert failed["error"]
    base = "/v1/batches/{batch_id}"
    await routes.call("get", "/v1/batches")
    await routes.call("get", base, f"/v1/batches/{held['batch_id']}")
    await routes.call("get", f"{base}/errors", f"/v1/batches/{batch['batch_id']}/errors")
    await routes.call("get", f"{base}/receipt", f"/v1/batches/{batch['batch_id']}/receipt")
    await routes.call("get", "/.well-known/jwks.json")
    await routes.call("get", f"{base}/rejected", f"/v1/batches/{batch['batch_id']}/rejected")
    dry = await client.load([{"PRODUCTID": 1, "PRICE": 2}], "delta", **{"X-Inova-Dry-Run": "true"})
    await routes.call("get", f"{base}/changes", f"/v1/batches/{dry['batch_id']}/changes")
    absent = f"{base}/deactivation/products"
    await routes.call("get", absent, f"/v1/batches/{held['batch_id']}/deactivation/products")
    decision = f"/v1/batches/{held['batch_id']}/deactivation"
    await routes.call("post", f"{base}/deactivation", decision, {"decision": "approve"})
    await routes.call("post", f"{base}/replay", f"/v1/batches/{batch['batch_id']}/replay", status=202)
    await routes.call("get", "/v1/products", f"/v1/products?cnpj={CNPJ}&limit=1")
    await routes.call("get", "/v1/products/{product_id}", f"/v1/products/1?cnpj={CNPJ}")
    feed, changed = "/v1/products/changes", await client.load([_records(1)[0] | {"PRICE": 9}], "delta")
    assert changed["updated"] == 1
    page = await routes.call("get", feed, f"{feed}?cnpj={CNPJ}")
    await routes.call("get", feed, f"{feed}?cnpj={CNPJ}&cursor={page['next_cursor']}")
    await routes.call("get", "/v1/products/{product_id}/history", f"/v1/products/1/history?cnpj={CNPJ}")
    await routes.call("get", "/admin/tables/products")


async def _call_webhooks(routes: _Routes) -> None:
    wanted, one = {"url": "http://127.0.0.1:9/hook"}, f"?cnpj={CNPJ}"
    for base, query in (("/v1/webhook", one), ("/admin/webhook", "")):
        await routes.call("put", base, base + query, wanted)
        await routes.call("get", base, base + query)
        test = await routes.call("post", f"{base}/test", f"{base}/test{query}", status=202)
        await routes.call("post", f"{base}/rotate", f"{base}/rotate{query}")
        await routes.call("post", f"{base}/enable", f"{base}/enable{query}")
        replay = {"since": "2026-03-01T10:00:00Z"}
        await routes.call("post", f"{base}/replay", f"{base}/replay{query}", replay, status=202)
        delivery = f"/v1/webhook/deliveries/{test['delivery_id']}"
        await routes.call("get", "/v1/webhook/deliveries")
        await routes.call("get", "/v1/webhook/deliveries/{delivery_id}", delivery)
        await routes.call("post", "/v1/webhook/deliveries/{delivery_id}/replay", f"{delivery}/replay", status=202)
        await routes.call("delete", base, base + query)


async def _call_dead_letters(routes: _Routes, client: Client) -> None:
    facts = ("ValueError", "message_unreadable", "worker:decode", "Expected JSON", "stack")
    dead = DeadMessage(uuid4(), BATCHES_RECEIVED, b"{", uuid4().hex, datetime.now(UTC), *facts)
    await dead_letters.add_message(client.hub.all_tenants, dead)
    await dead_letters.group_new(client.hub.all_tenants)
    page = await routes.call("get", "/v1/dead-letters")
    letter = page["items"][0]["id"]
    await routes.call("get", "/v1/dead-letters/{letter_id}", f"/v1/dead-letters/{letter}")
    await routes.call("get", "/v1/dead-letters/groups")
    replay = await routes.call("post", "/v1/dead-letters/replay", body={"filter": {"ids": [letter]}}, status=202)
    base, operation = "/v1/dead-letters/replays", replay["operation_id"]
    await routes.call("get", base)
    await routes.call("get", f"{base}/{{operation_id}}", f"{base}/{operation}")


async def test_each_answer_has_the_members_that_its_model_describes(settings: Settings) -> None:
    seen: set[str] = set()
    async with running(settings, []) as client:  # no step runs, so the batch can be cancelled
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        routes = _Routes(client)
        posted = (await client.post(_records(1))).json()["batch_id"]
        await routes.call("post", "/v1/batches/{batch_id}/cancel", f"/v1/batches/{posted}/cancel")
        await _call_dead_letters(routes, client)
        (operation,) = (await client.admin("GET", "/v1/dead-letters/replays"))["items"]
        stop = f"/v1/dead-letters/replays/{operation['id']}/stop"
        await routes.call("post", "/v1/dead-letters/replays/{operation_id}/stop", stop)
        assert routes.differences == []
        seen |= routes.seen
    receipt_key = base64.b64encode(bytes(32)).decode()
    changes = {"public_url": "https://hub.example", "webhook_allow": AllowedTargets.parse(["127.0.0.1"])}
    complete = settings.model_copy(update=changes | {"receipt_key": receipt_key})
    async with running(complete, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        routes = _Routes(client)
        await _call_pharmacies_and_keys(routes)
        await _call_batches(routes, client)
        await _call_webhooks(routes)
        for path in ("/admin/audit", "/health", "/livez", "/readyz"):
            await routes.call("get", path)
        assert routes.differences == []
        seen |= routes.seen
        assert routes.documented - seen == _NOT_JSON
