"""Every alert with its condition, and the section of the runbook."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.reference.parts import ROOT, Part, code, to_table

_RULES = ROOT / "deploy" / "prometheus" / "rules"


def list_alerts() -> Iterator[dict[str, Any]]:
    """Yield the rules of all alerts, by file."""
    for path in sorted(_RULES.glob("*.yml")):
        groups = yaml.safe_load(path.read_text("utf-8"))["groups"]
        yield from (rule for group in groups for rule in group["rules"] if "alert" in rule)


def render() -> str:
    """Return a row for each alert."""
    head = ("alert", "severity", "for", "condition", "says")
    return to_table(head, (_to_row(rule, "alerts.md", "summary") for rule in list_alerts()))


def render_portuguese() -> str:
    """Return the same in Portuguese."""
    head = ("alerta", "gravidade", "durante", "condição", "diz")
    return to_table(head, (_to_row(rule, "alerts.pt-BR.md", "summary_pt") for rule in list_alerts()))


def _to_row(rule: dict[str, Any], page: str, summary: str) -> tuple[str, ...]:
    anchor = rule["annotations"]["runbook_url"].partition("#")[2]
    name = f"[`{rule['alert']}`](../runbook/{page}#{anchor})"
    return name, rule["labels"]["severity"], rule.get("for", ""), code(rule["expr"]), rule["annotations"][summary]


PARTS = (
    Part("reference/alerts.md", "alerts", render),
    Part("reference/alerts.pt-BR.md", "alerts", render_portuguese),
)
