"""Clients of a soak test: they post, read and look at the console, and repeat what fails as real clients do."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import monotonic

import httpx2

from integrahub.domain.dialects.inovafarma.keys import KEYS
from integrahub.tools.demo.catalogue import load_sample
from integrahub.tools.loadtest.payloads import PATH, Template
from integrahub.tools.soak.ledger import Ledger

PRODUCTS_PER_DELTA = 10
PRODUCTS_PER_FULL = 200
_FIRST_PRODUCT_ID = 1_000_000_000
_POST_PAUSE_SECONDS = 0.25
_READ_PAUSE_SECONDS = 0.3
_REPEAT_SECONDS = 0.3
_MAX_REPEAT_SECONDS = 3.0
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_READS = ("/v1/products?cnpj={cnpj}&limit=50", "/v1/batches?limit=20", "/v1/products?cnpj={cnpj}&q=dipirona", "/health")
_PAGES = ("", "/batches", "/pharmacies", "/failures", "/webhooks", "/system")


@dataclass(slots=True)
class Traffic:
    """What all clients of a soak test share. `is_cut` says whether connections of posts are to be cut now."""

    http: httpx2.AsyncClient
    key: str
    ledger: Ledger
    stop: asyncio.Event
    is_cut: Callable[[], bool]
    prices: dict[str, float] = field(default_factory=dict)  # of the last FULL by pharmacy
    started: float = field(default_factory=monotonic)

    def second(self) -> float:
        """Return the second of the run."""
        return monotonic() - self.started

    async def post_deltas(self, cnpj: str) -> None:
        """Post DELTAs of new products until the stop, each until it is acknowledged."""
        sample = load_sample()
        templates = [Template(sample[at : at + PRODUCTS_PER_DELTA]) for at in range(0, 500, PRODUCTS_PER_DELTA)]
        for number in itertools.count():
            if self.stop.is_set():
                return
            body = templates[number % len(templates)].fill(number * PRODUCTS_PER_DELTA)
            await self._post(cnpj, body, "delta", f"{cnpj}-{number}", PRODUCTS_PER_DELTA)
            self.ledger.products[cnpj] += PRODUCTS_PER_DELTA
            await self._pause(_POST_PAUSE_SECONDS)

    async def post_fulls(self, cnpj: str) -> None:
        """Post the same catalogue at another price until the stop."""
        records = [
            record | {KEYS.product_id: _FIRST_PRODUCT_ID + number, KEYS.cnpj: cnpj}
            for number, record in enumerate(load_sample()[:PRODUCTS_PER_FULL])
        ]
        for number in itertools.count(1):
            if self.stop.is_set():
                return
            body = json.dumps([record | {KEYS.price: number} for record in records]).encode()
            await self._post(cnpj, body, "full", f"{cnpj}-full-{number}", PRODUCTS_PER_FULL)
            self.ledger.products[cnpj], self.prices[cnpj] = PRODUCTS_PER_FULL, float(number)
            await self._pause(4 * _POST_PAUSE_SECONDS)

    async def read(self, cnpj: str) -> None:
        """Read products and batches of a pharmacy, once the hub knows it, and the state of the hub, until the stop."""
        while not (self.ledger.products[cnpj] or self.stop.is_set()):
            await self._pause(_READ_PAUSE_SECONDS)
        for path in itertools.cycle(_READS):
            if self.stop.is_set():
                return
            await self._get("read", path.format(cnpj=cnpj), {"X-Api-Key": self.key})
            await self._pause(_READ_PAUSE_SECONDS)

    async def look_at_console(self, cookie: dict[str, str]) -> None:
        """Load pages of the console until the stop."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookie.items())}
        for page in itertools.cycle(_PAGES):
            if self.stop.is_set():
                return
            await self._get("console", f"/console{page}", headers)
            await self._pause(3 * _READ_PAUSE_SECONDS)

    async def _post(self, cnpj: str, body: bytes, load_type: str, key: str, records: int) -> None:
        """Repeat a post under its idempotency key until it is acknowledged or refused for good."""
        headers = {"X-Api-Key": self.key, "X-Inova-Load-Type": load_type, "Idempotency-Key": key}
        headers["Content-Type"] = "application/json"
        for attempt in itertools.count():
            content, sent = self._cut(body) if self.is_cut() else body, monotonic()
            try:
                answer = await self.http.post(PATH, params={"cnpj": cnpj}, content=content, headers=headers)
            except (httpx2.HTTPError, _Cut) as error:
                self._count("post", error, sent)
            else:
                self._count("post", answer, sent)
                if answer.status_code == 202:
                    self.ledger.acknowledge(answer.json()["batch_id"], cnpj, records)
                    return
                if answer.status_code not in _TEMPORARY:
                    self.ledger.refusals.append(f"{answer.status_code}: {answer.text[:200]}")
                    return
            await asyncio.sleep(min(_MAX_REPEAT_SECONDS, _REPEAT_SECONDS * 2 ** min(attempt, 5)))

    async def _cut(self, body: bytes) -> AsyncIterator[bytes]:
        """Send half of a body, then break the connection."""
        yield body[: len(body) // 2]
        await asyncio.sleep(0)
        raise _Cut

    async def _get(self, kind: str, path: str, headers: dict[str, str]) -> None:
        sent = monotonic()
        try:
            answer = await self.http.get(path, headers=headers)
            self._count(f"{kind} {path}", answer, sent)
        except httpx2.HTTPError as error:
            self._count(f"{kind} {path}", error, sent)

    def _count(self, request: str, answer: httpx2.Response | Exception, sent: float) -> None:
        name = type(answer).__name__.strip("_") if isinstance(answer, Exception) else str(answer.status_code)
        self.ledger.count(request, name, self.second(), monotonic() - sent)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return


class _Cut(Exception):
    """The connection is broken on purpose."""
