"""`python -m deploy.release.publish`: draft a release on GitHub with every file of dist/, then publish it for good.

The environment names TAG, IMAGE and DIGEST, and GitHub's own names the repository. `gh` reads GH_TOKEN.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.release.changelog import CHANGELOG, ReleaseError, read_section, render_notes
from deploy.release.commands import Run, run_command


def publish(root: Path, environment: Mapping[str, str], run: Run = run_command) -> None:
    """Draft the release of TAG with notes and files, publish it, and check that it can no longer change."""
    tag = environment["TAG"]
    assets = [str(path) for path in sorted((root / "dist").iterdir()) if path.is_file()]
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.md"
        notes.write_text(_notes(root, environment), "utf-8")
        title = f"IntegraHub {tag.removeprefix('v')}"
        options = ("--draft", "--verify-tag", "--title", title, "--notes-file", str(notes))
        run("gh", "release", "create", tag, *options, *assets)
    run("gh", "release", "edit", tag, "--draft=false")
    if not json.loads(run("gh", "release", "view", tag, "--json", "isImmutable")).get("isImmutable"):
        raise ReleaseError(
            f"{tag} is published, but it can be changed. Enable immutable releases in the repository's settings, "
            "delete this release and run the job again."
        )


def _notes(root: Path, environment: Mapping[str, str]) -> str:
    tag = environment["TAG"]
    version = tag.removeprefix("v")
    section = read_section((root / CHANGELOG).read_text("utf-8"), version)
    if not section:
        raise ReleaseError(f"{CHANGELOG} has no section {version}.")
    image = f"{environment['IMAGE'].lower()}@{environment['DIGEST']}"
    head = f"Image: `{image}`\n\n[How to verify it](docs/howto/verify-release.md)\n\n"
    address = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}/blob/{tag}"
    return render_notes(f"{head}{section}\n", address)


def main() -> None:
    """Publish the release that the environment names."""
    try:
        publish(Path.cwd(), os.environ)
    except ReleaseError as error:
        raise SystemExit(str(error)) from None
    except KeyError as error:
        raise SystemExit(f"{error.args[0]} is not set in the environment.") from None


if __name__ == "__main__":
    main()
