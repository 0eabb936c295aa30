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
    return to_table(("alert", "severity", "for", "condition", "says"), map(_to_row, list_alerts()))


def _to_row(rule: dict[str, Any]) -> tuple[str, ...]:
    anchor = rule["annotations"]["runbook_url"].partition("#")[2]
    name = f"[`{rule['alert']}`](../runbook/alerts.md#{anchor})"
    return name, rule["labels"]["severity"], rule.get("for", ""), code(rule["expr"]), rule["annotations"]["summary"]


PARTS = (Part("reference/alerts.md", "alerts", render),)
