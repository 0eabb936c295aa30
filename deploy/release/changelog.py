"""Sections of CHANGELOG.md: the unreleased one, and one per released version."""

import re
from datetime import date

CHANGELOG = "CHANGELOG.md"
_HEADING = "## Unreleased\n"
_SECTION = re.compile(r"^## (?P<version>\S+)(?: - (?P<day>\d{4}-\d{2}-\d{2}))?\n(?P<text>.*?)(?=^## |\Z)", re.M | re.S)


class ReleaseError(Exception):
    """A release cannot be made. The message says what to do."""


def date_section(text: str, version: str, day: date) -> str:
    """Return the changelog whose unreleased entries are those of `version`, below an empty unreleased section."""
    if not read_section(text, "Unreleased"):
        raise ReleaseError(f"'{_HEADING.strip()}' of {CHANGELOG} has no entry. Describe what changed, then release.")
    return text.replace(_HEADING, f"{_HEADING}\n## {version} - {day.isoformat()}\n", 1)


def read_section(text: str, version: str) -> str:
    """Return the entries of a version, or an empty string."""
    return next((each["text"].strip() for each in _SECTION.finditer(text) if each["version"] == version), "")


def render_notes(section: str, address: str) -> str:
    """Return a section for a page outside the repository, whose files are below `address`.

    GitHub's releases show each end of a line as a break and lead relative links nowhere.
    """
    unwrapped = re.sub(r"\n +", " ", section)
    return re.sub(r"\]\((?![a-z]+:)", f"]({address}/", unwrapped)


def latest_version(text: str) -> str | None:
    """Return the version of the first dated section."""
    return next((each["version"] for each in _SECTION.finditer(text) if each["day"]), None)


def find_late_entries(text: str, released: dict[str, str]) -> list[str]:
    """Return the entries that were added to a section after its release.

    `released` maps each version to the changelog of its tag.
    """
    return [
        f"{version}: {line}"
        for version, at_release in released.items()
        for line in _entries(text, version)
        if line not in _entries(at_release, version)
    ]


def _entries(text: str, version: str) -> list[str]:
    return [line for line in read_section(text, version).splitlines() if line.startswith("- ")]
