"""Builds the site of both languages: `python -m website`, or `build` from a test."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from website import llms
from website.pages import ENGLISH, LANGUAGES, PORTUGUESE, Pages
from website.staging import ANCHORS, Stage, stage_all

ROOT = Path(__file__).parents[1]
_HERE = Path(__file__).parent
_EPOCH = "315532800"  # 1980-01-01: nothing on the site depends on the day it is built
_TIMEOUT_SECONDS = 900.0  # a busy machine takes minutes
_DOOR = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>IntegraHub</title>
<script>location.replace((/^pt/i.test(navigator.language) ? "pt-BR" : "en") + "/index.html")</script></head>
<body><p><a href="en/index.html">English</a> · <a href="pt-BR/index.html">Português</a></p></body></html>
"""


class BuildFailure(Exception):
    """Sphinx found a fault in the pages."""


def build(target: Path, work: Path, diagrams: Path | None, root: Path = ROOT) -> None:
    """Build the site in `target` with intermediate files in `work`. Fail if a page has a fault.

    `diagrams` is `mermaid.min.js`; without it, the pages show the text of their diagrams.
    """
    pages = Pages(root)
    shutil.rmtree(target, ignore_errors=True)
    stages = stage_all(pages, work)
    _write_locale(work / "locale")
    _write_assets(work / "assets", diagrams)
    running = [_start(stage, pages, target / stage.language, work) for stage in stages]
    try:
        outputs = [process.communicate(timeout=_TIMEOUT_SECONDS)[0] for process in running]
    finally:
        for process in running:
            with process:
                process.kill()  # does nothing to one that ended
    faults = list(dict.fromkeys(line for output in outputs for line in output.splitlines()))
    if faults or any(process.returncode for process in running):
        raise BuildFailure("\n".join(faults))
    for stage in stages:
        (target / stage.language / ".buildinfo").unlink()  # a hash of the paths of this build
        shutil.copytree(stage.plain, target / stage.language, dirs_exist_ok=True)
    (target / "index.html").write_text(_DOOR, "utf-8")
    (target / "llms.txt").write_text(llms.render(pages), "utf-8")


def _start(stage: Stage, pages: Pages, target: Path, work: Path) -> "subprocess.Popen[str]":
    twins = [english.name for english, _ in pages.pairs()]
    other = ENGLISH if stage.language == PORTUGUESE else PORTUGUESE
    anchors = json.loads((stage.folder / ANCHORS).read_text("utf-8"))
    facts = stage.folder / "facts.json"
    facts.write_text(json.dumps({"anchors": anchors, "twins": twins, "other": other}), "utf-8")
    environment = os.environ | {
        "DOCS_LANGUAGE": stage.language,
        "DOCS_FACTS": str(facts),
        "DOCS_LOCALES": str(work / "locale"),
        "DOCS_ASSETS": str(work / "assets"),
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH),
        "PYTHONHASHSEED": "0",
    }
    options = ["-E", "-W", "--keep-going", "-q", "-b", "html", "-c", str(_HERE), "-d", str(stage.folder / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, str(stage.source), str(target)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )


def _write_assets(folder: Path, diagrams: Path | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if diagrams and diagrams.is_file():
        shutil.copyfile(diagrams, folder / "mermaid.min.js")


def _write_locale(folder: Path) -> None:
    """Compile our translations of texts that the theme has and Sphinx does not translate."""
    target = folder / "pt_BR" / "LC_MESSAGES"
    target.mkdir(parents=True, exist_ok=True)
    with (_HERE / "locale" / "pt_BR.po").open("rb") as texts, (target / "sphinx.mo").open("wb") as compiled:
        write_mo(compiled, read_po(texts, "pt_BR"))


def count_pages(target: Path) -> dict[str, int]:
    """Return how many pages each language has."""
    return {language: len(list((target / language).rglob("*.html"))) for language in LANGUAGES}
