"""`python -m website`: build the site in dist/site. `--diagrams FILE`: mermaid.min.js."""

import argparse
import sys
from pathlib import Path

from website.build import ROOT, BuildFailure, build, count_pages


def main() -> None:
    """Build the site; print its address, or the faults of its pages."""
    parser = argparse.ArgumentParser(prog="python -m website")
    parser.add_argument("--diagrams", type=Path)
    diagrams = parser.parse_args().diagrams
    target = ROOT / "dist" / "site"
    try:
        build(target, ROOT / "dist" / "site-source", diagrams)
    except BuildFailure as failure:
        sys.exit(f"The site is not built. Correct these pages:\n{failure}")
    if not (diagrams and diagrams.is_file()):
        print("mermaid.min.js is missing: the pages show the text of their diagrams")
    print(f"{count_pages(target)} pages in {target / 'index.html'}")


if __name__ == "__main__":
    main()
