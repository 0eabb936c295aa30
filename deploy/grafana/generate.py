"""Generator of the Grafana dashboards (`make dashboards`). A test compares the files with it and runs every query."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.grafana.boards import ALL, Dashboard, Panel
from deploy.grafana.descriptions import describe

FOLDER = Path(__file__).parent / "dashboards"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
_RUNBOOK = "http://127.0.0.1:8000/console/help"
Json = dict[str, Any]
_VARIABLES = (
    {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
        "current": {"selected": True, "text": "default", "value": "default"},
    },
    {"name": "runbook", "type": "textbox", "label": "Runbook", "query": _RUNBOOK, "hide": 2},
)
_RESTARTS = "sum by (step) (increase(integrahub_worker_restarts_total[1m])) > 0"


def render(dashboard: Dashboard) -> str:
    """Return the JSON model of a dashboard."""
    alerts = 'ALERTS{alertname=~"IntegraHub.+", alertstate="firing"}'
    marks = [_annotation("Alerts", alerts, "{{alertname}}", "red")]
    marks.append(_annotation("Restarts", _RESTARTS, "restart of {{step}}", "orange"))
    model: Json = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["integrahub"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": dashboard.span, "to": "now"},
        "templating": {"list": list(_VARIABLES)},
        "annotations": {"list": marks},
        "links": [{"title": "Runbook", "type": "link", "url": "${runbook}", "targetBlank": True}],
        "panels": list(_layout(dashboard.panels)),
    }
    return json.dumps(model, indent=1, ensure_ascii=False) + "\n"


def _annotation(name: str, query: str, title: str, colour: str) -> Json:
    more = {"titleFormat": title, "iconColor": colour, "step": "60s", "enable": True}
    return {"name": name, "datasource": _SOURCE, "expr": query, **more}


def _layout(panels: tuple[Panel, ...]) -> Iterator[Json]:
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + 8
        yield _panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": 8})
        x += panel.width


def _panel(number: int, panel: Panel, position: Json) -> Json:
    instant = panel.kind != "timeseries"
    targets = [
        {
            "refId": chr(65 + index),
            "expr": query,
            "legendFormat": legend,
            "datasource": _SOURCE,
            "instant": instant,
        }
        for index, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": position,
        "targets": targets,
        "description": panel.description or describe(panel.queries),
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **_thresholds(panel)}, "overrides": []},
    }


def _thresholds(panel: Panel) -> Json:
    if not panel.steps:
        return {}
    steps = [{"value": value, "color": colour} for value, colour in panel.steps]
    if panel.kind == "timeseries":  # a line at the value; each series keeps a colour of its own
        style: Json = {"custom": {"thresholdsStyle": {"mode": "line"}}}
    else:
        style = {"color": {"mode": "thresholds"}}
    return {"thresholds": {"mode": "absolute", "steps": steps}, **style}


def main() -> None:
    """Write the dashboard files."""
    for dashboard in ALL:
        (FOLDER / f"{dashboard.uid}.json").write_text(render(dashboard), "utf-8")


if __name__ == "__main__":
    main()
