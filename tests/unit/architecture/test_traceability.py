"""Each line of the roadmap leads to files and tests that exist, and the page is that of the table."""

import pytest
from tests.traceability import PAGE, is_there, read_lines, render


def test_every_line_lives_somewhere_and_is_shown_by_something_that_exists() -> None:
    lines = read_lines()
    assert len(lines) > 35 and all(line.where and line.shown for line in lines)
    references = [reference for line in lines for reference in (*line.where, *line.shown)]
    assert [reference for reference in references if not is_there(reference)] == []


@pytest.mark.parametrize("gone", ["docs/nothing.md", "tests/traceability.py::test_nothing", "src/integrahub/nothing"])
def test_what_does_not_exist_is_noticed(gone: str) -> None:
    assert not is_there(gone)


def test_the_page_is_written_from_the_table() -> None:
    assert PAGE.read_text("utf-8") == render(read_lines()), "run `make traceability`"
