"""Generator of the synchronous client from the asynchronous one: words replaced, then formatted.

`make sync-client` writes it; a test compares the files.
"""

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "src" / "integrahub" / "client"
SOURCE, TARGET = CLIENT / "asynchronous", CLIENT / "synchronous"
# In order: the first ones hold words of the later ones.
_REPLACEMENTS = (
    (r"\bAwaitable\[([\w.]+)\]", r"\1"),
    (r" \| AsyncIterable\[Any\]", ""),
    (r"\b(AsyncIterable|Awaitable), ", ""),
    (r"\bAsyncIterator, Callable, Iterator\b", "Callable, Iterator"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\basynchronous\b", "synchronous"),
    (r"\bAsynchronous\b", "Synchronous"),
    (r"\bAn? synchronous\b", "A synchronous"),
    (r"\ban synchronous\b", "a synchronous"),
    (r"\bopen_async_http\b", "open_http"),
    (r"\b(sleep|iterate)_async\b", r"\1"),
    (r"\brun_in_thread\b", "run_here"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"\bAsync([A-Z]\w*)", r"\1"),
)


def generate() -> dict[str, str]:
    """Return the text of each module of the synchronous client, by file name."""
    return {path.name: _convert(path.read_text("utf-8")) for path in SOURCE.glob("*.py") if path.name != "__init__.py"}


def _convert(text: str) -> str:
    head = "# Generated from the folder `asynchronous` by `make sync-client`. Change that one.\n"
    for pattern, replacement in _REPLACEMENTS:
        text = re.sub(pattern, replacement, text)
    return _run_ruff("format", _run_ruff("check", head + text, "--fix", "--select", "I", "--quiet"))


def _run_ruff(command: str, text: str, *options: str) -> str:
    arguments = [sys.executable, "-m", "ruff", command, *options, "--stdin-filename", str(TARGET / "module.py"), "-"]
    return subprocess.run(arguments, input=text, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Write the modules."""
    for name, text in generate().items():
        (TARGET / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
