"""Every entry of the mutations matches the code and names existing tests."""

import re
import subprocess
import sys

import pytest
from tests.mutations.catalog import ROOT, Mutation, load
from tests.query_files import QUERY_FILES

MUTATIONS = load()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_an_entry_changes_its_file_and_names_tests_that_exist(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text("utf-8")
    assert mutation.apply(text) != text
    assert mutation.tests
    for test in mutation.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).is_file(), test
        function = re.escape(name.partition("[")[0].rpartition("::")[2])
        assert not name or re.search(rf"def {function}\(", (ROOT / path).read_text("utf-8")), test


def test_named_tests_with_parameters_are_collected() -> None:
    named = {test for mutation in MUTATIONS for test in mutation.tests if test.endswith("]")}
    files = sorted({test.partition("::")[0] for test in named})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", "-p", "no:xdist", *files]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert named and not named - set(listing.splitlines())


def test_no_name_and_no_change_stands_twice() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    changes = {(m.file, m.block, m.function, m.guard, m.instead) for m in MUTATIONS}
    assert len(changes) == len(MUTATIONS)


def test_every_statement_that_asks_if_has_an_entry() -> None:
    known = {(mutation.file, mutation.block) for mutation in MUTATIONS}
    asking = {
        (path.relative_to(ROOT).as_posix(), block)
        for path in QUERY_FILES.values()
        for block in re.findall(r"^-- ([-a-z_0-9]*_if_[-a-z_0-9]*) --$", path.read_text("utf-8"), re.MULTILINE)
    }
    assert asking and not asking - known
