"""Invalid input gets the right status and a helpful message, and changes nothing."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.conftest import ADMIN, CNPJ, OTHER, PATH, Installation, installed

_LIMIT = 20  # MB
GOOD = json.dumps([{"CNPJ": CNPJ, "PRODUCTID": 1, "TITLE": "DIPIRONA", "PRICE": 5}]).encode()
_MEGABYTE = b" " * (1 << 20)


def _state(hub: Installation) -> tuple[Any, ...]:
    batches = hub.http.get("/v1/batches", headers={"X-Admin-Api-Key": ADMIN}).json()["items"]
    pharmacies = hub.http.get("/admin/pharmacies", headers={"X-Admin-Api-Key": ADMIN}).json()["items"]
    objects = sorted(str(path) for path in (hub.folder / "kept" / "objects").rglob("*") if path.is_file())
    return batches, pharmacies, objects


@pytest.fixture(scope="module")
def hub() -> Iterator[Installation]:
    """Yield a running hub with a lower limit of bodies than the default, which takes long to pass."""
    with installed({"MAX_PAYLOAD_SIZE": f"{_LIMIT}MB"}) as made:
        made.start()
        made.key = made.make_key()
        yield made


def _long() -> Iterator[bytes]:
    yield b'[{"PRODUCTID":1,"TITLE":"a"}'
    for _ in range(_LIMIT + 1):
        yield _MEGABYTE
    yield b"]"


def _bomb() -> Iterator[bytes]:
    """Return a multiple of the limit, in blanks, as a little gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(b'[{"PRODUCTID":1,"TITLE":"a"}')
    for _ in range(5 * _LIMIT):
        yield packer.compress(_MEGABYTE)
    yield packer.compress(b"]") + packer.flush()


REFUSED: dict[str, tuple[Any, dict[str, str], int, str]] = {
    "no key": (GOOD, {"X-Api-Key": ""}, 401, "X-Api-Key"),
    "wrong key": (GOOD, {"X-Api-Key": "wrong"}, 401, "revoked"),
    "no load type": (GOOD, {"X-Inova-Load-Type": ""}, 400, "`full`"),
    "bad load type": (GOOD, {"X-Inova-Load-Type": "half"}, 400, "half"),
    "no body": (b"", {}, 400, "array"),
    "empty array": (b"[]", {}, 400, "no record"),
    "object": (b"{}", {}, 400, "array"),
    "text": (b"hello", {}, 400, "array"),
    "other CNPJ": (GOOD.replace(CNPJ.encode(), OTHER.encode()), {}, 403, OTHER),
    "xml": (b"<a/>", {"Content-Type": "text/xml"}, 415, "application/json"),
    "unknown encoding": (GOOD, {"Content-Encoding": "br"}, 415, "gzip"),
    "too long, streamed": (_long, {}, 413, "bytes"),
    "gzip bomb": (_bomb, {"Content-Encoding": "gzip"}, 413, "bytes"),
    "broken gzip": (gzip.compress(GOOD)[:-9], {"Content-Encoding": "gzip"}, 400, "gzip"),
    "no gzip at all": (GOOD, {"Content-Encoding": "gzip"}, 400, "gzip"),
    "long idempotency key": (GOOD, {"Idempotency-Key": "k" * 256}, 400, "255"),
    "bad item count": (GOOD, {"X-Inova-Item-Count": "many"}, 400, "many"),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.replace(" ", "_"))
def test_bad_input_is_refused_with_a_message_that_helps_and_leaves_no_trace(hub: Installation, case: str) -> None:
    body, headers, status, told = REFUSED[case]
    before = _state(hub)
    load_type = headers.get("X-Inova-Load-Type", "full")
    others = {name: value for name, value in headers.items() if name != "X-Inova-Load-Type"}
    answer = hub.post(body() if callable(body) else body, load_type, **others)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert told in problem["message"] and problem["error"] == problem["title"] and problem["status"] == status
    assert _state(hub) == before


def test_a_body_announced_as_too_long_is_refused_before_it_is_sent(hub: Installation) -> None:
    before = _state(hub)
    head = f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {hub.key}\r\nX-Inova-Load-Type: full\r\n"
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {201 << 20}\r\n\r\n".encode())
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert _state(hub) == before


def test_the_missing_load_type_is_named_as_old_clients_expect(hub: Installation) -> None:
    answer = hub.post(GOOD, "").json()
    assert answer["required"] == ["X-Inova-Load-Type"] and answer["error"] == "Bad Request"


def test_a_truncated_array_fails_with_its_byte_and_changes_nothing(hub: Installation) -> None:
    before = hub.products()
    batch = hub.finished(hub.post(GOOD[:-1]).json()["batch_id"])
    assert (batch["status"], batch["error"]["code"]) == ("FAILED", "body_truncated")
    assert batch["error"]["byte_offset"] == len(GOOD) - 1
    assert hub.products() == before


def test_an_array_of_numbers_fails_with_every_record_reported(hub: Installation) -> None:
    before = hub.products()
    batch = hub.finished(hub.post(b"[1,2,3]").json()["batch_id"])
    assert (batch["status"], batch["rejected"]) == ("FAILED", 3)
    faults = hub.get(f"/v1/batches/{batch['batch_id']}/errors")["items"]
    assert [(fault["position"], fault["code"]) for fault in faults] == [(n, "not_object") for n in range(3)]
    assert all(fault["message_pt"] and fault["message_en"] for fault in faults)
    assert hub.products() == before


def test_one_bad_record_among_good_ones_costs_itself_alone(hub: Installation) -> None:
    records = [{"PRODUCTID": n, "TITLE": f"PRODUTO {n}", "PRICE": n} for n in range(1, 101)]
    records[41]["PRICE"] = "doze"
    batch = hub.finished(hub.post(json.dumps(records).encode(), "delta").json()["batch_id"])
    assert (batch["status"], batch["inserted"], batch["rejected"]) == ("PARTIAL_FAIL", 99, 1)
    (fault,) = hub.get(f"/v1/batches/{batch['batch_id']}/errors")["items"]
    assert (fault["position"], fault["product_id"], fault["code"]) == (41, "42", "price_invalid")
    assert 42 not in hub.products()


def test_another_pharmacys_batch_and_products_are_out_of_reach(hub: Installation) -> None:
    batch = hub.finished(hub.post(GOOD, "delta").json()["batch_id"])
    stranger = {"X-Api-Key": hub.make_key(OTHER)}
    theirs = hub.http.get(f"/v1/batches/{batch['batch_id']}", headers=stranger)
    nobodys = hub.http.get("/v1/batches/00000000-0000-4000-8000-000000000000", headers=stranger)
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert hub.http.get("/v1/products", params={"cnpj": CNPJ}, headers=stranger).status_code == 403
    assert hub.http.get("/admin/keys", headers=stranger).status_code == 403


def test_a_refusal_speaks_the_language_the_client_prefers(hub: Installation) -> None:
    portuguese = hub.post(GOOD, "half", **{"Accept-Language": "pt-BR,pt;q=0.9"}).json()
    english = hub.post(GOOD, "half").json()
    assert "esperava-se" in portuguese["message"] and "expected" in english["message"]
    assert portuguese["message_pt"] == portuguese["message"] and portuguese["message_en"] == english["message"]
    assert portuguese["code"] == english["code"] == "load_type_invalid"
