"""What a rollout checks from outside: signature, smoke test, error budget."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from deploy.rollout.platform import Reference, RolloutError

_HTTP_TIMEOUT_SECONDS = 15.0
_POLL_INTERVAL_SECONDS = 0.25
VERIFY_TIMEOUT_SECONDS = 120.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PRODUCT_ID = 999999901  # of the test pharmacy alone
# The condition of the alert IntegraHubApiErrorBudgetFast over its short window.
BURNING = "integrahub:slo_api_errors:ratio_rate5m > 14.4 * 0.001"
# Has a result if the hub is scraped and its service levels are recorded. The ratio of errors has none without errors.
PRESENT = "count(integrahub_http_requests_total) and count(integrahub:slo_uptime:ratio_rate5m)"


def verify_signature(command: str, target: Reference) -> None:
    """Run a command, in which `{reference}` stands for the target. Raise RolloutError unless it exits with 0."""
    words = [word.replace("{reference}", str(target)) for word in shlex.split(command)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=VERIFY_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RolloutError(f"The signature of {target} could not be checked: {error}") from None
    if done.returncode:
        raise RolloutError(f"The signature of {target} is missing or wrong: {(done.stderr or done.stdout).strip()}")


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """Smoke test of a hub: one product of a test pharmacy is changed and read back; webhook and console answer."""

    url: str
    console_url: str
    key: str
    cnpj: str
    timeout: float = 60.0

    @property
    def longest(self) -> float:
        """How long the checks take at most: six calls, and two polls whose last call begins at their end."""
        return 6 * _HTTP_TIMEOUT_SECONDS + 2 * (self.timeout + _HTTP_TIMEOUT_SECONDS)

    def run(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield each check under its name. A check returns what it saw, or raises RolloutError."""
        yield "api", self._check_api
        yield "delta", self._check_delta
        yield "webhook", self._check_webhook
        yield "console", self._check_console

    def _check_api(self) -> str:
        self._call("GET", "/readyz")
        return f"{self.url} is ready"

    def _check_delta(self) -> str:
        """Change the quantity of the product, wait until the batch is final, and read the quantity back."""
        quantity = time.time_ns() // 1_000_000 % 100_000
        record = {"CNPJ": self.cnpj, "PRODUCTID": _PRODUCT_ID, "TITLE": "ROLLOUT", "QUANTITY": quantity}
        headers = {"X-Inova-Load-Type": "delta", "Content-Type": "application/json"}
        batch = self._call("POST", "/v1/inovafarma/products", json.dumps([record]).encode(), headers)["batch_id"]
        ended = self._poll(
            f"/v1/batches/{batch}", lambda found: bool(found["finished_at"]), f"Batch {batch} is not final"
        )
        if ended["status"] != "COMPLETED":
            raise RolloutError(f"Batch {batch} ended as {ended['status']}. Expected: COMPLETED.")
        found = self._call("GET", f"/v1/products/{_PRODUCT_ID}?{urlencode({'cnpj': self.cnpj})}")
        if found["quantity"] != quantity:
            raise RolloutError(f"Product {_PRODUCT_ID} has quantity {found['quantity']}. Expected: {quantity}.")
        return f"quantity {quantity} read back after batch {batch}"

    def _check_webhook(self) -> str:
        """Send a test event to the address of the test pharmacy, if it has one."""
        query = urlencode({"cnpj": self.cnpj})
        try:
            sent = self._call("POST", f"/v1/webhook/test?{query}")["delivery_id"]
        except _NotFound:
            return "the test pharmacy has no webhook address"
        path = f"/v1/webhook/deliveries/{sent}"
        self._poll(path, lambda found: found["state"] == "delivered", f"Webhook {sent} is not delivered")
        return f"delivery {sent} is delivered"

    def _check_console(self) -> str:
        answer = _fetch(Request(f"{self.console_url}/console/login"))
        if b'name="password"' not in answer:
            raise RolloutError(f"{self.console_url}/console/login shows no form to sign in.")
        return f"{self.console_url} shows its form"

    def _poll(self, path: str, holds: Callable[[dict[str, Any]], bool], problem: str) -> Any:
        end = time.monotonic() + self.timeout
        while not holds(found := self._call("GET", path)):
            if time.monotonic() > end:
                raise RolloutError(f"{problem} after {self.timeout:.0f} s.")
            time.sleep(_POLL_INTERVAL_SECONDS)
        return found

    def _call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        given = {"X-Api-Key": self.key, **(headers or {})}
        answer = _fetch(Request(f"{self.url}{path}", body, given, method=method))
        return json.loads(answer) if answer.startswith((b"{", b"[")) else answer


def find_burning(prometheus_url: str, expression: str = BURNING, present: str = PRESENT) -> str | None:
    """Return what Prometheus answers if the error budget burns too fast, else None.

    Raise RolloutError if it cannot be seen: Prometheus does not answer, or `present` has no result.
    """
    if not _query(prometheus_url, present):
        raise RolloutError(f"Prometheus has no result of {present}. Load the hub's rules, and let it scrape the hub.")
    found = _query(prometheus_url, expression)
    return f"{expression}: {json.dumps(found)}" if found else None


def _query(prometheus_url: str, expression: str) -> list[Any]:
    answer = _fetch(Request(f"{prometheus_url}/api/v1/query?{urlencode({'query': expression})}"))
    try:
        return list(json.loads(answer)["data"]["result"])
    except (ValueError, KeyError, TypeError):
        raise RolloutError(f"{prometheus_url} does not answer as Prometheus: {answer[:300]!r}") from None


class _NotFound(RolloutError):
    """The hub answered 404."""


def _fetch(request: Request) -> bytes:
    is_loopback = urlsplit(request.full_url).hostname in _LOOPBACK
    opener = build_opener(ProxyHandler({})) if is_loopback else build_opener()
    shown = f"{request.get_method()} {request.full_url.partition('?')[0]}"
    try:
        with opener.open(request, timeout=_HTTP_TIMEOUT_SECONDS) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        text = f"{shown} answered {error.code}: {error.read()[:300].decode(errors='replace')}"
        raise (_NotFound if error.code == 404 else RolloutError)(text) from None
    except (URLError, OSError) as error:
        raise RolloutError(f"{shown} failed: {error}") from None
