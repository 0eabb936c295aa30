"""Posts that are plain or not, and one hub on two ports that takes them both ways."""

import gzip
import itertools
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
import pytest_asyncio

from integrahub.access import rate_limiter
from integrahub.api import pharmacy_cache
from integrahub.api.auth import authentication
from integrahub.api.posts.plain import PlainPosts
from integrahub.pipeline.ingest import admission
from integrahub.settings.model import Settings
from tests.conftest import Server
from tests.integration.conftest import ADMIN, CNPJ, PATH, Client, running
from tests.integration.listening import Wire, listening

OTHER = "33000167000101"
_NUMBERS = itertools.count(1)
_VARYING = (
    (rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"<uuid>"),
    (rb"[0-9a-f]{32}", b"<trace>"),
    (rb"20[0-9-]{8}T[0-9:.]+Z", b"<time>"),
    (rb"(?i)\r\ndate: [^\r]+", b"\r\ndate: <date>"),
    (rb"(?i)(reset: |;t=)[0-9]+", rb"\1<seconds>"),
)


@dataclass(frozen=True)
class Case:
    """One request. `KEY` in a header stands for the client's key, `NUMBER` for a number that no other body has."""

    headers: dict[str, str | None] = field(default_factory=dict)  # on top of the usual ones; None leaves one out
    body: bytes = b'[{"PRODUCTID":NUMBER,"TITLE":"Dipirona"}]'
    target: str = PATH
    line: str = "POST {} HTTP/1.1"
    encode: Callable[[bytes], bytes] = bytes

    def build(self, key: str) -> bytes:
        """Return the request, each time with another number."""
        number = b"%09d" % next(_NUMBERS)
        body = self.encode(self.body.replace(b"NUMBER", number))
        usual = {"Host": "hub", "X-Api-Key": "KEY", "X-Inova-Load-Type": "delta", "Content-Type": "application/json"}
        given = usual | {"Content-Length": str(len(body))} | self.headers
        fields = (f"{name}: {value}" for name, value in given.items() if value is not None)
        head = "\r\n".join([self.line.format(self.target), *fields, "", ""])
        return head.replace("KEY", key).replace("NUMBER", number.decode()).encode("latin-1") + body


_BEARER: dict[str, str | None] = {"X-Api-Key": None, "Authorization": "Bearer KEY"}
PLAIN = {
    "the usual headers": Case(),
    "a bearer key and the CNPJ in the query": Case(_BEARER, target=f"{PATH}?cnpj={CNPJ}"),
    "the key in a header of older clients": Case({"X-Api-Key": None, "X-Inova-Api-Key": "KEY"}),
    "a FULL": Case({"X-Inova-Load-Type": "FULL"}),
    "a charset that is UTF-8": Case({"Content-Type": "application/json; charset=utf-8"}),
    "no content type": Case({"Content-Type": None}),
    "a count of records": Case({"X-Inova-Item-Count": "1"}),
    "an idempotency key": Case({"Idempotency-Key": " one-NUMBER"}),
    "headers of a proxy": Case({"X-Forwarded-For": "10.0.0.1", "Via": "1.1 p", "User-Agent": "erp/1", "Accept": "*/*"}),
    "blanks": Case(body=b'\r\n [ {"PRODUCTID":NUMBER,"TITLE":"x"} ]\n'),
    "accents": Case(body='[{"PRODUCTID":NUMBER,"TITLE":"Ácido acetilsalicílico"}]'.encode()),
    "a wrong CNPJ in the record": Case(body=b'[{"PRODUCTID":NUMBER,"TITLE":"x","CNPJ":"1"}]'),
    "a body that ends early": Case(body=b'[{"PRODUCTID":NUMBER,"TITLE":"x"'),
}
UNUSUAL = {
    "an unknown header": Case({"X-Trace": "1"}),
    "two keys": Case({"Authorization": "Bearer KEY"}),
    "a wrong key": Case({"X-Api-Key": "ihub_live_wrong"}),
    "no key": Case({"X-Api-Key": None}),
    "a blank key": Case({"X-Api-Key": " "}),
    "no load type": Case({"X-Inova-Load-Type": None}),
    "an unknown load type": Case({"X-Inova-Load-Type": "partial"}),
    "a load type in mixed case": Case({"X-Inova-Load-Type": "Delta"}),
    "a dry run": Case({"X-Inova-Dry-Run": "true"}),
    "a preferred receipt": Case({"Prefer": "receipt"}),
    "another content type": Case({"Content-Type": "text/csv"}),
    "Windows-1252": Case({"Content-Type": "application/json; charset=windows-1252"}),
    "an unknown charset": Case({"Content-Type": "application/json; charset=nonsense"}),
    "lines": Case({"Content-Type": "application/x-ndjson"}, b'{"PRODUCTID":NUMBER}\n'),
    "gzip": Case({"Content-Encoding": "gzip"}, encode=partial(gzip.compress, mtime=0)),
    "an encoding that changes nothing": Case({"Content-Encoding": "identity"}),
    "an object": Case(body=b'{"PRODUCTID":NUMBER}'),
    "an empty array": Case(body=b"[]"),
    "an empty array for a CNPJ": Case(body=b"[ ]", target=f"{PATH}?cnpj={CNPJ}"),
    "no body": Case(body=b""),
    "bytes that are no UTF-8": Case(body=b'[{"PRODUCTID":NUMBER,"TITLE":"\xc1cido acetilsalic\xedlico"}]'),
    "UTF-16": Case(body="[{}]".encode("utf-16")),
    "more than fits the row": Case(body=b'[{"PRODUCTID":NUMBER,"TITLE":"x"' + b" " * 65536 + b"}]"),
    "a connection to close": Case({"Connection": "close"}),
    "HTTP/1.0": Case(line="POST {} HTTP/1.0"),
    "an upgrade": Case({"Connection": "upgrade", "Upgrade": "h2c"}),
    "an invalid CNPJ": Case(target=f"{PATH}?cnpj=11111111111111"),
    "another pharmacy": Case(target=f"{PATH}?cnpj={OTHER}"),
    "an unknown parameter": Case(target=f"{PATH}?cnpj={CNPJ}&x=1"),
    "an encoded parameter": Case(target=f"{PATH}?cnpj=05.927.228%2F0001-45"),
    "an empty parameter": Case(target=f"{PATH}?cnpj="),
    "an encoded path": Case(target="/v1/inovafarma/product%73"),
    "another path": Case(target=f"{PATH}/"),
    "another method": Case(line="PUT {} HTTP/1.1"),
    "a long idempotency key": Case({"Idempotency-Key": "k" * 256}),
    "an unreadable count": Case({"X-Inova-Item-Count": "one"}),
    "a count with a sign": Case({"X-Inova-Item-Count": "-1"}),
    "a key twice": Case({"x-api-key": "KEY"}),
    "a length twice": Case({"content-length": "1"}),
}


@dataclass
class Ways:
    """One hub on two ports: `plain` with the shorter path, `whole` without. `taken` counts posts on that path."""

    client: Client
    plain: int
    whole: int
    taken: list[object]

    async def send(self, port: int, case: Case, key: str = "", times: int = 1) -> list[bytes]:
        """Send the same request `times` on a new connection; return the answers without what always differs."""
        async with Wire(port) as wire:
            request, answers = case.build(key or self.client.key), []
            for _ in range(times):
                await wire.send(request)
                answers.append(steady(b"".join(await wire.raw_answer())))
        return answers

    async def warm_up(self, key: str = "") -> None:
        """Post through the application, so that key, pharmacy and backlog are cached."""
        await self.send(self.whole, Case(), key)


def steady(answer: bytes) -> bytes:
    """Return an answer without what differs each time."""
    for pattern, name in _VARYING:
        answer = re.sub(pattern, name, answer)
    return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ways(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ways]:
    """Yield a hub without workers on two ports, and the client of one pharmacy."""
    url, folder = postgres.create_database("plain_posts"), tmp_path_factory.mktemp("plain")
    settings = Settings(database_url=url, data_dir=folder, admin_api_key=ADMIN, rate_limit="off")
    taken: list[object] = []
    with pytest.MonkeyPatch.context() as patched:
        accept = PlainPosts.accept
        patched.setattr(PlainPosts, "accept", lambda *given: (taken.append(given[1]), accept(*given))[1])
        # Nothing expires between a warm-up and the post after it, also on a busy machine.
        patched.setattr(authentication, "_KEY_CACHE_TTL_SECONDS", 600.0)
        patched.setattr(pharmacy_cache, "_PHARMACY_CACHE_TTL_SECONDS", 600.0)
        patched.setattr(admission, "_MAX_COUNT_AGE_SECONDS", 600.0)
        patched.setattr(rate_limiter, "_HIT_TIMEOUT_SECONDS", 60.0)  # after it posts pass uncounted
        try:
            async with (
                running(settings, []) as client,
                listening(client.app, settings) as plain,
                listening(client.app, settings, plain_posts=False) as whole,
            ):
                client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
                await client.admin("POST", f"/admin/pharmacies/{OTHER}/api-key")
                ways = Ways(client, plain, whole, taken)
                while client.app.state.plain_posts._small_posts._admission._counted_at < 0:
                    await ways.warm_up()
                yield ways
        finally:
            postgres.drop_database("plain_posts")
