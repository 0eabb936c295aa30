"""The changelog agrees with the version, and sections of released versions gain no entry."""

from pathlib import Path

from deploy.release.check import check


def test_version_and_changelog_agree_and_new_entries_are_in_the_unreleased_section() -> None:
    assert check(Path(__file__).parents[3]) == []
