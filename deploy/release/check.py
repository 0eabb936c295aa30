"""`python -m deploy.release.check [TAG]`: tag, version and changelog agree; released sections gain no entry."""

import sys
from pathlib import Path

from deploy.release.changelog import CHANGELOG, ReleaseError, find_late_entries
from deploy.release.commands import run_command
from deploy.release.version import find_disagreements


def check(root: Path, tag: str | None = None) -> list[str]:
    """Return every disagreement of a repository."""
    late = find_late_entries((root / CHANGELOG).read_text("utf-8"), _released(root))
    return [
        *find_disagreements(root, tag),
        *(f"added after the release, move it to Unreleased: {each}" for each in late),
    ]


def _released(root: Path) -> dict[str, str]:
    """Return the changelog of each tag; none in a clone without tags."""
    tags = _git(root, "tag", "--list", "v*").split()
    return {tag.removeprefix("v"): _git(root, "show", f"{tag}:{CHANGELOG}") for tag in tags}


def _git(root: Path, *arguments: str) -> str:
    return run_command("git", "-C", str(root), *arguments)


def main(arguments: list[str]) -> None:
    """Print the disagreements and exit with 1, or print that there is none."""
    try:
        found = check(Path.cwd(), next(iter(arguments), None) or None)
    except ReleaseError as error:
        raise SystemExit(str(error)) from None
    if found:
        raise SystemExit("\n".join(found))
    print("tag, version and changelog agree" if any(arguments) else "version and changelog agree")


if __name__ == "__main__":
    main(sys.argv[1:])
