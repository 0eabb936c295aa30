"""What a load came to, as figures by name and as tables."""

import statistics
from typing import Any

from rich.table import Table

from integrahub.tools.loadtest.accounting import Account
from integrahub.tools.loadtest.runner import Outcome

_TOLD = 10  # pharmacies or faults told in full
Row = dict[str, Any]


def figures(outcome: Outcome) -> Row:
    """Every figure; times in seconds, answers in milliseconds, memory in megabytes."""
    tally, accounting = outcome.tally, outcome.accounting
    posting = tally.ended - tally.began
    return {
        "scenario": outcome.scenario.name,
        "posts": tally.posted,
        "at_once": outcome.scenario.at_once,
        "statuses": dict(tally.statuses),
        **percentiles([seconds * 1000 for seconds in tally.seconds]),
        "posting_seconds": posting,
        "accepted_per_second": len(tally.accepted) / posting if posting else 0.0,
        "applied_seconds": accounting.seconds,
        "applied_to_posting": accounting.seconds / posting if posting else 0.0,
        "products": accounting.applied,
        "products_per_second": accounting.applied / accounting.seconds if accounting.seconds else 0.0,
        "memory": _memory(outcome),
        "faults": outcome.faults,
    }


def percentiles(milliseconds: list[float]) -> Row:
    """`p50_ms`, `p95_ms` and `p99_ms`; zeros of nothing."""
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


def accounts(outcome: Outcome) -> list[Row]:
    """Each pharmacy's account."""
    return [{"cnpj": cnpj} | _account(account) for cnpj, account in outcome.accounting.accounts.items()]


def _account(account: Account) -> Row:
    names = ("batches_posted", "batches_received", "records_posted", "records_received", "records_applied")
    return {name: getattr(account, name) for name in (*names, "products_held", "adds_up")}


def figures_table(found: Row) -> Table:
    """The figures, a line each."""
    table = Table(title=f"load {found['scenario']}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(found["statuses"].items()))
    rows = [
        ("posts", f"{found['posts']:,}, {found['at_once']:,} at once"),
        ("answers", statuses),
        ("answer P50 / P95 / P99 ms", " / ".join(f"{found[name]:,.1f}" for name in ("p50_ms", "p95_ms", "p99_ms"))),
        ("last answer, s after the first post", f"{found['posting_seconds']:,.1f}"),
        ("accepted/s", f"{found['accepted_per_second']:,.0f}"),
        ("last batch final, s after the first was received", f"{found['applied_seconds']:,.1f}"),
        ("products applied", f"{found['products']:,} ({found['products_per_second']:,.0f}/s)"),
    ]
    for step, sizes in found["memory"].items():
        told = " / ".join(f"{sizes[name]:,.0f}" for name in ("first", "most", "last"))
        rows.append((f"memory of {step}, first / most / last MB", told))
    for row in rows:
        table.add_row(*row)
    return table


def accounts_table(outcome: Outcome) -> Table:
    """The totals of all pharmacies, and each of the first that do not add up."""
    rows = accounts(outcome)
    unequal = [row for row in rows if not row["adds_up"]]
    table = Table(title="accounting", caption=f"{len(rows) - len(unequal):,} of {len(rows):,} pharmacies add up")
    names = [name for name in rows[0] if name not in ("cnpj", "adds_up")]
    for name in ("pharmacy", *names):
        title = "products stored" if name == "products_held" else name.replace("_", " ")
        table.add_column(title, justify="left" if name == "pharmacy" else "right")
    table.add_row("all", *(f"{sum(row[name] for row in rows):,}" for name in names))
    for row in unequal[:_TOLD]:
        table.add_row(row["cnpj"], *(f"{row[name]:,}" for name in names), style="red")
    return table


def told_faults(faults: list[str]) -> list[str]:
    """The first faults, and how many more there are."""
    rest = len(faults) - _TOLD
    return faults[:_TOLD] + ([f"and {rest:,} more"] if rest > 0 else [])
