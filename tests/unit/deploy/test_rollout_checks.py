"""What a rollout checks over HTTP: the error budget as Prometheus answers it, the form of the console."""

import json
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from deploy.rollout.checks import BURNING, SmokeTest, find_burning
from deploy.rollout.platform import RolloutError
from tests.http_servers import QuietHandler, running

ROOT = Path(__file__).parents[3]


def _serve(status: int, body: bytes) -> ThreadingHTTPServer:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize(("result", "is_burning"), [([], False), ([{"value": [0, "0.05"]}], True)])
def test_the_error_budget_burns_if_the_expression_has_a_result(result: list[object], *, is_burning: bool) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
    with running(_serve(200, body)) as server:
        assert bool(find_burning(f"http://127.0.0.1:{server.server_port}")) is is_burning


def test_the_watched_expression_is_a_part_of_the_shipped_alert() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "slo.yml").read_text("utf-8")
    alert = rules.partition("alert: IntegraHubApiErrorBudgetFast\n")[2].splitlines()[0]
    assert alert.endswith(f" and {BURNING}")


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
