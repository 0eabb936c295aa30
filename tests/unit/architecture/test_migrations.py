"""The first line of each migration states its kind, and its statements agree."""

import re

import pytest

from integrahub.db.schema.scripts import Script, kind_of, migrations
from integrahub.db.schema.statements import classify, split

# Statements that remove something an older version may use.
_CONTRACTS = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|VIEW|FUNCTION)|RENAME|ALTER\s+COLUMN\s+\w+\s+(TYPE|SET\s+NOT\s+NULL)|"
    r"ADD\s+COLUMN\s+\w+\s+\w+\s+NOT\s+NULL(?!\s+DEFAULT))",
    re.IGNORECASE,
)


@pytest.mark.parametrize("script", migrations(), ids=lambda script: script.name)
def test_the_first_line_is_expand_or_contract_and_true(script: Script) -> None:
    name, text = script.name, script.text
    assert kind_of(text) in ("expand", "contract"), f"{name}: begin it with `-- expand` or `-- contract`"
    statements = "\n".join(line.partition("--")[0] for line in text.splitlines())
    found = _CONTRACTS.search(statements)
    assert kind_of(text) == "contract" or not found, f"{name}: {found and found[0]} contracts"


# Tables that may hold millions of rows. Migrations up to 0013 came before the first release.
_LARGE = {"products", "batches", "batch_chunks", "product_changes", "record_issues", "webhook_deliveries", "audit_log"}
_FIRST_RELEASED = "0014"


@pytest.mark.parametrize("script", migrations(), ids=lambda script: script.name)
def test_no_migration_stops_writers_of_a_large_table_for_long(script: Script) -> None:
    if script.name < _FIRST_RELEASED:
        return
    for one in classify(script.text):
        is_short = one.lock != "SHARE" and not one.rewrites and not one.text.upper().startswith(("UPDATE", "DELETE"))
        assert one.table not in _LARGE or is_short, (
            f"{script.name}: {one.text}: make indexes of {one.table} CONCURRENTLY in a migration whose second line is "
            "`-- concurrently`; rewrite no large table"
        )
    is_concurrent = " CONCURRENTLY " in script.text.upper()
    assert is_concurrent == script.is_concurrent, f"{script.name}: say `-- concurrently` in the second line, or not"
    for statement in split(script.text) if script.is_concurrent else ():
        assert "IF NOT EXISTS" in statement or "IF EXISTS" in statement, f"{script.name}: may run twice: {statement}"
