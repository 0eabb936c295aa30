"""Descriptions of panels: what their metrics mean and what to do, as docs/reference/metrics.md has it."""

import re
from functools import cache
from pathlib import Path

from integrahub.telemetry.metrics.registry import ALL_METRICS

_RULES = Path(__file__).parents[1] / "prometheus" / "rules"
_NAME = re.compile(r"\bintegrahub[:_][a-z0-9_:]+")
_SERIES_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def describe(queries: dict[str, str]) -> str:
    """Return the meaning and the remedy of each metric behind the queries, as Markdown."""
    texts = {metric.name: f"{metric.meaning}.\n\n{metric.remedy}" for metric in ALL_METRICS}
    names = dict.fromkeys(name for query in queries.values() for name in _metrics(query))
    return "\n\n".join(f"`{name}`: {texts[name]}" for name in names)


def _metrics(query: str) -> list[str]:
    """Return the metrics of a query, also those behind recorded ones."""
    found = []
    for name in _NAME.findall(query):
        expression = _recorded().get(name)
        found += _metrics(expression) if expression else [_SERIES_SUFFIX.sub("", name)]
    return found


@cache
def _recorded() -> dict[str, str]:
    """Return the text after the name of each recorded metric; its metrics are those of its expression."""
    rules = "".join((_RULES / name).read_text("utf-8") for name in ("recording.yml", "slo.yml"))
    parts = [part.partition("\n") for part in re.split(r"- (?:record|alert): ", rules)[1:]]
    return {name.strip(): text for name, _, text in parts if name.startswith("integrahub:")}
