"""Report of a load: named figures, and tables."""

import statistics
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from integrahub.tools.loadtest.accounting import Account
from integrahub.tools.loadtest.runner import Outcome

_MAX_REPORTED = 10  # pharmacies or faults
Row = dict[str, Any]


def compute_figures(outcome: Outcome) -> Row:
    """Return all figures: times in seconds, latencies in milliseconds, memory in megabytes."""
    tally, accounting = outcome.tally, outcome.accounting
    posting = tally.ended_at - tally.started_at
    return {
        "scenario": outcome.scenario.name,
        "posts": tally.posted,
        "at_once": outcome.scenario.concurrency,
        "statuses": dict(tally.statuses),
        **compute_percentiles([seconds * 1000 for seconds in tally.seconds]),
        "posting_seconds": posting,
        "accepted_per_second": len(tally.accepted) / posting if posting else 0.0,
        "applied_seconds": accounting.seconds,
        "applied_to_posting": accounting.seconds / posting if posting else 0.0,
        "products": accounting.applied,
        "products_per_second": accounting.applied / accounting.seconds if accounting.seconds else 0.0,
        "memory": _memory(outcome),
        "faults": outcome.faults,
    }


def compute_percentiles(milliseconds: list[float]) -> dict[str, float]:
    """Return `p50_ms`, `p95_ms` and `p99_ms`; zeros for an empty list."""
    if len(milliseconds) < 2:
        milliseconds = (milliseconds or [0.0]) * 2
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98]}


def _memory(outcome: Outcome) -> Row:
    memory = outcome.memory
    return {
        step: {"first": memory.first[step], "most": most, "last": memory.last.get(step, 0.0)}
        for step, most in memory.most.items()
    }


def account_rows(outcome: Outcome) -> list[Row]:
    """Return one row per pharmacy."""
    return [{"cnpj": cnpj} | _to_row(account) for cnpj, account in outcome.accounting.accounts.items()]


def _to_row(account: Account) -> Row:
    names = ("batches_posted", "batches_received", "records_posted", "records_received", "records_applied")
    return {name: getattr(account, name) for name in (*names, "products_held", "adds_up")}


def figures_table(figures: Mapping[str, Any]) -> Table:
    """Return a table with one line per figure."""
    table = Table(title=f"load {figures['scenario']}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(figures["statuses"].items()))
    rows = [
        ("posts", f"{figures['posts']:,}, {figures['at_once']:,} at once"),
        ("answers", statuses),
        ("answer P50 / P95 / P99 ms", " / ".join(f"{figures[name]:,.1f}" for name in ("p50_ms", "p95_ms", "p99_ms"))),
        ("last answer, s after the first post", f"{figures['posting_seconds']:,.1f}"),
        ("accepted/s", f"{figures['accepted_per_second']:,.0f}"),
        ("last batch final, s after the first was received", f"{figures['applied_seconds']:,.1f}"),
        ("products applied", f"{figures['products']:,} ({figures['products_per_second']:,.0f}/s)"),
    ]
    for step, sizes in figures["memory"].items():
        values = " / ".join(f"{sizes[name]:,.0f}" for name in ("first", "most", "last"))
        rows.append((f"memory of {step}, first / most / last MB", values))
    for row in rows:
        table.add_row(*row)
    return table


def accounts_table(outcome: Outcome) -> Table:
    """Return a table of the totals, and the first pharmacies that do not add up."""
    rows = account_rows(outcome)
    unequal = [row for row in rows if not row["adds_up"]]
    table = Table(title="accounting", caption=f"{len(rows) - len(unequal):,} of {len(rows):,} pharmacies add up")
    names = [name for name in rows[0] if name not in ("cnpj", "adds_up")]
    for name in ("pharmacy", *names):
        title = "products stored" if name == "products_held" else name.replace("_", " ")
        table.add_column(title, justify="left" if name == "pharmacy" else "right")
    table.add_row("all", *(f"{sum(row[name] for row in rows):,}" for name in names))
    for row in unequal[:_MAX_REPORTED]:
        table.add_row(row["cnpj"], *(f"{row[name]:,}" for name in names), style="red")
    return table


def first_faults(faults: list[str]) -> list[str]:
    """Return the first faults, and a line with the number of further ones."""
    rest = len(faults) - _MAX_REPORTED
    return faults[:_MAX_REPORTED] + ([f"and {rest:,} more"] if rest > 0 else [])
