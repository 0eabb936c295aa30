"""What a rollout checks over HTTP: the error budget as Prometheus answers it, the form of the console."""

import json
import re
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from deploy.rollout.checks import BURNING, PRESENT, VERIFY_TIMEOUT_SECONDS, SmokeTest, find_burning
from deploy.rollout.platform import RolloutError
from deploy.rollout.rollout import Limits
from tests.http_servers import QuietHandler, running

ROOT = Path(__file__).parents[3]


def _serve(status: int, body: bytes) -> ThreadingHTTPServer:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _prometheus(**results: list[object]) -> ThreadingHTTPServer:
    """Return a server that knows the results of the queries that it is given by name."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            (query,) = parse_qs(urlsplit(self.path).query)["query"]
            body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": results[query]}})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize(("result", "is_burning"), [([], False), ([{"value": [0, "0.05"]}], True)])
def test_the_error_budget_burns_if_the_expression_has_a_result(result: list[object], *, is_burning: bool) -> None:
    with running(_prometheus(burning=result, present=[1])) as server:
        found = find_burning(f"http://127.0.0.1:{server.server_port}", "burning", "present")
        assert bool(found) is is_burning


def test_an_error_budget_without_its_rules_or_without_prometheus_cannot_be_seen() -> None:
    with (
        running(_prometheus(burning=[], present=[])) as server,
        pytest.raises(RolloutError, match="no result of present"),
    ):
        find_burning(f"http://127.0.0.1:{server.server_port}", "burning", "present")
    with running(_serve(200, b"<p>")) as server, pytest.raises(RolloutError, match="not answer as Prometheus"):
        find_burning(f"http://127.0.0.1:{server.server_port}")


def test_the_watched_expression_is_a_part_of_the_shipped_alert() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "slo.yml").read_text("utf-8")
    alert = rules.partition("alert: IntegraHubApiErrorBudgetFast\n")[2].splitlines()[0]
    assert alert.endswith(f" and {BURNING}")
    needed = re.findall(r"count\(([a-z0-9_:]+)\)", PRESENT)
    assert all(name in rules for name in needed) and f"record: {needed[1]}\n" in rules


def test_the_limits_of_a_rollout_hold_what_its_checks_take() -> None:
    limits = Limits()
    assert (limits.verify, limits.smoke) == (VERIFY_TIMEOUT_SECONDS, SmokeTest("", "", "", "").longest)
    assert limits.settle > 300 and "ratio_rate5m" in BURNING


@pytest.mark.parametrize(
    ("status", "body", "reason"), [(404, b"", "answered 404"), (503, b"busy", "503: busy"), (200, b"<p>", "no form")]
)
def test_a_console_without_its_form_fails_the_smoke_test(status: int, body: bytes, reason: str) -> None:
    with running(_serve(status, body)) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(RolloutError, match=reason):
            dict(SmokeTest(url, url, "key", "cnpj").run())["console"]()


def test_an_address_that_does_not_answer_fails_the_smoke_test() -> None:
    with pytest.raises(RolloutError, match="failed"):
        dict(SmokeTest("http://127.0.0.1:9", "", "key", "cnpj").run())["api"]()
