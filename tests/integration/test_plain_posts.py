"""Plain posts take a shorter path: both ways answer the same bytes, store the same rows, count and log the same."""

import asyncio
import gc
import gzip
import hashlib
import re
import weakref
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from integrahub.api.posts.plain import PlainPosts
from integrahub.domain.errors import Unavailable
from integrahub.domain.ids import uuid7
from integrahub.pipeline.ingest.small_posts import SmallPosts
from integrahub.settings.model import Settings
from integrahub.telemetry import tracing
from integrahub.telemetry.instruments import Metric
from integrahub.telemetry.metrics.http import HTTP_DURATION, HTTP_REQUESTS, UPLOAD_BYTES, UPLOAD_DURATION
from integrahub.telemetry.metrics.pipeline import BATCHES_CREATED, ERRORS
from tests.integration.conftest import ADMIN, CNPJ, PATH, SHARED
from tests.integration.listening import Wire, listening
from tests.integration.plain_posts import PLAIN, UNUSUAL, Case, Ways, steady, ways
from tests.integration.test_group_commit import holding_turn

__all__ = ["ways"]

_METRICS: tuple[Metric, ...] = (HTTP_REQUESTS, HTTP_DURATION, UPLOAD_BYTES, UPLOAD_DURATION, BATCHES_CREATED, ERRORS)
_COLUMNS = "load_type, media_type, encoding, item_count_claimed, location, bytes, api_key_id, kind, pharmacy_id"


def _counts() -> dict[tuple[str, ...], float]:
    """Return how often each label of the metrics was counted."""
    return {
        (metric.name, *labels): sum(vector[:-1]) if len(vector) > 1 else vector[0]
        for metric in _METRICS
        for labels, vector in metric.values.items()
    }


async def _observe(ways: Ways, port: int, case: Case) -> dict[str, Any]:
    """Return all that one post leaves behind: its answer, the batch, counts, log lines."""
    before = _counts()
    with capture_logs() as logs:
        (answer,) = await ways.send(port, case)
        await asyncio.sleep(0)
    counted = {name: count - before.get(name, 0) for name, count in _counts().items() if count != before.get(name, 0)}
    async with ways.client.hub.database.transaction() as connection:
        query = f"SELECT {_COLUMNS}, body, sha256, idempotency_key FROM batches ORDER BY received_seq DESC LIMIT 1"
        row = dict((await (await connection.execute(query)).fetchone()) or {})
    body, sha256 = row.pop("body") or b"", row.pop("sha256")
    decoded = gzip.decompress(body) if row["encoding"] == "gzip" else body
    assert not body or hashlib.sha256(decoded).digest() == sha256
    row["location"] = bool(row["location"])
    row["idempotency_key"] = re.sub("[0-9]{9}", "NUMBER", row["idempotency_key"] or "")
    # Lines of refusals are sampled.
    lines = [line | {"batch": "", "trace_id": ""} for line in logs if not line["action"].startswith("refuse")]
    return {"answer": answer, "counted": counted, "row": row, "body": re.sub(rb"[0-9]{9}", b"", decoded), "logs": lines}


@SHARED
@pytest.mark.parametrize("name", [*PLAIN, *UNUSUAL])
async def test_a_post_leaves_the_same_behind_both_ways(ways: Ways, name: str) -> None:
    case = (PLAIN | UNUSUAL)[name]
    await ways.warm_up()
    ways.taken.clear()
    plain = await _observe(ways, ways.plain, case)
    assert len(ways.taken) == (name in PLAIN)
    whole = await _observe(ways, ways.whole, case)
    assert plain == whole
    assert len(ways.taken) == (name in PLAIN)


@SHARED
async def test_a_body_after_its_head_and_posts_in_one_packet_are_answered_both_ways(ways: Ways) -> None:
    answers = []
    for port in (ways.plain, ways.whole):
        await ways.warm_up()
        async with Wire(port) as wire:
            first, second, third = (Case().build(ways.client.key) for _ in range(3))
            await wire.send(first[:-10], first[-10:])
            answers.append([await wire.raw_answer()])
            await wire.send(second + third)
            answers[-1] += [await wire.raw_answer(), await wire.raw_answer()]
    plain, whole = ([steady(b"".join(answer)) for answer in way] for way in answers)
    assert plain == whole
    assert all(answer.startswith(b"HTTP/1.1 202") for answer in plain)


@SHARED
@pytest.mark.parametrize("missing", [1, 2, 3, 4, 5, 20])
async def test_a_post_keeps_its_body_when_the_end_of_its_head_comes_with_the_next_post(
    ways: Ways, missing: int
) -> None:
    for port in (ways.plain, ways.whole):
        await ways.warm_up()
        first, second = (Case().build(ways.client.key) for _ in range(2))
        cut = first.index(b"\r\n\r\n") + 4 - missing
        async with Wire(port) as wire:
            await wire.send(first[:cut], first[cut:] + second)
            answers = [await wire.raw_answer() for _ in range(2)]
        ids = [msgspec.json.decode(body)["batch_id"] for _, body in answers]
        async with ways.client.hub.database.transaction() as connection:
            query = "SELECT body FROM batches WHERE id = ANY(%s::uuid[]) ORDER BY received_seq"
            rows = await (await connection.execute(query, [ids])).fetchall()
        assert [row["body"] for row in rows] == [each.partition(b"\r\n\r\n")[2] for each in (first, second)]


@SHARED
async def test_a_post_that_raises_when_it_is_looked_at_goes_through_the_application(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError

    await ways.warm_up()
    ways.taken.clear()
    monkeypatch.setattr(PlainPosts, "_build", fail)
    assert (await ways.send(ways.plain, Case()))[0].startswith(b"HTTP/1.1 202")
    assert not ways.taken


@SHARED
async def test_a_refused_post_is_freed_with_its_body(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[weakref.ref[object]] = []
    accept = PlainPosts.accept

    def refuse(self: PlainPosts, post: Any, answered: Any, give: Any) -> None:
        refused.append(weakref.ref(post))
        accept(self, post, answered, give)

    def commit(*given: object) -> None:
        raise Unavailable("commit_queue_full", 1.0)

    await ways.warm_up()
    monkeypatch.setattr(PlainPosts, "accept", refuse)
    monkeypatch.setattr(SmallPosts, "commit", commit)
    gc.disable()
    try:
        assert (await ways.send(ways.plain, Case()))[0].startswith(b"HTTP/1.1 503")
        await asyncio.sleep(0)
        ways.taken.clear()
        assert [post() for post in refused] == [None]
    finally:
        gc.enable()


@SHARED
async def test_a_repeated_post_and_a_reused_idempotency_key_are_answered_the_same(ways: Ways) -> None:
    plain, whole = [], []
    for port, answers in ((ways.plain, plain), (ways.whole, whole)):
        await ways.warm_up()
        answers += await ways.send(port, Case(), times=2)
        key = f"reused-{uuid7()}"
        for _ in range(2):
            answers += await ways.send(port, Case({"Idempotency-Key": key}))
    assert plain == whole
    assert [answer.split()[1] for answer in plain] == [b"202", b"202", b"202", b"422"]
    assert b"Idempotent-Replayed".lower() in plain[1].lower() and b"idempotency_key_reused" in plain[3]


@SHARED
async def test_a_rate_limit_counts_each_post_once_and_its_headers_are_the_same(ways: Ways) -> None:
    seen = []
    for port in (ways.plain, ways.whole):
        made = await ways.client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ], "rate_limit": "4/hour"})
        await ways.warm_up(made["api_key"])
        ways.taken.clear()
        seen.append([(await ways.send(port, Case(), made["api_key"]))[0] for _ in range(4)])
        assert len(ways.taken) == (4 if port == ways.plain else 0)
    assert seen[0] == seen[1]
    assert [re.findall(rb"(?i)x-ratelimit-remaining: (\d)", answer) for answer in seen[0]] == [
        [b"2"],
        [b"1"],
        [b"0"],
        [b"0"],
    ]
    assert [answer.split()[1] for answer in seen[0]] == [b"202", b"202", b"202", b"429"]


@SHARED
async def test_a_revoked_key_is_refused_at_once(ways: Ways) -> None:
    made = await ways.client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    await ways.warm_up(made["api_key"])
    assert (await ways.send(ways.plain, Case(), made["api_key"]))[0].startswith(b"HTTP/1.1 202")
    await ways.client.admin("DELETE", f"/admin/keys/{made['id']}")
    assert (await ways.send(ways.plain, Case(), made["api_key"]))[0].startswith(b"HTTP/1.1 401")


@SHARED
async def test_a_key_of_all_pharmacies_that_counts_twice_goes_through_the_application(ways: Ways) -> None:
    made = await ways.client.admin("POST", "/admin/keys", {"cnpjs": "all"})
    case = Case(target=f"{PATH}?cnpj={CNPJ}")
    await ways.send(ways.whole, case, made["api_key"])
    ways.taken.clear()
    assert (await ways.send(ways.plain, case, made["api_key"]))[0].startswith(b"HTTP/1.1 202")
    assert not ways.taken


@SHARED
async def test_a_post_of_a_pharmacy_whose_webhook_is_disabled_has_its_notice_both_ways(ways: Ways) -> None:
    await ways.warm_up()
    cache = ways.client.app.state.plain_posts._find_pharmacy._cache._cache
    known = cache.get(CNPJ)
    cache.put(CNPJ, msgspec.structs.replace(known, webhook_disabled_at=datetime(2026, 1, 2, tzinfo=UTC)))
    try:
        (plain,), (whole,) = [await ways.send(port, Case()) for port in (ways.plain, ways.whole)]
    finally:
        cache.put(CNPJ, known)
    assert plain == whole and b"x-inova-notice: webhook disabled since" in plain


@SHARED
async def test_a_plain_post_that_is_not_committed_in_time_gets_503_and_its_batch_later(ways: Ways) -> None:
    small_posts = ways.client.app.state.plain_posts._small_posts
    await ways.warm_up()
    ways.taken.clear()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(small_posts, "_commit_timeout", 0.1)
        async with holding_turn(ways.client):
            (answer,) = await ways.send(ways.plain, Case())
    assert len(ways.taken) == 1
    assert (
        answer.startswith(b"HTTP/1.1 503") and b"dependency_unavailable" in answer and b"\r\nretry-after: 5" in answer
    )
    assert await _is_committed(ways, ways.taken[0])


@SHARED
async def test_a_batch_is_committed_whose_client_left_before_the_answer(ways: Ways) -> None:
    await ways.warm_up()
    ways.taken.clear()
    async with holding_turn(ways.client), Wire(ways.plain) as wire:
        await wire.send(Case().build(ways.client.key))
        async with asyncio.timeout(5):
            while not ways.taken:
                await asyncio.sleep(0.01)
    assert await _is_committed(ways, ways.taken[0])
    assert (await ways.send(ways.plain, Case()))[0].startswith(b"HTTP/1.1 202")


async def _is_committed(ways: Ways, post: Any) -> bool:
    async with asyncio.timeout(5):
        while True:
            async with ways.client.hub.database.transaction() as connection:
                found = await connection.execute("SELECT FROM batches WHERE id = %s", [post.request.batch_id])
            if found.rowcount:
                return True
            await asyncio.sleep(0.01)


@SHARED
async def test_a_stopping_server_answers_its_last_plain_post_and_closes(ways: Ways) -> None:
    settings = Settings(admin_api_key=ADMIN)
    await ways.warm_up()
    ways.taken.clear()
    async with holding_turn(ways.client):
        stack = listening(ways.client.app, settings)
        port = await stack.__aenter__()
        wire = await Wire(port).__aenter__()
        await wire.send(Case().build(ways.client.key))
        stopping = asyncio.create_task(stack.__aexit__(None, None, None))
        await asyncio.sleep(0.8)  # longer than the grace for requests of the last connections
    head, _ = await wire.raw_answer()
    assert head.startswith(b"HTTP/1.1 202") and head.endswith(b"\r\nconnection: close\r\n\r\n")
    assert await wire.ended() == b""
    await wire.__aexit__()
    await stopping
    assert len(ways.taken) == 1


@SHARED
async def test_sampled_posts_go_through_the_application_with_the_same_trace(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Exporter:
        def is_sampled(self, trace: Any) -> bool:
            return True

        def root(self, name: str, trace: Any, facts: dict[str, str]) -> Any:
            seen.append(trace)
            return tracing._NO_SPAN

    await ways.warm_up()
    ways.taken.clear()
    monkeypatch.setattr(tracing, "_exporter", Exporter())
    async with Wire(ways.plain) as wire:
        await wire.send(Case().build(ways.client.key))
        _, body = await wire.raw_answer()
    assert not ways.taken
    assert seen and seen[0].hex.encode() in body
