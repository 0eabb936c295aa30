"""What is shipped in a real Prometheus: every query has an answer, and outages fire what they should."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from deploy.grafana import generate

from tests.acceptance.conftest import Installation
from tests.prometheus.proxying import ThreadedProxy
from tests.prometheus.running import Prometheus, load, prometheus

_SCALE = 20
# Nothing of it happens in a healthy hub: no retry is used up, nothing is counted.
_MAY_BE_EMPTY = {"Success of retries (1 h)"}


def _without_comparison(query: str) -> str:
    """An alert's expression with the distance from its limit instead of a verdict."""
    return re.sub(r" (?:>|==) ", " - ", query)


def _unanswered(asked: Prometheus, queries: dict[str, str]) -> list[str]:
    return [f"{name}: {query}" for name, query in queries.items() if not asked.query(query)]


def _queries(asked: Prometheus) -> dict[str, str]:
    rules = {rule["name"]: _without_comparison(rule["query"]) for rule in asked.rules()}
    panels = {
        f"{board.title} / {panel.title} / {legend}": query
        for board in generate.ALL
        for panel in board.panels
        for legend, query in panel.queries.items()
        if panel.title not in _MAY_BE_EMPTY
    }
    return rules | panels


def test_the_dashboards_are_those_of_the_code() -> None:
    for board in generate.ALL:
        assert (generate.FOLDER / f"{board.uid}.json").read_text("utf-8") == generate.rendered(board)
        model = json.loads(generate.rendered(board))
        places = [tuple(panel["gridPos"].values()) for panel in model["panels"]]
        assert len(set(places)) == len(places) and max(x + w for x, _, w, _ in places) <= 24


@pytest.mark.timeout(300)
def test_every_query_of_every_rule_and_panel_has_an_answer_under_load(
    tools: Path, installation: Installation, tmp_path: Path
) -> None:
    installation.settings |= {"RATE_LIMIT": "off"}
    installation.start()
    with load(installation) as statuses, prometheus(tools, tmp_path, installation.port, 1) as asked:
        asked.wait(lambda: not _unanswered(asked, _queries(asked)), lambda: _unanswered(asked, _queries(asked)))
        rules = asked.rules()
        assert len(rules) > 50
        assert [rule["name"] for rule in rules if rule["health"] != "ok" or rule.get("lastError")] == []
        assert set(statuses) == {202}


@pytest.fixture
def reached(installation: Installation, database_url: str) -> Iterator[ThreadedProxy]:
    """The way to PostgreSQL, which can be cut."""
    parts = urlsplit(database_url)
    with ThreadedProxy(parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432") as proxy:
        url = f"postgresql://integrahub@127.0.0.1:{proxy.port}/{parts.path.lstrip('/')}"
        installation.settings |= {"DATABASE_URL": f"{url}?sslmode=disable&gssencmode=disable", "RATE_LIMIT": "off"}
        yield proxy


@pytest.mark.timeout(400)
def test_an_outage_fires_exactly_its_alerts_and_they_end_with_it(
    tools: Path, installation: Installation, reached: ThreadedProxy, tmp_path: Path
) -> None:
    installation.start()
    objects = installation.folder / "kept" / "objects"
    refused = {"ApiErrors", "ApiErrorBudgetFast"}
    with load(installation, 0.25), prometheus(tools, tmp_path, installation.port, _SCALE) as asked:
        asked.wait(lambda: bool(asked.query("integrahub:http_errors:ratio5m")), asked.rules)
        asked.wait(lambda: not asked.firing(), asked.firing)

        reached.cut()
        _fire(asked, {"BreakerOpen postgresql", "BreakerOpen bus", *refused})
        reached.mend()
        asked.wait(lambda: not asked.firing(), lambda: _problems(installation, asked))

        objects.rename(objects.with_name("away"))
        objects.write_text("no folder")
        _fire(asked, {"BreakerOpen storage", *refused})
        objects.unlink()
        objects.with_name("away").rename(objects)
        asked.wait(lambda: not asked.firing(), lambda: _problems(installation, asked))


def _fire(asked: Prometheus, expected: set[str]) -> None:
    """Exactly these fire, and nothing else did meanwhile."""
    asked.wait(lambda: asked.firing() >= expected, lambda: (asked.firing(), expected))
    assert asked.fired(5) == expected


def _problems(installation: Installation, asked: Prometheus) -> Any:
    return asked.firing(), installation.http.get("/health").text, installation.log()[-1500:]
