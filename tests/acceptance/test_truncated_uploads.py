"""A truncated FULL deactivates nothing, wherever and however it is cut."""

import gzip
import json
import socket
from contextlib import suppress

import pytest

from tests.acceptance.conftest import PATH, Installation

RECORDS = [{"PRODUCTID": n, "TITLE": f"PRODUTO {n}", "PRICE": n, "DESCRIPTION": "x" * 200} for n in range(1, 301)]
WHOLE = json.dumps(RECORDS).encode()


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("manner", ["as if whole", "length announced", "chunks unfinished"])
def test_a_full_cut_off_at_any_tenth_deactivates_nothing(hub: Installation, encoding: str, manner: str) -> None:
    first = hub.post(json.dumps([*RECORDS, {"PRODUCTID": 9999, "TITLE": manner + encoding}]).encode())
    hub.finished(first.json()["batch_id"])
    before = {number for number, item in hub.products().items() if item["isActive"]}
    body = gzip.compress(WHOLE) if encoding else WHOLE
    for tenth in range(1, 10):
        part = body[: len(body) * tenth // 10]
        if manner == "as if whole":
            answer = hub.post(part, **{"Content-Encoding": encoding})
            assert answer.status_code in (202, 400)
            if answer.status_code == 202:
                assert hub.finished(answer.json()["batch_id"])["status"] == "FAILED"
        else:
            _broken_off(hub, part, encoding, len(body) if manner == "length announced" else None)
    after = {number for number, item in hub.products().items() if item["isActive"]}
    assert after == before


def _broken_off(hub: Installation, part: bytes, encoding: str, announced: int | None) -> None:
    """Send a part of a body, then close the connection."""
    framing = f"Content-Length: {announced}" if announced else "Transfer-Encoding: chunked"
    lines = [f"POST {PATH} HTTP/1.1", "Host: hub", f"X-Api-Key: {hub.key}", "X-Inova-Load-Type: full", framing]
    lines += ["Content-Type: application/json"] + ([f"Content-Encoding: {encoding}"] if encoding else [])
    sent = part if announced else f"{len(part):x}\r\n".encode() + part + b"\r\n"
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + sent)
        connection.settimeout(0.05)
        with suppress(TimeoutError, OSError):
            connection.recv(1)
