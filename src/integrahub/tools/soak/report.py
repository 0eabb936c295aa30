"""Report of a soak test, in Markdown for the documentation and as lines for a terminal."""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
MAX_GROWTH = 0.1  # of a process's memory in the second half of an hour
_INTRODUCTION = "Written by `integrahub load soak --report FILE`. The same seed gives the same plan of faults."
_MEMORY = "Megabytes of each process: shortly after the start, in the middle, at the end; growth in the second half."
_HEALTH = "Seconds in which `/health` did not answer, or named a check that was not `ok`."
_FAULTS = "Second of the run, what failed, for how long, and what was hit."
_MIN_HOURS_OF_GROWTH = 0.5  # in a shorter run, processes are still warming up


def find_growth(report: Row) -> list[str]:
    """Return the processes whose memory grew too much in the second half of a run that is long enough to judge."""
    if report["hours"] < _MIN_HOURS_OF_GROWTH:
        return []
    return [one["process"] for one in report["memory"] if one["growth"] is not None and one["growth"] > MAX_GROWTH]


def summarise(report: Row) -> Iterator[str]:
    """Yield the lines that a terminal shows."""
    accounts = report["accounts"]
    yield f"{report['hours']} h on the {report['hub']} hub, seed {report['seed']}, {len(report['faults'])} faults"
    yield f"{report['batches']:,} batches with {report['records']:,} records acknowledged"
    yield ", ".join(f"{accounts[name]} {name}" for name in ("lost", "doubled", "incomplete", "unaccounted"))
    webhooks = report["webhooks"]
    yield f"{webhooks['events']:,} webhooks received, {webhooks['missing']} batches without one"
    yield from accounts["first"]
    yield from (f"refused: {one}" for one in report["refusals"])


def render(report: Row) -> str:
    """Return the report as a page of the documentation."""
    summary = "; ".join(summarise(report))
    answers = [{"answer": name, "count": count} for name, count in report["answers"].items()]
    health = [{"state": name, "seconds": count} for name, count in report["health"].items()]
    head = f"Version {report['version']}, {report['machine']}, {report['started_at']}: {summary}."
    parts = [f"# Soak test\n\n{_INTRODUCTION}\n\n{head}\n"]
    parts += [_section("Memory", _MEMORY, ("process", "start_mb", "half_mb", "end_mb", "growth"), report["memory"])]
    parts += [_section("Answers", "Of every attempt. Clients repeat what fails.", ("answer", "count"), answers)]
    parts += [_section("Health", _HEALTH, ("state", "seconds"), health)]
    parts += [_section("Faults", _FAULTS, ("at", "fault", "seconds", "hit"), report["faults"])]
    return "\n".join(parts)


def _section(title: str, introduction: str, columns: tuple[str, ...], rows: list[Row]) -> str:
    table = "\n".join(_table(columns, rows))
    return f"## {title}\n{introduction}\n\n{table}\n"


def _table(columns: tuple[str, ...], rows: list[Row]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in rows:
        yield "| " + " | ".join("" if row[name] is None else str(row[name]) for name in columns) + " |"
