"""The first line of each migration states its kind, and its statements agree."""

import re

import pytest

from integrahub.db.schema.scripts import Script, kind_of, migrations

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
