"""Unknown parameters and members: ignored and listed for older clients, refused elsewhere."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, PATH, Client, running

_NOBODY = "00000000-0000-4000-8000-000000000000"
_ONE = [{"PRODUCTID": 1, "TITLE": "SORO"}]


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Client]:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _asked(door: Client, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {ADMIN}", "X-Inova-Load-Type": "delta", "Accept-Language": "pt-BR"}
    return await door.http.request(method, path, json=body, headers=headers)


async def test_what_older_clients_send_is_ignored_and_named(door: Client) -> None:
    cases: list[tuple[str, str, Any, str | None]] = [
        ("GET", f"/v1/products?cnpj={CNPJ}&nome=dipirona&_=1", None, "ignored unknown parameters: nome, _"),
        (
            "GET",
            f"/v1/products?cnpj={CNPJ}&a%0D%0AX-B:%20%C3%A9=1",
            None,
            "ignored unknown parameters: a%0D%0AX-B%3A%20%C3%A9",
        ),
        ("GET", f"/v1/products?cnpj={CNPJ}&limit=abc", None, None),
        ("POST", f"{PATH}?cnpj={CNPJ}&loja=3", _ONE, "ignored unknown parameters: loja"),
        ("POST", f"{PATH}?cnpj={CNPJ}", _ONE, None),
        (
            "POST",
            f"/admin/pharmacies/{CNPJ}/api-key?x=1",
            {"chave": "12345678"},
            "ignored unknown members: chave; ignored unknown parameters: x",
        ),
        ("POST", "/admin/pharmacies/api-key", {"cnpj": CNPJ, "nome": "x"}, "ignored unknown members: nome"),
        ("POST", f"/admin/pharmacies/{CNPJ}/api-key", None, None),
    ]
    for method, path, body, told in cases:
        answer = await _asked(door, method, path, body)
        assert (answer.is_success, answer.headers.get("X-Inova-Notice")) == (True, told), (path, answer.text)


async def test_elsewhere_an_unknown_name_is_refused_with_the_nearest_one(door: Client) -> None:
    cases: list[tuple[str, str, Any, str, str]] = [
        ("GET", "/v1/batches?limt=5", None, "'limt'", "o mais parecido é 'limit'"),
        ("GET", "/v1/batches?CNPJ=5", None, "'CNPJ'", "o mais parecido é 'cnpj'"),
        ("GET", "/v1/batches?xyz=5", None, "'xyz'", "os conhecidos são cnpj, "),
        ("GET", f"/v1/batches/{_NOBODY}?x=1", None, "'x'", "esta rota não tem nenhum"),
        ("GET", "/admin/pharmacies?curso=1", None, "'curso'", "o mais parecido é 'cursor'"),
        ("PUT", f"/admin/pharmacies/{CNPJ}", {"nome": "x"}, "'nome'", "o mais parecido é 'name'"),
        ("PUT", f"/admin/pharmacies/{CNPJ}", {"foo": 1}, "'foo'", "os conhecidos são city, "),
        ("POST", "/admin/keys", {"cnpjs": "all", "escopos": []}, "'escopos'", "o mais parecido é 'scopes'"),
        ("POST", "/v1/dead-letters/replay", {"filter": {"id": [1]}}, "'id'", "o mais parecido é 'ids'"),
    ]
    for method, path, body, named, near in cases:
        answer = await _asked(door, method, path, body)
        assert answer.status_code == 400 and answer.json()["error"] == "Bad Request"
        assert named in answer.json()["message"] and near in answer.json()["message"], answer.text


async def test_who_has_no_key_learns_no_names(door: Client) -> None:
    answer = await door.http.get("/v1/batches?limt=5")
    assert answer.status_code == 401


async def test_a_monitor_may_add_what_it_likes_to_a_route_without_key(door: Client) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/docs"):
        assert (await door.http.get(f"{path}?_=1")).status_code == 200
