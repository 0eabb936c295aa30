"""Load test: posts are valid, and the accounting agrees only if nothing is missing or duplicated."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integrahub.domain.pharmacies import parse_cnpj
from integrahub.tools.loadtest.accounting import Account
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, post_all
from integrahub.tools.loadtest.payloads import (
    Heads,
    Post,
    generate_equal_posts,
    generate_large_post,
    generate_small_posts,
    load_real_cnpjs,
)

_HEADS = Heads("http://127.0.0.1:8000", "a-key", "delta")


def _parted(post: Post) -> tuple[dict[str, str], list[dict[str, object]]]:
    head, body = b"".join(post.blocks).split(b"\r\n\r\n", 1)
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
    assert int(headers["Content-Length"]) == len(body)
    return headers, json.loads(body)


def test_small_posts_take_pharmacies_in_turn_and_repeat_no_product() -> None:
    cnpjs, seen = ["A", "B", "C"], set()
    for number, post in enumerate(generate_small_posts(_HEADS, cnpjs, 100, 7)):
        assert post.cnpj == cnpjs[number % 3]
        _, records = _parted(post)
        assert len(records) == post.records == 7
        seen |= {(post.cnpj, record["PRODUCTID"]) for record in records}
    assert len(seen) == 700


def test_a_large_post_is_one_array_of_the_length_it_claims() -> None:
    (post,) = generate_large_post(_HEADS, "A", 20_000)
    _, records = _parted(post)
    assert len({record["PRODUCTID"] for record in records}) == 20_000


def test_each_pharmacy_of_many_posts_the_same_catalogue_once() -> None:
    bodies = {post.cnpj: _parted(post)[1] for post in generate_equal_posts(_HEADS, ["A", "B"], 50)}
    assert bodies["A"] == bodies["B"] and len(bodies["A"]) == 50


def test_the_packaged_pharmacies_have_real_cnpjs() -> None:
    cnpjs = load_real_cnpjs(1000)
    assert len(set(cnpjs)) == 1000 and [parse_cnpj(cnpj) for cnpj in cnpjs] == cnpjs


def test_an_account_adds_up_only_when_every_figure_agrees() -> None:
    assert Account(2, 2, 20, 20, 20, 20).adds_up
    for wrong in ((2, 1, 20, 20, 20, 20), (2, 3, 20, 20, 20, 20), (2, 2, 20, 19, 19, 19), (2, 2, 20, 20, 20, 21)):
        assert not Account(*wrong).adds_up


@asynccontextmanager
async def _answering(*answers: bytes) -> AsyncIterator[ConnectionPool]:
    """Run a server with these responses in turn; an empty one closes the connection."""
    left = iter(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(1 << 16):
            assert head.startswith(b"POST /v1/inovafarma/products")
            if not (told := next(left)):
                break
            writer.write(told)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield ConnectionPool(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", ssl.create_default_context())


def _http(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


async def test_refusals_and_broken_connections_are_counted_and_the_rest_goes_on() -> None:
    taken = [_http("202 Accepted", b'{"batch_id":"%d"}' % n) for n in (1, 2, 2)]
    tally = Tally()
    async with _answering(taken[0], _http("503 Busy", b"later"), b"", taken[1], taken[2]) as road:
        await post_all(road, generate_small_posts(_HEADS, ["A"], 5, 1), 1, tally)
    assert dict(tally.statuses) == {"202": 3, "503": 1, "no answer": 1}
    assert tally.accepted == {"1": ("A", 1), "2": ("A", 1)} and tally.repeated == ["2"]
    assert tally.refusals[0] == "503: later" and tally.refusals[1].startswith("no answer: ")
