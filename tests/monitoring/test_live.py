"""Shipped rules and dashboards in a real Prometheus: every query has a result, and outages fire their alerts."""

import asyncio
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import yaml
from deploy.grafana import generate
from deploy.rollout.checks import find_burning

from integrahub.tools.devservices.kafka import run_kafka
from integrahub.tools.devservices.program import find_free_ports
from integrahub.tools.devservices.prometheus import SHIPPED
from integrahub.tools.soak.alerts import ActiveAlert, fetch_alerts
from tests.acceptance.conftest import ADMIN, Installation
from tests.monitoring.proxying import ThreadedProxy
from tests.monitoring.running import Prometheus, load, prometheus, webhook_receiver

_SCALE = 20
# Nothing of it happens in a healthy hub: no retry is used up, nothing is counted.
_MAY_BE_EMPTY = {"Success of retries (1 h)", "Novas tentativas com sucesso (1 h)"}
_RETRIES = "slo_retries_failed"


@dataclass(frozen=True)
class Broker:
    """Kafka that can be stopped and restarted on its data."""

    stop: Callable[[], None]
    start: Callable[[], None]


def _without_comparison(query: str) -> str:
    """Return an alert's expression without its threshold."""
    return re.sub(r" (?:>|==) ", " - ", query)


def _unanswered(asked: Prometheus, queries: dict[str, str]) -> list[str]:
    return [f"{name}: {query}" for name, query in queries.items() if not asked.query(query)]


def _queries(asked: Prometheus) -> dict[str, str]:
    rules = {
        rule["name"]: _without_comparison(rule["query"])
        for rule in asked.rules()
        if _RETRIES not in rule["name"] + rule["query"]
    }
    panels = {
        f"{board.title} / {panel.title} / {legend}": query
        for board in generate.ALL
        for panel in board.panels
        for legend, query in panel.queries.items()
        if panel.title not in _MAY_BE_EMPTY
    }
    return rules | panels | {f"KEDA / {query}": query for query in _scaled_by()}


def _scaled_by() -> list[str]:
    """Return KEDA's query to Prometheus."""
    scaled = yaml.safe_load((SHIPPED.parent / "kubernetes" / "keda" / "upsert-more.yaml").read_text("utf-8"))
    triggers = scaled["spec"]["triggers"]
    return [trigger["metadata"]["query"] for trigger in triggers if trigger["type"] == "prometheus"]


def test_the_dashboards_are_those_of_the_code() -> None:
    for board in generate.ALL:
        assert (generate.FOLDER / f"{board.uid}.json").read_text("utf-8") == generate.render(board)
        model = json.loads(generate.render(board))
        places = [tuple(panel["gridPos"].values()) for panel in model["panels"]]
        assert len(set(places)) == len(places) and max(x + w for x, _, w, _ in places) <= 24
        assert [panel["title"] for panel in model["panels"] if not panel["description"]] == []
        assert {each["name"] for each in model["annotations"]["list"]} == {"Alerts", "Restarts"}
        assert [link["title"] for link in model["links"]] == ["Runbook"]


def test_the_colours_of_panels_change_at_the_objectives_of_the_service_levels() -> None:
    turns = {panel.title: [value for value, _ in panel.steps] for board in generate.ALL for panel in board.panels}
    assert turns["Latency of posts"] == [None, 0.5] and turns["Error rate (5xx)"] == [None, 0.001]
    assert turns["Success of batches (24 h)"] == [None, 0.995] and turns["Success of retries (1 h)"] == [None, 0.95]
    assert sum(len(steps) > 1 for steps in turns.values()) >= 14


def test_the_dashboard_of_the_business_is_also_in_portuguese() -> None:
    english, portuguese = (next(board for board in generate.ALL if board.uid.endswith(name)) for name in _BUSINESS)
    assert [panel.queries for panel in english.panels] == [panel.queries for panel in portuguese.panels]
    assert not {panel.title for panel in english.panels} & {panel.title for panel in portuguese.panels}


_BUSINESS = ("business", "negocio")


@pytest.mark.timeout(300)
def test_every_query_of_every_rule_and_panel_has_an_answer_under_load(
    tools: Path, installation: Installation, tmp_path: Path
) -> None:
    installation.settings |= {"RATE_LIMIT": "off", "WEBHOOK_ALLOW": "127.0.0.1"}
    installation.start()
    with (
        webhook_receiver() as url,
        load(installation, 0.2) as statuses,
        prometheus(tmp_path, installation.port, 1) as asked,
    ):
        answer = installation.http.put("/admin/webhook", json={"url": url}, headers={"X-Admin-Api-Key": ADMIN})
        assert answer.status_code == 200, answer.text
        asked.wait(lambda: not _unanswered(asked, _queries(asked)), lambda: _unanswered(asked, _queries(asked)))
        assert [len(asked.query(query)) for query in _scaled_by()] == [1]  # KEDA takes one sample alone
        rules = asked.rules()
        assert len(rules) > 50
        assert [rule["name"] for rule in rules if rule["health"] != "ok" or rule.get("lastError")] == []
        assert set(statuses) == {202}
        assert find_burning(asked.url) is None  # what a rollout watches


@pytest.fixture
def reached(installation: Installation, database_url: str) -> Iterator[ThreadedProxy]:
    """Yield a proxy to PostgreSQL that can be cut."""
    parts = urlsplit(database_url)
    with ThreadedProxy(parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432") as proxy:
        url = f"postgresql://{parts.netloc}127.0.0.1:{proxy.port}/{parts.path.lstrip('/')}"
        installation.settings |= {"DATABASE_URL": f"{url}?sslmode=disable&gssencmode=disable", "RATE_LIMIT": "off"}
        yield proxy


@pytest.mark.timeout(400)
def test_an_outage_fires_exactly_its_alerts_and_they_end_with_it(
    tools: Path, installation: Installation, reached: ThreadedProxy, tmp_path: Path
) -> None:
    installation.start()
    objects = installation.folder / "kept" / "objects"
    refused = {"ApiErrors", "ApiErrorBudgetFast"}
    with load(installation, 0.25), prometheus(tmp_path, installation.port, _SCALE) as asked:
        asked.wait(lambda: bool(asked.query("integrahub:http_errors:ratio5m")), asked.rules)
        asked.wait(lambda: not asked.firing(), asked.firing)

        reached.cut()
        _fire(asked, {"BreakerOpen postgresql", "BreakerOpen bus", *refused})
        assert find_burning(asked.url)
        assert "IntegraHubBreakerOpen" in {alert.key[0] for alert in asyncio.run(_fetch_alerts(asked.url))}
        reached.mend()
        asked.wait(lambda: not asked.firing(), lambda: _problems(installation, asked))

        objects.rename(objects.with_name("away"))
        objects.write_text("no folder")
        _fire(asked, {"BreakerOpen storage", *refused})
        objects.unlink()
        objects.with_name("away").rename(objects)
        asked.wait(lambda: not asked.firing(), lambda: _problems(installation, asked))


async def _fetch_alerts(url: str) -> list[ActiveAlert]:
    """Return the active alerts as a soak test reads them."""
    async with httpx2.AsyncClient(base_url=url) as http:
        return await fetch_alerts(http)


@pytest.fixture
def broker(installation: Installation) -> Iterator[Broker]:
    """Start a Kafka for this test alone."""
    port = find_free_ports(1)[0]
    with tempfile.TemporaryDirectory(prefix="ihub-kafka-") as folder, ExitStack() as running:

        def start() -> None:
            running.enter_context(run_kafka(Path(folder), port))

        start()
        installation.settings |= {"BUS_URL": f"kafka://127.0.0.1:{port}", "RATE_LIMIT": "off"}
        yield Broker(running.close, start)


@pytest.mark.long  # the test above does the same with two other dependencies
@pytest.mark.timeout(400)
def test_kafka_that_is_away_fires_its_breaker_alone_and_posts_go_on(
    tools: Path, installation: Installation, broker: Broker, tmp_path: Path
) -> None:
    installation.start()
    with load(installation, 1.0) as statuses, prometheus(tmp_path, installation.port, _SCALE) as asked:
        asked.wait(lambda: bool(asked.query("integrahub_lag")), asked.rules)
        asked.wait(lambda: not asked.firing(), asked.firing)
        broker.stop()
        _fire(asked, {"BreakerOpen bus"})
        assert asked.query("integrahub_dead_letters")  # figures from the database are still there
        broker.start()
        asked.wait(lambda: not asked.firing(), lambda: _problems(installation, asked))
        assert set(statuses) == {202}


def _fire(asked: Prometheus, expected: set[str]) -> None:
    """Check that exactly these alerts fire, and that no other fired meanwhile."""
    asked.wait(lambda: asked.firing() >= expected, lambda: (asked.firing(), expected))
    assert asked.fired(5) == expected


def _problems(installation: Installation, asked: Prometheus) -> Any:
    return asked.firing(), installation.http.get("/health").text, installation.log()[-1500:]
