"""Real Prometheus on a hub under load, with the shipped rules; only addresses, intervals and windows differ."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2

from integrahub.tools.devservices.prometheus import run_prometheus
from tests.acceptance.conftest import ADMIN, PATH, Installation
from tests.http_servers import QuietHandler, running

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PATIENCE = 90.0  # seconds
_PHARMACIES = ("05927228000145", "33000167000101", "60746948000112", "00000000000191")


def scaled(rules: str, by: int) -> str:
    """Return the rules with shorter windows and waits, without those that only promtool can test."""

    def shorter(match: "re.Match[str]") -> str:
        return f"{match[1]}{int(match[2]) * _UNITS[match[3]] * 1000 // by}ms{match[4]}"

    if by == 1:
        return rules
    # One missed scrape is a thousandth of an hour, and much more of an hour that is a few seconds long.
    unscaled = r"\w+Budget(?:Slow|Leak)|\w+UptimeBudgetFast"
    kept = re.sub(rf" +- alert: (?:{unscaled})\n(?: {{8,}}.*\n)+", "", rules)
    return re.sub(r"(\[|for: )(\d+)([smhd])(\]|\n)", shorter, kept)


class Prometheus:
    """Client of Prometheus's HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(base_url=f"{self.url}/api/v1", timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of a query, without NaN."""
        answer = self._http.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        return [s for s in answer["data"]["result"] if s["value"][1] not in ("NaN", "+Inf", "-Inf")]

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its last evaluation."""
        groups = self._http.get("/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def firing(self) -> set[str]:
        """Return the alerts that fire now; those of breakers with their dependency."""
        return {_told(sample["metric"]) for sample in self.query('ALERTS{alertstate="firing"}')}

    def fired(self, seconds: int) -> set[str]:
        """Return the alerts that fired within the last seconds."""
        return {_told(s["metric"]) for s in self.query(f'count_over_time(ALERTS{{alertstate="firing"}}[{seconds}s])')}

    def wait(self, holds: Callable[[], bool], describe: Callable[[], object]) -> None:
        """Wait until the condition holds."""
        end, never = monotonic() + _PATIENCE, threading.Event()
        while not holds():
            assert monotonic() < end, describe()
            never.wait(0.3)

    def ready(self) -> bool:
        """Return True if the server answers."""
        try:
            return bool(self.query("up"))
        except (httpx2.HTTPError, ValueError):
            return False


def _told(metric: dict[str, str]) -> str:
    name = metric["alertname"].removeprefix("IntegraHub")
    return f"{name} {metric['dependency']}" if "dependency" in metric else name


@contextmanager
def prometheus(folder: Path, hub_port: int, by: int) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes the hub every second, with windows `by` times shorter."""
    with run_prometheus(folder / "prometheus", f"127.0.0.1:{hub_port}", 1, partial(scaled, by=by)) as url:
        running = Prometheus(url)
        try:
            running.wait(running.ready, lambda: (folder / "prometheus" / "prometheus.log").read_text()[-2000:])
            yield running
        finally:
            running.close()


@contextmanager
def load(hub: Installation, pause: float = 0.05) -> Iterator[list[int]]:
    """Post large and small bodies with a pause in seconds until the block ends; record their statuses."""
    done, statuses = threading.Event(), list[int]()

    def post() -> None:
        number = 0
        with httpx2.Client(base_url=hub.http.base_url, timeout=30) as http:
            while not done.wait(pause):
                number += 1
                statuses.append(_post(http, number))

    posting = threading.Thread(target=post)
    posting.start()
    try:
        yield statuses
    finally:
        done.set()
        posting.join()


class _Receiver(QuietHandler):
    """Refuses the first webhook and accepts the others, so that both results are counted."""

    answers = iter((500,))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.respond(next(self.answers, 204))


@contextmanager
def webhook_receiver() -> Iterator[str]:
    """Run a receiver of webhooks; yield its URL."""
    with running(ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)) as server:
        yield f"http://127.0.0.1:{server.server_port}/"


def _post(http: httpx2.Client, number: int) -> int:
    size = 900 if number % 3 == 0 else 20
    records = [{"PRODUCTID": n, "TITLE": f"P {n} " + "x" * 60, "PRICE": number} for n in range(1, size)]
    records += [{"PRODUCTID": size, "TITLE": "unreadable", "PRICE": "x"}] if number % 5 == 0 else []
    headers = {"X-Admin-Api-Key": ADMIN, "X-Inova-Load-Type": "full" if size > 20 else "delta"}
    asked = {"cnpj": _PHARMACIES[number % len(_PHARMACIES)]}
    try:
        return http.post(PATH, params=asked, content=json.dumps(records), headers=headers).status_code
    except httpx2.HTTPError:
        return 0
