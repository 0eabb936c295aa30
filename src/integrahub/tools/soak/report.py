"""Report of a soak test, in Markdown for the documentation and as lines for a terminal."""

from collections.abc import Iterator, Sequence

import msgspec

from integrahub.tools.soak.rows import AnswerCount, SoakReport, StateSeconds

MAX_GROWTH = 0.1  # of a process's memory in the second half of an hour
_INTRODUCTION = "Written by `integrahub load soak --report FILE`. The same seed gives the same plan of faults."
_MEMORY = "Megabytes of each process: shortly after the start, in the middle, at the end; growth in the second half."
_HEALTH = "Seconds in which `/health` did not answer, or named a check that was not `ok`."
_ATTENTION = "Seconds in which the console asked for attention, by what."
_FAULTS = "Second of the run, what failed, for how long, and what was hit."
_MIN_HOURS_OF_GROWTH = 0.5  # in a shorter run, processes are still warming up


def find_growth(report: SoakReport) -> list[str]:
    """Return the processes whose memory grew too much in the second half of a run that is long enough to judge."""
    if report.hours < _MIN_HOURS_OF_GROWTH:
        return []
    return [one.process for one in report.memory if one.growth is not None and one.growth > MAX_GROWTH]


def summarise(report: SoakReport) -> Iterator[str]:
    """Yield the lines that a terminal shows."""
    accounts, webhooks = report.accounts, report.webhooks
    yield f"{report.hours} h on the {report.hub} hub, seed {report.seed}, {len(report.faults)} faults"
    yield f"{report.batches:,} batches with {report.records:,} records acknowledged"
    yield ", ".join(f"{getattr(accounts, name)} {name}" for name in ("lost", "doubled", "incomplete", "unaccounted"))
    yield f"{webhooks.events:,} webhooks received, {webhooks.missing} batches without one"
    yield from accounts.first
    yield from (f"refused: {one}" for one in report.refusals)


def render(report: SoakReport) -> str:
    """Return the report as a page of the documentation."""
    summary = "; ".join(summarise(report))
    answers = [AnswerCount(name, count) for name, count in report.answers.items()]
    health, attention = (
        [StateSeconds(name, seconds) for name, seconds in states.items()]
        for states in (report.health, report.attention)
    )
    head = f"Version {report.version}, {report.machine}, {report.started_at}: {summary}."
    parts = [f"# Soak test\n\n{_INTRODUCTION}\n\n{head}\n"]
    parts += [_section("Memory", _MEMORY, ("process", "start_mb", "half_mb", "end_mb", "growth"), report.memory)]
    parts += [_section("Answers", "Of every attempt. Clients repeat what fails.", ("answer", "count"), answers)]
    parts += [_section("Health", _HEALTH, ("state", "seconds"), health)]
    parts += [_section("Attention", _ATTENTION, ("state", "seconds"), attention)]
    parts += [_section("Faults", _FAULTS, ("at", "fault", "seconds", "hit"), report.faults)]
    return "\n".join(parts)


def _section(title: str, introduction: str, columns: tuple[str, ...], rows: Sequence[msgspec.Struct]) -> str:
    table = "\n".join(_table(columns, rows))
    return f"## {title}\n{introduction}\n\n{table}\n"


def _table(columns: tuple[str, ...], rows: Sequence[msgspec.Struct]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in rows:
        cells = [getattr(row, name) for name in columns]
        yield "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"
