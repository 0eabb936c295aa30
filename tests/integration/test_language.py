"""Language of every response: chosen by Accept-Language, named in Content-Language."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, PATH, Client, running
from tests.integration.listening import Wire, listening

_NOBODY = "00000000-0000-4000-8000-000000000000"
_ENGLISH = re.compile(r"\b(should|valid|input|expected|the|is|was|not found|method|or)\b", re.IGNORECASE)
_REFUSED: list[tuple[str, str, Any]] = [
    ("GET", "/nowhere", None),
    ("DELETE", "/v1/products", None),
    ("GET", "/v1/batches/abc", None),
    ("GET", f"/v1/batches/{_NOBODY}", None),
    ("GET", "/v1/batches?status=failed", None),
    ("GET", "/v1/batches?limit=abc", None),
    ("GET", "/v1/batches?limit=0", None),
    ("GET", "/v1/batches?limit=501", None),
    ("GET", "/v1/batches?since=1", None),
    ("GET", "/v1/batches?since=x", None),
    ("GET", f"/v1/batches/{_NOBODY}/errors?format=xls", None),
    ("GET", f"/v1/products?cnpj={CNPJ}&price_min=abc", None),
    ("GET", f"/v1/products?cnpj={CNPJ}&in_stock=x", None),
    ("GET", f"/v1/products?cnpj={CNPJ}&updated_since=x", None),
    ("PUT", f"/admin/pharmacies/{CNPJ}", b"{"),
    ("PUT", f"/admin/pharmacies/{CNPJ}", b"\xff"),
    ("PUT", f"/admin/pharmacies/{CNPJ}", b"[]"),
    ("PUT", f"/admin/pharmacies/{CNPJ}", b'"x"'),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"name": ""}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"name": "x" * 201}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"name": 7}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"time_zone": "Mars"}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"rate_limit": "many"}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"deactivation_limit": "x"}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1.5}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 10**30}),
    ("PUT", f"/admin/pharmacies/{CNPJ}", None),
    ("POST", "/admin/keys", {}),
    ("POST", "/admin/keys", {"cnpjs": []}),
    ("POST", "/admin/keys", {"cnpjs": "some"}),
    ("POST", "/admin/keys", {"cnpjs": "all", "scopes": ["x"]}),
    ("POST", "/admin/keys", {"cnpjs": "all", "expires_at": "soon"}),
    ("POST", f"/v1/batches/{_NOBODY}/deactivation", {"decision": "maybe"}),
    ("POST", "/v1/dead-letters/replay", {"filter": {"ids": ["x"]}}),
    ("POST", "/v1/dead-letters/replay", {"filter": {"ids": []}}),
    ("POST", "/v1/dead-letters/replay", {"filter": {}}),
    ("POST", PATH, b"[]"),
]


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Client]:
    async with running(settings, []) as client:
        yield client


def _is_spoken(answer: httpx2.Response, language: str) -> bool:
    return (answer.headers.get("content-language"), answer.headers.get("vary")) == (language, "Accept-Language")


async def _asked(door: Client, method: str, path: str, body: Any, language: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {ADMIN}", "Accept-Language": language, "Content-Type": "application/json"}
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    return await door.http.request(method, path, content=content, headers={k: v for k, v in headers.items() if v})


async def test_every_refusal_is_in_the_language_asked_for_and_in_both_besides(door: Client) -> None:
    for method, path, body in _REFUSED:
        case = (method, path, body)
        portuguese = await _asked(door, method, path, body, "en;q=0.5, pt-BR")
        english = await _asked(door, method, path, body, "en, pt;q=0.9")
        silent = await _asked(door, method, path, body, "")
        assert _is_spoken(portuguese, "pt-BR") and _is_spoken(english, "en") and _is_spoken(silent, "en"), case
        pt, en = portuguese.json(), english.json()
        assert 400 <= portuguese.status_code < 500 and silent.json()["message"] == en["message"]
        assert pt["message"] == pt["detail"] == en["message_pt"] != en["message"] == pt["message_en"], case
        assert not _ENGLISH.search(pt["message"]), (case, pt["message"])
        for own, other in zip(pt["errors"], en["errors"], strict=True):
            assert own["message"] == other["message_pt"] and other["message"] == own["message_en"] != own["message_pt"]


async def test_a_batch_tells_its_failure_and_its_held_deactivation_in_the_language_asked_for(client: Client) -> None:
    catalogue = [{"PRODUCTID": n, "TITLE": f"P{n}"} for n in range(1, 41)]
    await client.load(catalogue)
    held = await client.load(catalogue[:10])
    failed = await client.load(b'[{"PRODUCTID":1,"TITLE":"A"}')
    shown = {}
    for language in ("pt-BR", "en"):
        for batch, member, name in ((held, "deactivation", "reason"), (failed, "error", "message")):
            path = f"/v1/batches/{batch['batch_id']}"
            answer = await client.http.get(path, headers={"X-Api-Key": client.key, "Accept-Language": language})
            assert _is_spoken(answer, language)
            found = answer.json()[member]
            assert found[name] == found[f"{name}_{language[:2]}"]
            shown[language, member] = found[name]
        listed = await client.http.get("/v1/batches", headers={"X-Api-Key": client.key, "Accept-Language": language})
        assert _is_spoken(listed, language)
        assert [item["error"]["message"] for item in listed.json()["items"] if item["error"]] == [
            shown[language, "error"]
        ]
    assert len(set(shown.values())) == 4


async def test_a_made_key_comes_with_advice_in_one_language(door: Client) -> None:
    for path, body in ((f"/admin/pharmacies/{CNPJ}/api-key", None), ("/admin/keys", {"cnpjs": [CNPJ]})):
        portuguese = await _asked(door, "POST", path, body, "pt")
        assert _is_spoken(portuguese, "pt-BR") and portuguese.json()["message"].startswith("Guarde a chave")
        english = await _asked(door, "POST", path, body, "")
        assert _is_spoken(english, "en") and english.json()["message"].startswith("Keep the key")


async def test_a_request_that_cannot_be_read_is_refused_in_both_languages_too(door: Client, settings: Settings) -> None:
    cases = {
        b"GARBAGE\r\n\r\n": (400, "http_unreadable"),
        b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000: (431, "head_too_large"),
    }
    async with listening(door.app, settings) as port:
        for request, (status, code) in cases.items():
            async with Wire(port) as wire:
                await wire.send(request)
                answer = await wire.answer()
                told = json.loads(answer.body)
                assert (answer.status, told["code"], answer.headers["content-language"]) == (status, code, "en")
                assert answer.headers["content-type"] == "application/problem+json"
                assert told["message"] == told["message_en"] != told["message_pt"]
                assert await wire.ended() == b""


async def test_the_type_of_an_error_leads_to_its_line_in_the_language_of_the_reader(door: Client) -> None:
    refused = await door.http.get("/v1/batches")
    page, _, code = refused.json()["type"].partition("#")
    assert code == refused.json()["code"] == "key_missing"
    for language, text in (("pt-BR", "A requisição veio sem chave"), ("en", "The request has no key")):
        answer = await door.http.get(page, headers={"Accept-Language": language})
        assert answer.headers["Content-Language"] == language
        (line,) = (line for line in answer.text.split("<tr") if f' id="{code}"' in line)
        assert text in line and "<td>401</td>" in line
