"""Retention selects only rows that are old enough, not yet removed and no longer needed."""

from dataclasses import dataclass
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
import pytest

from integrahub.db.queries import load_queries

BATCH, OTHER = UUID(int=1), UUID(int=2)
GIVEN: dict[str, Any] = {"batch": BATCH, "other": OTHER, "days": 30, "limit": 10}
ROWS = """
INSERT INTO pharmacies (id, cnpj, name) OVERRIDING SYSTEM VALUE VALUES (1000, '1', '');
INSERT INTO pharmacy_turns (pharmacy_id, last_seq) VALUES (1000, 101);
INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, stage, finished_at)
  VALUES (%(batch)s, 1000, 1, 'full', 1, '', 'COMPLETED', 'done', now() - interval '40 days'),
    (%(other)s, 1000, 2, 'full', 1, '', 'COMPLETED', 'done', now() - interval '40 days');
"""
YOUNG = "UPDATE batches SET finished_at = now() - interval '29 days'"
UNFINISHED = "UPDATE batches SET finished_at = NULL, status = 'PROCESSING'"
IS_OTHER, IS_FIRST = "WHERE id = %(other)s", ", received_seq = 0 WHERE id = %(other)s"
BODIES_GONE = "UPDATE batches SET body_removed_at = now()"
ROWS_GONE = "UPDATE batches SET rows_removed_at = now()"
REPORTS_GONE = "UPDATE batches SET report_removed_at = now()"
SETTLED = "UPDATE dead_letters SET settled_at = now() - interval '40 days'"


def letter(batch: str = "batch", location: str = "body") -> str:
    """Create an open dead letter of a batch."""
    columns = (
        "batch_id, chunk, location, records, error_class, error_code, culprit, message, stack, attempts, fingerprint"
    )
    return (
        f"INSERT INTO dead_letters ({columns}) VALUES (%({batch})s, 0, '{location}', 1, '', '', '', '', '', '[]', '')"
    )


@dataclass(frozen=True)
class Case:
    """A statement that selects a batch or dead letter in a state of `going`, but not in one of `staying`."""

    block: str
    ready: str
    staying: tuple[str, ...]
    going: tuple[str, ...] = ()


CASES = (
    Case(
        "chunks_due",
        "SELECT",
        (YOUNG, "UPDATE batches SET chunks_removed_at = now()", UNFINISHED, letter()),
        (letter(location="dead/1"), letter("other"), f"{letter()}; {SETTLED}"),
    ),
    Case(
        "bodies_due",
        "SELECT",
        (
            YOUNG,
            BODIES_GONE,
            UNFINISHED,
            letter(),
            f"{UNFINISHED}, kind = 'replay' {IS_OTHER}",
            f"{UNFINISHED}, kind = 'chunk_replay' {IS_OTHER}",
        ),
        (letter(location="dead/1"), letter("other"), f"{letter()}; {SETTLED}", f"{UNFINISHED} {IS_OTHER}"),
    ),
    Case(
        "rows_due",
        BODIES_GONE,
        (
            YOUNG,
            ROWS_GONE,
            letter(location="dead/1"),
            "UPDATE batches SET body_removed_at = NULL",
            f"{letter('other')}; UPDATE batches SET received_seq = 0 {IS_OTHER}",
            f"UPDATE batches SET body_removed_at = NULL {IS_FIRST}",
            f"UPDATE batches SET deactivation_state = 'waiting' {IS_FIRST}",
            f"UPDATE batches SET deactivation_state = 'held' {IS_FIRST}",
            f"UPDATE batches SET deactivation_state = 'held', full_from_seq = 1 {IS_OTHER}",
            f"{UNFINISHED}, origin_seq = 1 {IS_OTHER}",
        ),
        (
            letter("other"),
            f"{letter()}; {SETTLED}",
            f"UPDATE batches SET body_removed_at = NULL {IS_OTHER}",
            f"UPDATE batches SET deactivation_state = 'held' {IS_OTHER}",
            f"{UNFINISHED} {IS_OTHER}",
        ),
    ),
    Case("reports_due", ROWS_GONE, (YOUNG, REPORTS_GONE, "UPDATE batches SET rows_removed_at = NULL")),
    Case(
        "batches_due",
        REPORTS_GONE,
        (
            YOUNG,
            "UPDATE batches SET report_removed_at = NULL",
            "UPDATE pharmacy_turns SET last_seq = 100",
            "UPDATE batches SET deactivation_state = 'held'",
            "UPDATE batches SET deactivation_state = 'waiting'",
            f"{letter()}; {SETTLED}",
        ),
        (letter("other"),),
    ),
    Case(
        "dead_letter_copies_due",
        f"{letter()}; {SETTLED}",
        (
            "UPDATE dead_letters SET settled_at = NULL",
            "UPDATE dead_letters SET settled_at = now()",
            "UPDATE dead_letters SET location = NULL",
        ),
    ),
    Case(
        "dead_letters_due",
        f"{letter()}; {SETTLED}, location = NULL",
        (
            "UPDATE dead_letters SET settled_at = NULL",
            "UPDATE dead_letters SET settled_at = now()",
            "UPDATE dead_letters SET location = 'dead/1'",
        ),
    ),
)


def _goes(connection: psycopg.Connection[Any], case: Case, state: str) -> bool:
    """Return True if the statement finds the batch or a dead letter in this state."""
    with connection.transaction(force_rollback=True), psycopg.ClientCursor(connection) as cursor:
        for statement in (ROWS, case.ready, state):
            cursor.execute(cast(LiteralString, statement), GIVEN)
        found = cursor.execute(load_queries("integrahub.db.batches.retention")[f"{case.block}"], GIVEN).fetchall()
        return (
            bool(found)
            if case.block in ("dead_letter_copies_due", "dead_letters_due")
            else BATCH in {row[0] for row in found}
        )


@pytest.mark.parametrize("block", [case.block for case in CASES])
def test_what_is_young_or_gone_or_needed_stays_and_all_else_goes(database_url: str, block: str) -> None:
    (case,) = (case for case in CASES if case.block == block)
    with psycopg.connect(database_url) as connection:
        for state in ("SELECT", *case.going):
            assert _goes(connection, case, state), state
        for state in case.staying:
            assert not _goes(connection, case, state), state
