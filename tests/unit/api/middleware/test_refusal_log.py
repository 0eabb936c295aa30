"""Refusals are logged at once, then sampled, so that a refused client cannot fill the disk."""

from typing import Any

from structlog.testing import capture_logs

from integrahub.api.middleware.refusal_log import RefusalLog


def _scope(code: str, caller: str = "") -> dict[str, Any]:
    return {"refusal": code, "caller_name": caller, "method": "POST", "client": ("192.0.2.7", 1)}


def test_each_kind_is_logged_once_a_second_with_how_many_it_stands_for() -> None:
    now = 0.0
    log = RefusalLog(lambda: now)
    with capture_logs() as lines:
        for _ in range(500):
            log.add(_scope("key_invalid"), "/v1/batches", "401")
        log.add(_scope("rate_limited", "key A"), "/v1/batches", "429")
        now = 1.5
        log.add(_scope("key_invalid"), "/v1/batches", "401")
    assert [(line["code"], line.get("skipped", 0)) for line in lines] == [
        ("key_invalid", 0),
        ("rate_limited", 0),
        ("key_invalid", 499),
    ]
    assert lines[0]["address"] == "192.0.2.7" and lines[1]["key"] == "key A"


def test_many_kinds_at_once_are_bounded_too() -> None:
    log = RefusalLog(lambda: 0.0)
    with capture_logs() as lines:
        for number in range(5000):
            log.add(_scope("key_invalid", f"key {number}"), "/v1/batches", "401")
    assert len(lines) == 20
