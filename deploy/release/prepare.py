"""`python -m deploy.release.prepare VERSION`: date the changelog's section, set the version, commit, tag."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.release.changelog import CHANGELOG, ReleaseError, date_section
from deploy.release.version import write_version

_BODY = "The changelog's section is dated; package and manifests have the version."


def prepare(root: Path, version: str, day: date) -> str:
    """Commit and tag a release in the repository `root`, and return the tag."""
    tag = f"v{version}"
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("The working tree has changes. Commit or drop them, then release.")
    if _git(root, "tag", "--list", tag):
        raise ReleaseError(f"The tag {tag} exists. A released version never changes: choose a higher one.")
    changelog = root / CHANGELOG
    dated = date_section(changelog.read_text("utf-8"), version, day)
    write_version(root, version)
    changelog.write_text(dated, "utf-8")
    _git(root, "commit", "--quiet", "--all", "-m", f"Release {version}", "-m", _BODY)
    _git(root, "tag", "--annotate", tag, "-m", f"IntegraHub {version}")
    return tag


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def main(arguments: list[str]) -> None:
    """Release the version in `arguments`, dated today (UTC)."""
    if len(arguments) != 1 or not arguments[0]:
        raise SystemExit("Name the version: make release VERSION=0.2.0")
    try:
        tag = prepare(Path.cwd(), arguments[0], datetime.now(UTC).date())
    except ReleaseError as error:
        raise SystemExit(str(error)) from None
    print(f"{tag} is committed and tagged here. To publish it: git push origin HEAD {tag}")


if __name__ == "__main__":
    main(sys.argv[1:])
