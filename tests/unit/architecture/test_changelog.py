"""The changelog agrees with the version, and sections of released versions gain no entry."""

import re
from pathlib import Path

from deploy.release.changelog import CHANGELOG, read_section
from deploy.release.check import check
from deploy.release.version import read_version
from tests.version_before import extract_source

_ROOT = Path(__file__).parents[3]


def test_version_and_changelog_agree_and_new_entries_are_in_the_unreleased_section() -> None:
    assert check(_ROOT) == []


def test_the_version_before_is_the_newest_release_before_the_tested_one(tmp_path: Path) -> None:
    text = (_ROOT / CHANGELOG).read_text("utf-8")
    released = re.findall(r"^## (\S+) - \d", text, re.MULTILINE)
    extract_source(tmp_path)  # CONTRIBUTING.md says what else to change with tests/version_before.py
    assert read_version(tmp_path) == released[0 if read_section(text, "Unreleased") else 1]
