"""Rate limits shared by all processes: exact together, shown in headers, and open if the counter fails."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from integrahub.access.blocked_lookups import BlockedLookupLimit, LookupLimit, LookupLimitReached
from integrahub.access.rate_limiter import RateLimiter
from integrahub.db.database import Database
from integrahub.domain.api_keys import generate_key
from integrahub.resilience.rate_limit import RateLimit, WindowUsage
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running

OTHER = "33000167000101"
THIRD = "11222333000181"
BODY = [{"PRODUCTID": 1, "TITLE": "A"}]
_HOURLY = "5/hour"


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Client]:
    """Yield an API with 5 posts per hour and no workers."""
    bounds = {"rate_limit": _HOURLY, "failed_key_limit": "5/hour"}
    async with running(settings.model_copy(update=bounds), []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _statuses(client: Client, posts: int, **headers: str) -> list[int]:
    answers = [await client.post([{"PRODUCTID": number + 1, "TITLE": "A"}], **headers) for number in range(posts)]
    return [answer.status_code for answer in answers]


async def test_two_processes_together_grant_exactly_the_limit(database: Database, database_url: str) -> None:
    other = Database(database_url, size=2)
    await other.open()
    try:
        limiters = [RateLimiter(database), RateLimiter(other)]
        rate = RateLimit(100, 3600)
        taken = await asyncio.gather(*(limiters[n % 2].hit("cnpj:1", rate) for n in range(250)))
        # The window may turn over in the middle; it slides, so that more than the limit is never granted.
        assert sum(isinstance(one, WindowUsage) for one in taken) == 100
        assert isinstance(await limiters[0].hit("cnpj:2", rate), WindowUsage)
    finally:
        await other.close()


async def test_what_is_over_the_limit_is_429_and_told_when_to_come_again(limited: Client) -> None:
    first = await limited.post(BODY)
    assert first.status_code == 202
    assert first.headers["RateLimit-Policy"] == '"posts";q=5;w=3600'
    assert first.headers["RateLimit"].startswith('"posts";r=4;t=')
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("5", "4")
    assert await _statuses(limited, 5) == [202] * 4 + [429]
    refused = await limited.post(BODY)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= 7200
    assert refused.headers["X-RateLimit-Remaining"] == "0"


async def test_pharmacies_are_counted_apart_and_may_have_a_limit_of_their_own(limited: Client) -> None:
    await limited.admin("PUT", f"/admin/pharmacies/{OTHER}", {"rate_limit": "2/hour"})
    vendor = (await limited.admin("POST", "/admin/keys", {"cnpjs": "all"}))["api_key"]
    assert await _statuses(limited, 6) == [202] * 5 + [429]
    posts = [
        await limited.post([{"CNPJ": OTHER, "PRODUCTID": n, "TITLE": "A"}], **{"X-Api-Key": vendor}) for n in (1, 2, 3)
    ]
    assert [answer.status_code for answer in posts] == [202, 202, 429]


async def test_a_key_with_a_limit_of_its_own_is_counted_by_it(limited: Client) -> None:
    asked = {"cnpjs": [CNPJ], "rate_limit": "7/hour"}
    key = (await limited.admin("POST", "/admin/keys", asked))["api_key"]
    assert await _statuses(limited, 8, **{"X-Api-Key": key}) == [202] * 7 + [429]
    assert (await limited.post(BODY, "delta")).status_code == 202


async def _read(client: Client, key: str) -> int:
    return (await client.http.get("/v1/batches", headers={"X-Api-Key": key})).status_code


def _wrong_key() -> str:
    return generate_key().text


async def test_an_address_with_too_many_wrong_keys_is_stopped_but_good_keys_there_go_on(limited: Client) -> None:
    assert (await limited.post(BODY)).status_code == 202
    wrong = [await limited.http.get("/v1/batches", headers={"X-Api-Key": f"wrong-{n}"}) for n in range(7)]
    assert [answer.status_code for answer in wrong] == [401] * 5 + [429] * 2
    assert int(wrong[-1].headers["Retry-After"]) > 0
    assert (await limited.post(BODY)).status_code == 202
    unseen = (await limited.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]}))["api_key"]
    chosen = (await limited.admin("POST", f"/admin/pharmacies/{OTHER}/api-key", {"key": "farmacia-escolheu-esta"}))[
        "api_key"
    ]
    assert [await _read(limited, key) for key in (unseen, chosen, _wrong_key(), "wrong-0")] == [200, 200, 429, 429]


async def test_a_good_key_works_after_a_restart_while_another_client_offers_wrong_ones(limited: Client) -> None:
    for number in range(7):
        await _read(limited, f"wrong-{number}")
    async with running(limited.hub.settings, []) as again:
        assert [await _read(again, _wrong_key()) for _ in range(7)] == [429] * 7
        assert await _read(again, limited.key) == 200


async def test_keys_that_people_choose_are_guessed_no_faster_from_a_blocked_address(limited: Client) -> None:
    key = "farmacia-escolheu-esta"
    await limited.admin("POST", f"/admin/pharmacies/{OTHER}/api-key", {"key": key})
    guesses = [await _read(limited, f"farmacia-{number}") for number in range(40)]
    assert guesses == [401] * 5 + [429] * 35
    assert await _read(limited, key) == 429
    assert await _read(limited, (await limited.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]}))["api_key"]) == 200


async def test_look_ups_of_a_blocked_address_are_few_at_once() -> None:
    looks, under_way, most = BlockedLookupLimit(), 0, 0

    async def look() -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return True

    found = await asyncio.gather(*(looks("a", look, is_chosen=False) for _ in range(300)), return_exceptions=True)
    assert most == 2 and sum(one is True for one in found) == 100
    assert all(isinstance(one, LookupLimitReached) for one in found if one is not True)


async def test_a_key_for_all_pharmacies_is_counted_by_itself_too(settings: Settings) -> None:
    vendors = ("Vq7-first-vendor-of-two", "Kz3-second-vendor-of-two")
    bounds = {"rate_limit": "50/hour", "key_rate_limit": "3/hour", "valid_api_keys": vendors}
    async with running(settings.model_copy(update=bounds), []) as client:
        made = (await client.admin("POST", "/admin/keys", {"cnpjs": "all"}))["api_key"]
        free = (await client.admin("POST", "/admin/keys", {"cnpjs": "all", "rate_limit": "off"}))["api_key"]
        for key in (*vendors, made):
            answers = [await _post_for(client, cnpj, key) for cnpj in (CNPJ, OTHER, CNPJ, OTHER)]
            assert answers == [(202, None)] * 3 + [(429, "rate_limited")]
        assert [(await _post_for(client, THIRD, free))[0] for _ in range(7)] == [202] * 7
        assert [(await _post_for(client, THIRD, ADMIN))[0] for _ in range(4)] == [202] * 4


async def _post_for(client: Client, cnpj: str, key: str) -> tuple[int, str | None]:
    answer = await client.post(
        [{"CNPJ": cnpj, "PRODUCTID": uuid4().int % 10**9 + 1, "TITLE": "A"}], **{"X-Api-Key": key}
    )
    return answer.status_code, answer.json().get("code")


async def test_a_vendors_key_makes_so_many_pharmacies_a_minute(settings: Settings) -> None:
    async with running(settings.model_copy(update={"new_pharmacy_limit": "2/hour"}), []) as client:
        vendor = (await client.admin("POST", "/admin/keys", {"cnpjs": "all"}))["api_key"]
        before = (await _metrics(client))["integrahub_pharmacies_created_total"]
        made = [await _post_for(client, cnpj, vendor) for cnpj in (CNPJ, OTHER, THIRD)]
        assert made == [(202, None), (202, None), (429, "pharmacies_limited")]
        assert (await _metrics(client))["integrahub_pharmacies_created_total"] == before + 2
        assert (await _post_for(client, OTHER, vendor))[0] == 202
        assert (await _post_for(client, THIRD, ADMIN))[0] == 202
        assert (await _post_for(client, THIRD, vendor))[0] == 202


async def test_a_hub_may_make_no_pharmacies_by_posts(settings: Settings) -> None:
    async with running(settings.model_copy(update={"auto_create_pharmacies": False}), []) as client:
        vendor = (await client.admin("POST", "/admin/keys", {"cnpjs": "all"}))["api_key"]
        assert await _post_for(client, CNPJ, vendor) == (403, "pharmacy_not_registered")
        assert (await client.admin("GET", "/admin/pharmacies"))["items"] == []
        await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"name": "Registered"})
        own = (await client.admin("POST", "/admin/keys", {"cnpjs": [OTHER]}))["api_key"]
        assert (await _post_for(client, CNPJ, vendor))[0] == (await _post_for(client, OTHER, own))[0] == 202


async def test_a_limiter_that_is_away_lets_posts_through_and_says_so(limited: Client) -> None:
    async with limited.hub.database.transaction() as connection:
        await connection.execute("DROP TABLE rate_windows")
    before = (await _metrics(limited))["integrahub_rate_limiter_failures_total"]
    assert await _statuses(limited, 7) == [202] * 7
    assert (await _metrics(limited))["integrahub_rate_limiter_failures_total"] == before + 7


async def _metrics(limited: Client) -> dict[str, float]:
    lines = (await limited.http.get("/metrics")).text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


async def test_a_limiter_that_hangs_holds_nobody_up(limited: Client) -> None:
    assert (await limited.post(BODY)).status_code == 202
    async with limited.hub.database.transaction() as connection:
        await connection.execute("LOCK TABLE rate_windows")
        async with asyncio.timeout(20):
            assert (await limited.post(BODY, "delta")).status_code == 202


async def test_keys_not_seen_before_are_looked_up_two_at_once_for_an_address() -> None:
    looks, under_way, seen = LookupLimit(), 0, set[int]()
    go_on = asyncio.Event()

    async def look(place: str) -> None:
        nonlocal under_way
        async with looks(place):
            under_way += 1
            seen.add(under_way)
            await go_on.wait()
            under_way -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(look("192.0.2.1"))
        await asyncio.sleep(0)
        group.create_task(look("192.0.2.2"))
        await asyncio.sleep(0)
        assert under_way == 3
        go_on.set()
    assert max(seen) == 3 and not looks._slots
