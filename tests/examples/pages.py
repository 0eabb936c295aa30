"""Command blocks of the documentation's pages, and how they run."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?:<!-- not run: ([^\n]+?) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN_TIMEOUT_SECONDS = 100.0
_PRELUDE = "set -euo pipefail\ntrap 'jobs -p | xargs -r kill 2> /dev/null || true' EXIT\n"
_CURL_OPTIONS = 'write-out = "%{stderr}HTTP %{http_code}\\n"\n'  # of every curl, so that the test sees refusals


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the reason if it is a command that is not run."""

    language: str
    text: str
    reason: str | None

    @property
    def is_run(self) -> bool:
        """Return whether the test runs it."""
        return self.language == "sh" and self.reason is None


@dataclass(frozen=True, slots=True)
class Run:
    """What each block of a page printed, the statuses that curl got, and the exit code."""

    outputs: list[str]
    errors: str
    statuses: list[int]
    code: int


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = _FENCE.finditer(page.read_text("utf-8"))
    return [Block(match[2], match[3], match[1]) for match in found]


def read_prose(page: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def shown_answers(blocks: list[Block], outputs: list[str]) -> Iterator[tuple[Block, str]]:
    """Yield each answer that a page shows after commands that run, with what these printed."""
    printed = iter(outputs)
    for before, block in pairwise([*blocks, Block("", "", None)]):
        if before.is_run:
            output = next(printed)
            if block.language in ("json", "text"):
                yield block, output


def run_blocks(blocks: list[Block], folder: Path, environment: dict[str, str]) -> Run:
    """Run the commands of a page in one shell, in a folder with the repository's examples and deployment files."""
    for name in ("examples", "deploy"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".curlrc").write_text(_CURL_OPTIONS)
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    script = _PRELUDE + "\n".join(f"printf '\\036'\n{block.text}" for block in blocks if block.is_run)
    given = environment | {"PATH": path, "CURL_HOME": str(folder), "NO_PROXY": "*"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=given, capture_output=True, text=True, timeout=_RUN_TIMEOUT_SECONDS
    )
    statuses = [int(status) for status in re.findall(r"^HTTP (\d+)$", done.stderr, re.MULTILINE)]
    return Run(done.stdout.split("\036")[1:], done.stderr, statuses, done.returncode)
