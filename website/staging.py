"""Writes the sources of one language for Sphinx: pages under their names in the site, with links between them.

A link to a page that the language lacks leads to the English site; a link to another file of the repository leads to a
copy of that file.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from website import markdown
from website.blocks import append_summary
from website.contents import append_contents
from website.pages import ENGLISH, LANGUAGES, Page, Pages

FILES = PurePosixPath("_files")
ANCHORS = "anchors.json"
PLAIN = "plain"
_SWITCH = re.compile(r"^\[(?:Português|English)\]\([^)]+\)\n+", re.MULTILINE)
_OUTSIDE = re.compile(r"^(?:[a-z]+:|#|<)")


class Stage:
    """The sources of one language below `folder`: `source` for Sphinx, `plain` with the pages as Markdown."""

    def __init__(self, pages: Pages, language: str, folder: Path) -> None:
        """Prepare to write below the folder, which is emptied."""
        self.pages, self.language, self.folder = pages, language, folder
        self.source, self.plain = folder / "source", folder / PLAIN
        shutil.rmtree(folder, ignore_errors=True)

    def write(self) -> None:
        """Write all pages, the files they link to, and the anchors of their headings."""
        anchors = {}
        for page in self.pages.of(self.language):
            text = append_summary(page, _SWITCH.sub("", self.pages.read(page), count=1))
            anchors[page.name] = self._anchors(page)
            shown = markdown.replace_links(text, self._replacer(page, self._to_source))
            self._put(self.source / page.file, append_contents(self.pages, page, shown))
            self._put(self.plain / page.file, markdown.replace_links(text, self._replacer(page, self._to_plain)))
        self._put(self.folder / ANCHORS, json.dumps(anchors))

    def _anchors(self, page: Page) -> list[str]:
        """Return the anchors of the English page for both languages, so that a link works in each."""
        english = self.pages.by_name.get((ENGLISH, page.name), page)
        return markdown.list_slugs(self.pages.read(english))

    def _replacer(self, page: Page, to_link: Callable[[Page, Page, str], str]) -> Callable[[str], str]:
        def replace(link: str) -> str:
            if _OUTSIDE.match(link):
                return link
            path, _, fragment = link.partition("#")
            target = PurePosixPath(os.path.normpath(page.path.parent / path))
            known = self.pages.by_path.get(target) or self._index_of(target)
            return to_link(page, known, fragment) if known else self._to_file(page, target, link)

        return replace

    def _index_of(self, target: PurePosixPath) -> Page | None:
        """Return the page for a folder of `docs`: its index, or else the home page."""
        if not (self.pages.root / target).is_dir():
            return None
        name = f"{target.relative_to('docs')}/index" if target.is_relative_to("docs") else ""
        return self.pages.by_name.get((ENGLISH, name)) or self.pages.by_name.get((self.language, "index"))

    def _to_source(self, page: Page, target: Page, fragment: str) -> str:
        """Return a link for Sphinx. What it cannot check has a scheme of ours, which it only takes off."""
        is_raw = fragment in markdown.list_raw_anchors(self.pages.read(target))
        if target.language == self.language and not is_raw:
            return _join(_relative(page, target.file), fragment)
        base = "" if target.language == self.language else f"{_up(page)}../{target.language}/"
        where = f"{base}{target.name}.html" if base else _relative(page, target.file.with_suffix(".html"))
        return _join(f"{'part' if fragment else 'page'}:{where}", fragment)

    def _to_plain(self, page: Page, target: Page, fragment: str) -> str:
        if target.language == self.language:
            return _join(_relative(page, target.file), fragment)
        return _join(f"{_up(page)}../{target.language}/{target.file}", fragment)

    def _to_file(self, page: Page, target: PurePosixPath, link: str) -> str:
        origin = self.pages.root / target
        if not origin.is_file():
            return link  # Sphinx reports it
        for folder in (self.source, self.plain):
            copy = folder / FILES / target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, copy)
        return _relative(page, FILES / target)

    @staticmethod
    def _put(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _join(link: str, fragment: str) -> str:
    return f"{link}#{fragment}" if fragment else link


def _relative(page: Page, target: PurePosixPath) -> str:
    return os.path.relpath(target, page.file.parent)


def _up(page: Page) -> str:
    return "../" * page.name.count("/")


def stage_all(pages: Pages, folder: Path) -> list[Stage]:
    """Write the sources of every language, each below a folder of its own."""
    stages = [Stage(pages, language, folder / language) for language in LANGUAGES]
    for stage in stages:
        stage.write()
    return stages
