"""Report of a soak test, in Markdown for the documentation and as lines for a terminal."""

from collections.abc import Iterator, Sequence

import msgspec

from integrahub.tools.soak.memory import MIN_LIFE_SECONDS, WARM_UP_SECONDS
from integrahub.tools.soak.rows import (
    AlertReport,
    AlertSpan,
    AnswerCount,
    InjectedFault,
    ProcessMemory,
    ProcessStarts,
    SoakReport,
    StateSeconds,
    UnexpectedAnswer,
)

MAX_GROWTH = 0.1  # of a process's memory in the second half of its life
_INTRODUCTION = (
    "Written by `integrahub load soak --report FILE`. The same seed, duration and hub give the same plan of faults."
)
_MEMORY = f"""Megabytes of each process, by its pid, and the seconds of the run at which it was first and last seen.
Growth compares a process with itself: its end with its middle, without its first {WARM_UP_SECONDS:.0f} s. A process
that lived {MIN_LIFE_SECONDS:.0f} s or more is judged: growth over {MAX_GROWTH:.0%} fails the run. If no process of a
name lived that long, its longest life is listed. The last quarter of a run of half an hour or more has no faults, so
that every process lives long enough."""
_RESTARTS = "How often each process was started again, by a fault or on order, and the seconds of the run."
_ANSWERS = "Of every attempt. Clients repeat what fails."
_UNEXPECTED = (
    "Answers that no fault explains at once: neither 200, 202 or 503, nor a connection that was cut. "
    "`waited`: seconds until the answer."
)
_HEALTH = "Seconds in which `/health` did not answer, or named a check that was not `ok`."
_ATTENTION = "Seconds in which the console asked for attention, by what."
_ALERTS = (
    "Pending: the condition of the rule holds, but not yet for as long as the rule's `for`. "
    "`after`: the last fault that began before the condition held, and its second. "
    "Without `end`, the alert was active when the load ended."
)
_FAULTS = "Second of the run, what failed, for how long, and what was hit."


def find_growth(report: SoakReport) -> list[str]:
    """Return the processes whose memory grew too much in the second half of their lives."""
    rows = report.memory.processes
    return [f"{one.process} (pid {one.pid})" for one in rows if one.growth is not None and one.growth > MAX_GROWTH]


def summarise(report: SoakReport) -> Iterator[str]:
    """Yield the lines that a terminal shows."""
    accounts, webhooks = report.accounts, report.webhooks
    yield f"{report.run.hours} h on the {report.run.hub} hub, seed {report.run.seed}, {len(report.faults)} faults"
    yield f"{report.batches:,} batches with {report.records:,} records acknowledged"
    yield ", ".join(f"{getattr(accounts, name)} {name}" for name in ("lost", "doubled", "incomplete", "unaccounted"))
    yield f"{webhooks.events:,} webhooks received, {webhooks.missing} batches without one"
    yield _summarise_alerts(report.alerts)
    yield from accounts.first
    yield from (f"refused: {one}" for one in report.refusals)


def _summarise_alerts(alerts: AlertReport) -> str:
    if not alerts.is_watched:
        return alerts.note.removesuffix(".")
    fired = {one.alert for one in alerts.spans if one.state == "firing"}
    pending = {one.alert for one in alerts.spans} - fired
    return f"alerts that fired: {_join(fired)}; that were only pending: {_join(pending)}"


def _join(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def render(report: SoakReport) -> str:
    """Return the report as a page of the documentation."""
    run, summary = report.run, "; ".join(summarise(report))
    head = f"Version {run.version}, {run.machine}, {run.started_at}: {summary}."
    answers = [AnswerCount(name, count) for name, count in report.answers.items()]
    health, attention = (
        [StateSeconds(name, seconds) for name, seconds in states.items()]
        for states in (report.health, report.attention)
    )
    sections = (
        _section("Memory", _MEMORY, ProcessMemory, report.memory.processes),
        _section("Restarts", _RESTARTS, ProcessStarts, report.memory.restarts),
        _section("Alerts", f"{report.alerts.note} {_ALERTS}", AlertSpan, report.alerts.spans),
        _section("Answers", _ANSWERS, AnswerCount, answers),
        _section("Unexpected answers", _UNEXPECTED, UnexpectedAnswer, report.unexpected),
        _section("Health", _HEALTH, StateSeconds, health),
        _section("Attention", _ATTENTION, StateSeconds, attention),
        _section("Faults", _FAULTS, InjectedFault, report.faults),
    )
    return "\n".join([f"# Soak test\n\n{_INTRODUCTION}\n\n{head}\n", *sections])


def _section(title: str, introduction: str, kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> str:
    table = "\n".join(_table(kind.__struct_fields__, rows)) if rows else "None."
    return f"## {title}\n{introduction}\n\n{table}\n"


def _table(columns: tuple[str, ...], rows: Sequence[msgspec.Struct]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in rows:
        cells = [getattr(row, name) for name in columns]
        yield "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"
