"""Client of the crash tests: retries at both APIs until it gets a response."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
from stdnum.br import cnpj as oracle

from tests.crash.random_kills import ADMIN, Swarm
from tests.reference_model.consumer import Consumer, shown
from tests.reference_model.loads import Load
from tests.reference_model.wire import body_of

_PATIENCE = 600  # tries of a tenth of a second


def cnpj_of(number: int) -> str:
    """Return a CNPJ with valid check digits."""
    root = f"{number:012d}"
    return root + str(oracle.calc_check_digits(root))


class Client:
    """Requests with the operator's key. A request returns only when a hub is up and not overloaded."""

    def __init__(self, swarm: Swarm, draw: random.Random) -> None:
        self._swarm = swarm
        self._draw = draw
        self._http = httpx2.Client(headers={"X-Admin-Api-Key": ADMIN}, timeout=20)
        self._pause = threading.Event()

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        failures: Counter[str] = Counter()
        for _ in range(_PATIENCE):
            try:
                url = f"http://127.0.0.1:{self._draw.choice(self._swarm.ports)}{path}"
                answer = self._http.request(method, url, **request)
                if answer.status_code != 503:
                    return answer
                failures[answer.text[:300]] += 1
            except httpx2.TransportError as error:
                failures[repr(error)] += 1
            self._pause.wait(0.1)
        raise AssertionError(f"no answer to {method} {path}: {failures.most_common(5)}")

    def post(self, cnpj: str, load: Load, key: str) -> str:
        """Post a body and return the batch id."""
        body, headers = body_of(load.records, load.form)
        headers |= {"X-Inova-Load-Type": load.kind, "Idempotency-Key": key} | load.headers
        answer = self.call("POST", f"/v1/inovafarma/products?cnpj={cnpj}", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["batch_id"])

    def poll(self, cnpj: str, consumer: Consumer, limit: int) -> None:
        """Read one page of the change feed. Without any post the pharmacy may not exist yet."""
        query = consumer.request(limit) | {"cnpj": cnpj}
        answer = self.call("GET", "/v1/products/changes", params=query)
        if answer.status_code != 404:
            consumer.receive((answer.status_code, answer.json()))

    def drain(self, cnpj: str, consumer: Consumer, limit: int) -> None:
        """Read the change feed to its end, and compare what the consumer has with the products."""
        consumer.has_more = True
        while consumer.has_more:
            self.poll(cnpj, consumer, limit)
        assert consumer.products == self.products(cnpj), consumer

    def products(self, cnpj: str) -> dict[int, dict[str, Any]]:
        """Return all products, active or not, without what the change feed leaves out."""
        by_id: dict[int, dict[str, Any]] = {}
        query = {"cnpj": cnpj, "include_inactive": "true", "sort": "product_id", "limit": "100"}
        while True:
            page = self.call("GET", "/v1/products", params=query).json()
            by_id |= {item["id"]: shown(item) for item in page["items"]}
            if page["pagination"]["next_cursor"] is None:
                return by_id
            query["cursor"] = page["pagination"]["next_cursor"]

    def upload(self, cnpj: str, load: Load, key: str, released: threading.Event) -> str:
        """Post a body too large for its row, send its end on release, and return the batch id."""
        headers = {"X-Inova-Load-Type": load.kind, "Content-Type": "application/json", "Idempotency-Key": key}
        url = f"http://127.0.0.1:{self._swarm.ports[0]}/v1/inovafarma/products?cnpj={cnpj}"
        begin = body_of(load.records, "spaced")[0][:-1] + b" " * 100_000

        def body() -> Iterator[bytes]:
            yield begin
            released.wait(60)
            yield b"]"

        answer = self._http.post(url, content=body(), headers=headers, timeout=120)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["batch_id"])
