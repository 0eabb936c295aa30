"""Apply every mutation in a copy of the tree, run the tests it names, and list those that no test noticed.

`python -m tests.mutations [WORD ...]`: entries whose name or place holds one of the words. Exit 1 when one survived.
"""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from tests.mutations.catalog import ROOT, Mutation, load

_COPIES = 2
_TIMEOUT_SECONDS = 600.0
_KILLED, _SURVIVED = 1, 0  # pytest's exit codes: a test failed; all passed


def _copy(target: Path) -> Path:
    """Copy what git tracks and what it would add, as it is in the working tree."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    # Git ignores the compiled kernel. Without it no test would notice what only the kernel does.
    compiled = [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("libkernel.*")]
    for name in [*filter(None, names.split("\0")), *compiled]:
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    # Bytecode that is checked against its source: a mutated file is compiled, all others are not.
    checked = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(target / "src", quiet=1, invalidation_mode=checked)
    return target


def _run(tree: Path, tests: tuple[str, ...]) -> int:
    """Return pytest's exit code for these tests in a tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    own = {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1", "CI": ""}
    try:
        done = subprocess.run(
            command, cwd=tree, env=os.environ | own, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return _KILLED  # work that never ends without its guard is noticed
    return done.returncode


def _try(trees: "SimpleQueue[Path]", mutation: Mutation) -> int:
    tree = trees.get()
    path = tree / mutation.file
    text = path.read_text("utf-8")
    try:
        path.write_text(mutation.apply(text), "utf-8")
        return _run(tree, mutation.tests)
    finally:
        path.write_text(text, "utf-8")
        trees.put(tree)


def main(words: list[str]) -> int:
    """Try the entries, print a line each, and return the exit code."""
    wanted = [m for m in load() if not words or any(word in f"{m.name} {m.place}" for word in words)]
    failed, begun = [], monotonic()
    with tempfile.TemporaryDirectory(prefix="ihub-mutations-") as folder, ThreadPoolExecutor(_COPIES) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(_COPIES):
            trees.put(_copy(Path(folder) / str(number)))
        codes = pool.map(lambda mutation: _try(trees, mutation), wanted)
        for number, (mutation, code) in enumerate(zip(wanted, codes, strict=True), 1):
            verdict = {_KILLED: "killed", _SURVIVED: "SURVIVED"}.get(code, f"NOT RUN (pytest ended with {code})")
            print(f"{number:3}/{len(wanted)} {verdict:8} {mutation.place}: {mutation.name}", flush=True)
            failed += [mutation] if code != _KILLED else []
    print(f"{len(wanted) - len(failed)} of {len(wanted)} killed in {monotonic() - begun:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
