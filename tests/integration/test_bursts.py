"""A burst of posts from many pharmacies: it shares look-ups, so that it does not wait for the connection pool."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2
import pytest

from integrahub.db.database import Connection, Database
from integrahub.settings.model import Settings
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from tests.integration.conftest import CNPJ, PATH, Client, running

_PHARMACIES = 300
_UNKNOWN = "11222333000181"


@pytest.fixture
async def many(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client whose key covers many registered pharmacies, and one that is not registered."""
    async with running(settings.model_copy(update={"rate_limit": "off"}), []) as client:
        cnpjs = load_real_cnpjs(_PHARMACIES)
        for cnpj in cnpjs:
            await client.admin("PUT", f"/admin/pharmacies/{cnpj}", {"name": f"P {cnpj}"})
        key = {"cnpjs": [*cnpjs, _UNKNOWN], "scopes": ["ingest", "read"], "rate_limit": "off"}
        client.key = (await client.admin("POST", "/admin/keys", key))["api_key"]
        yield client


@contextmanager
def counted_transactions() -> Iterator[list[None]]:
    """Count the transactions opened by all pools of this process while the block runs."""
    opened: list[None] = []
    open_one = Database.transaction

    @asynccontextmanager
    async def count(database: Database, **how: bool) -> AsyncIterator[Connection]:
        opened.append(None)
        async with open_one(database, **how) as connection:
            yield connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "transaction", count)
        yield opened


async def post(client: Client, cnpj: str) -> httpx2.Response:
    headers = {"X-Api-Key": client.key, "X-Inova-Load-Type": "delta"}
    body = [{"PRODUCTID": 1, "TITLE": f"Product of {cnpj}"}]
    return await client.http.post(f"{PATH}?cnpj={cnpj}", json=body, headers=headers)


async def test_posts_of_many_pharmacies_at_once_share_their_look_ups(many: Client) -> None:
    cnpjs = load_real_cnpjs(_PHARMACIES)
    with counted_transactions() as opened:
        answers = await asyncio.gather(*(post(many, cnpj) for cnpj in cnpjs))
    assert {answer.status_code for answer in answers} == {202}
    assert len(opened) < _PHARMACIES / 3
    batches = [(await many.get(answer.headers["Location"]))["cnpj"] for answer in answers[:20]]
    assert batches == cnpjs[:20]


async def test_a_new_pharmacy_in_the_same_look_up_is_registered_and_another_keys_is_refused(many: Client) -> None:
    known = load_real_cnpjs(2)
    answers = await asyncio.gather(*(post(many, cnpj) for cnpj in (known[0], _UNKNOWN, CNPJ, known[1])))
    assert [answer.status_code for answer in answers] == [202, 202, 403, 202]
