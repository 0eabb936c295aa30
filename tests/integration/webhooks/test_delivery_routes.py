"""Deliveries by HTTP: listed, read, sent again, and only by those whose they are."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.queries import load_queries
from tests.integration.conftest import CNPJ
from tests.integration.webhooks.owners import OTHER, THIRD, Owners, owners

__all__ = ["owners"]
_LIST = "/v1/webhook/deliveries"


def _ago(**time: int) -> str:
    return f"{(datetime.now(UTC) - timedelta(**time)).isoformat()[:19]}Z"


async def _ids(owners: Owners, key: str, **query: Any) -> list[str]:
    return [item["id"] for item in (await owners.ok(key, "GET", _LIST, **query))["items"]]


async def test_pages_hold_every_delivery_once_newest_first(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    made = [str(owners.deliver(endpoint, "delivered", f"{age} minutes")) for age in (1, 2, 3, 3, 4)]
    owners.rows("UPDATE webhook_deliveries SET created_at = date_trunc('minute', created_at)")
    for key in ("pharmacy", "viewer"):
        found, cursor = [], ""
        while cursor is not None:
            page = await owners.ok(key, "GET", _LIST, limit=2, cursor=cursor)
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert found[:2] == made[:2] and sorted(found) == sorted(made) and found[4] == made[4]
    assert await owners.refused("pharmacy", "GET", _LIST, cursor="WzFd") == (400, "cursor_invalid")
    assert await owners.refused("pharmacy", "GET", _LIST, cursor="WyJhIiwiYiJd") == (400, "cursor_invalid")


async def test_filters_leave_out_what_does_not_match(owners: Owners) -> None:
    endpoint = (await owners.put("vendor"))["id"]
    failed = owners.deliver(endpoint, "failed", "2 hours", "batch.failed")
    held = owners.deliver(endpoint, "held", "1 minute")
    batch = uuid4()
    owners.rows("UPDATE webhook_deliveries SET batch_id = %s WHERE id = %s", [batch, failed])
    owners.rows(
        "UPDATE webhook_deliveries SET pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %s) WHERE id = %s",
        [OTHER, held],
    )
    since = _ago(hours=1)
    for key in ("vendor", "viewer"):
        for query, expected in (
            ({}, [held, failed]),
            ({"state": "failed"}, [failed]),
            ({"event": "batch.completed"}, [held]),
            ({"batch_id": batch}, [failed]),
            ({"since": since}, [held]),
            ({"cnpj": OTHER}, [held]),
            ({"cnpj": CNPJ}, []),
            ({"state": "held", "event": "batch.failed"}, []),
        ):
            assert await _ids(owners, key, **query) == [str(id_) for id_ in expected], (key, query)
    assert await owners.refused("vendor", "GET", _LIST, cnpj=THIRD) == (403, "other_pharmacy")


async def test_each_key_sees_the_deliveries_of_its_own_addresses_only(owners: Owners) -> None:
    own: dict[str, UUID] = {}
    for key, query in (("pharmacy", {}), ("other pharmacy", {}), ("vendor", {}), ("vendor of all", {"cnpj": CNPJ})):
        own[key] = owners.deliver((await owners.put(key, **query))["id"], "failed")
    own["admin"] = owners.deliver((await owners.put("admin"))["id"], "failed")
    for key in ("pharmacy", "other pharmacy", "vendor", "vendor of all"):
        assert await _ids(owners, key) == [str(own[key])]
        for other, delivery in own.items():
            if other != key:
                assert await owners.refused(key, "GET", f"{_LIST}/{delivery}") == (404, "delivery_not_found")
                refused = await owners.refused(key, "POST", f"{_LIST}/{delivery}/replay")
                assert refused == (404, "delivery_not_found")
    assert {owners.state_of(delivery) for delivery in own.values()} == {"failed"}
    assert set(await _ids(owners, "viewer")) == set(map(str, own.values()))
    assert (await owners.ok("viewer", "GET", f"{_LIST}/{own['vendor']}"))["id"] == str(own["vendor"])


async def test_attempts_are_shown_to_owners_and_the_excerpt_to_operators_only(owners: Owners) -> None:
    delivery = owners.deliver((await owners.put("pharmacy"))["id"], "failed")
    owners.rows(
        "INSERT INTO webhook_attempts (delivery_id, number, milliseconds, status, error, excerpt)"
        " VALUES (%(id)s, 1, 15000, NULL, 'timed_out', NULL), (%(id)s, 2, 12, 500, 'status_refused', 'internal page')",
        {"id": delivery},
    )
    shown = await owners.ok("pharmacy", "GET", f"{_LIST}/{delivery}")
    assert (shown["body"], shown["last_status"], shown["last_error"]) == ("{}", 500, "status_refused")
    assert [(each["number"], each["status"], each["excerpt"]) for each in shown["attempt_log"]] == [
        (1, None, None),
        (2, 500, None),
    ]
    to_operators = await owners.ok("viewer", "GET", f"{_LIST}/{delivery}")
    assert to_operators["attempt_log"][1]["excerpt"] == "internal page"
    listed = (await owners.ok("pharmacy", "GET", _LIST))["items"][0]
    assert (listed["last_status"], listed["attempts"]) == (500, 3) and "body" not in listed


async def test_a_replay_begins_the_schedule_again_under_the_same_id(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    for state in ("delivered", "failed", "pending", "held"):
        delivery = owners.deliver(endpoint, state)
        answer = await owners.call("pharmacy", "POST", f"{_LIST}/{delivery}/replay")
        assert (answer.status_code, answer.headers["location"]) == (202, f"{_LIST}/{delivery}")
        row = owners.rows(
            "SELECT state, next_attempt_at <= now() AS due, attempts, attempts_before, ended_at, body"
            " FROM webhook_deliveries WHERE id = %s",
            [delivery],
        )[0]
        assert tuple(row.values()) == ("pending", True, 3, 3, None, "{}"), state


async def test_a_delivery_that_a_worker_sends_now_stays_as_it_is(owners: Owners) -> None:
    delivery = owners.deliver((await owners.put("pharmacy"))["id"], "pending")
    owners.rows(
        "UPDATE webhook_deliveries SET claim_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
    )
    await owners.ok("pharmacy", "POST", f"{_LIST}/{delivery}/replay")
    row = owners.rows("SELECT attempts_before, next_attempt_at <= now() AS due FROM webhook_deliveries")[0]
    assert tuple(row.values()) == (0, False)


async def test_nothing_is_sent_to_a_disabled_or_deleted_address(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    delivery = owners.deliver(endpoint, "failed")
    owners.disable(endpoint)
    since = "2020-01-01T00:00:00Z"
    for path, body in (
        (f"{_LIST}/{delivery}/replay", None),
        ("/v1/webhook/replay", {"since": since}),
        ("/v1/webhook/test", None),
    ):
        assert await owners.refused("pharmacy", "POST", path, body) == (409, "webhook_closed")
    deleted = owners.deliver((await owners.put("other pharmacy"))["id"], "failed")
    await owners.ok("other pharmacy", "DELETE", "/v1/webhook")
    assert await owners.refused("other pharmacy", "POST", f"{_LIST}/{deleted}/replay") == (409, "webhook_closed")
    assert (owners.state_of(delivery), owners.state_of(deleted)) == ("failed", "failed")


async def test_a_replay_by_time_sends_what_failed_since_and_nothing_else(owners: Owners) -> None:
    endpoint, other = (await owners.put("pharmacy"))["id"], (await owners.put("other pharmacy"))["id"]
    failed, delivered = owners.deliver(endpoint, "failed"), owners.deliver(endpoint, "delivered")
    untouched = [owners.deliver(endpoint, "failed", "2 days"), owners.deliver(other, "failed")]
    since = _ago(days=1)
    assert await owners.ok("pharmacy", "POST", "/v1/webhook/replay", {"since": since}) == {"replayed": 1}
    assert (owners.state_of(failed), owners.state_of(delivered)) == ("pending", "delivered")
    body = {"since": since, "state": "delivered"}
    assert await owners.ok("pharmacy", "POST", "/v1/webhook/replay", body) == {"replayed": 1}
    assert owners.state_of(delivered) == "pending"
    assert [owners.state_of(delivery) for delivery in untouched] == ["failed", "failed"]
    body = {"since": since, "state": "pending"}
    assert await owners.refused("pharmacy", "POST", "/v1/webhook/replay", body) == (400, "request_unreadable")


async def test_enabling_sends_what_was_missed_since_the_first_failure(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    missed = [owners.deliver(endpoint, "held", "1 day"), owners.deliver(endpoint, "failed", "4 days")]
    before, delivered = owners.deliver(endpoint, "failed", "6 days"), owners.deliver(endpoint, "delivered", "1 day")
    owners.rows("UPDATE webhook_deliveries SET ended_at = created_at WHERE id = %s", [before])
    owners.disable(endpoint, "5 days")
    enabled = await owners.ok("pharmacy", "POST", "/v1/webhook/enable")
    state = {name: enabled[name] for name in ("state", "replayed", "disabled_at", "disabled_reason", "failing_since")}
    assert state == {
        "state": "enabled",
        "replayed": 2,
        "disabled_at": None,
        "disabled_reason": None,
        "failing_since": None,
    }
    assert [owners.state_of(delivery) for delivery in missed] == ["pending", "pending"]
    assert (owners.state_of(before), owners.state_of(delivered)) == ("failed", "delivered")


async def test_enabling_sends_also_the_events_that_occurred_before_the_first_failure(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    other = owners.deliver((await owners.put("other pharmacy"))["id"], "held", "9 days")
    missed = [owners.deliver(endpoint, "held", "1 hour"), owners.deliver(endpoint, "failed", "4 days")]
    owners.disable(endpoint, "0 days")
    owners.rows("UPDATE webhook_endpoints SET failing_since = now() - interval '3 days' WHERE id = %s", [endpoint])
    assert (await owners.ok("pharmacy", "POST", "/v1/webhook/enable"))["replayed"] == 2
    assert [owners.state_of(delivery) for delivery in (*missed, other)] == ["pending", "pending", "held"]


async def test_what_an_address_held_when_its_first_answer_disabled_it_is_sent_when_it_is_enabled(
    owners: Owners,
) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    held = owners.deliver(endpoint, "held", "1 hour")
    owners.disable(endpoint, "0 days")
    assert (await owners.ok("pharmacy", "POST", "/v1/webhook/enable"))["replayed"] == 1
    assert owners.state_of(held) == "pending"


async def test_an_enabling_that_cannot_send_what_was_missed_leaves_the_address_disabled(
    owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    owners.deliver(endpoint, "held")
    owners.disable(endpoint)
    with monkeypatch.context() as patched:
        patched.setattr("integrahub.db.webhooks.deliveries._REPLAY_SIZE", -1)  # PostgreSQL refuses the limit
        assert not (await owners.call("pharmacy", "POST", "/v1/webhook/enable")).is_success
    assert (await owners.ok("pharmacy", "POST", "/v1/webhook/enable"))["replayed"] == 1


async def test_enabling_since_a_later_time_leaves_what_is_older(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    new, old = owners.deliver(endpoint, "held", "1 hour"), owners.deliver(endpoint, "held", "3 days")
    owners.disable(endpoint)
    since = _ago(days=1)
    assert (await owners.ok("pharmacy", "POST", "/v1/webhook/enable", {"since": since}))["replayed"] == 1
    assert (owners.state_of(new), owners.state_of(old)) == ("pending", "held")
    assert (await owners.ok("pharmacy", "POST", "/v1/webhook/enable"))["replayed"] == 0


async def test_more_deliveries_than_fit_one_transaction_are_all_sent_again(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    owners.rows(
        "INSERT INTO webhook_deliveries (endpoint_id, event, state, ended_at)"
        " SELECT %s, 'batch.failed', 'failed', now() FROM generate_series(1, 4500)",
        [endpoint],
    )
    body = {"since": "2020-01-01T00:00:00Z"}
    assert await owners.ok("pharmacy", "POST", "/v1/webhook/replay", body) == {"replayed": 4500}
    assert owners.rows("SELECT count(*) AS n FROM webhook_deliveries WHERE state = 'pending'")[0]["n"] == 4500


async def test_tests_are_limited_per_address_and_minute(owners: Owners) -> None:
    await owners.put("pharmacy")
    await owners.put("other pharmacy")
    for _ in range(10):
        queued = await owners.ok("pharmacy", "POST", "/v1/webhook/test")
    assert (await owners.ok("pharmacy", "GET", f"{_LIST}/{queued['delivery_id']}"))["event"] == "webhook.test"
    answer = await owners.call("pharmacy", "POST", "/v1/webhook/test")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        429,
        "webhook_tests_limited",
        "60",
    )
    await owners.ok("other pharmacy", "POST", "/v1/webhook/test")
    owners.rows("UPDATE webhook_deliveries SET created_at = created_at - interval '1 minute'")
    await owners.ok("pharmacy", "POST", "/v1/webhook/test")


async def test_lists_read_their_indexes(owners: Owners) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    owners.rows(
        "INSERT INTO webhook_deliveries (endpoint_id, event, state, ended_at, created_at)"
        " SELECT CASE WHEN n %% 50 = 0 THEN %s ELSE gen_random_uuid() END, 'batch.failed', 'failed', now(),"
        " now() - n * interval '1 second' FROM generate_series(1, 20000) n",
        [endpoint],
    )
    owners.rows("ANALYZE webhook_deliveries")
    queries = load_queries("integrahub.db.webhooks.deliveries")
    params = dict.fromkeys(("after_at", "after_id", "since", "state", "event", "batch_id", "cnpj"))
    for name, index in (
        ("page_of_endpoints", "webhook_deliveries_endpoint"),
        ("page_of_all", "webhook_deliveries_created"),
    ):
        values = params | {"endpoints": [endpoint], "limit": 50}
        plan = owners.rows(f"EXPLAIN {queries[name]}", values)
        text = "\n".join(row["QUERY PLAN"] for row in plan)
        assert index in text and "Seq Scan on webhook_deliveries" not in text, text
