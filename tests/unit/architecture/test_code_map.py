"""The code map agrees with the tree and names files that exist."""

import re

from tests.code_map import MARK, PAGE, SOURCE, render


def test_the_code_map_has_every_folder_and_file_with_its_docstring() -> None:
    assert PAGE.read_text("utf-8").partition(MARK)[2].strip() == render().strip(), "run `make code-map`"


def test_every_file_that_the_code_map_names_exists() -> None:
    written = PAGE.read_text("utf-8").partition(MARK)[0]
    named = set(re.findall(r"`([a-z_0-9]+/[a-z_0-9/]*(?:\.py|\.sql)?)`", written))
    assert len(named) > 40
    assert [path for path in sorted(named) if not (SOURCE / path).exists()] == []
