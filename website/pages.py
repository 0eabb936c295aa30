"""Finds the pages of the site: which file is which page, and in which languages there is one."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ENGLISH, PORTUGUESE = "en", "pt-BR"
LANGUAGES = (ENGLISH, PORTUGUESE)
_TWIN = ".pt-BR.md"
# Pages outside of `docs`, by the name that the site gives them.
_ROOT_PAGES = {
    "README": "project/readme",
    "CHANGELOG": "project/changelog",
    "CONTRIBUTING": "project/contributing",
    "SECURITY": "project/security",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One language of one page. `name` is its path in the site without a suffix, the same in both languages."""

    path: PurePosixPath
    name: str
    language: str

    @property
    def file(self) -> PurePosixPath:
        """Return the path of the page in the site's folder of its language, as Markdown."""
        return PurePosixPath(f"{self.name}.md")


@dataclass(frozen=True)
class Pages:
    """All pages below `root`, the repository."""

    root: Path

    @cached_property
    def by_path(self) -> dict[PurePosixPath, Page]:
        """Return the pages by the path of their file, relative to the root."""
        files = [*sorted((self.root / "docs").rglob("*.md")), *sorted(self.root.glob("*.md"))]
        pages = [_to_page(PurePosixPath(file.relative_to(self.root).as_posix())) for file in files]
        return {page.path: page for page in pages if page}

    @cached_property
    def by_name(self) -> dict[tuple[str, str], Page]:
        """Return the pages by language and name."""
        return {(page.language, page.name): page for page in self.by_path.values()}

    def of(self, language: str) -> list[Page]:
        """Return the pages of a language."""
        return [page for page in self.by_path.values() if page.language == language]

    def pairs(self) -> list[tuple[Page, Page]]:
        """Return each page that there is in both languages: the English and the Portuguese one."""
        found = [(self.by_name.get((ENGLISH, page.name)), page) for page in self.of(PORTUGUESE)]
        return [(english, portuguese) for english, portuguese in found if english]

    def read(self, page: Page) -> str:
        """Return the text of a page."""
        return (self.root / page.path).read_text("utf-8")


def _to_page(path: PurePosixPath) -> Page | None:
    language = PORTUGUESE if path.name.endswith(_TWIN) else ENGLISH
    bare = str(path)[: -len(_TWIN if language == PORTUGUESE else ".md")]
    if not bare.startswith("docs/"):
        return Page(path, _ROOT_PAGES[bare], language) if bare in _ROOT_PAGES else None
    name = bare.removeprefix("docs/")
    if name.endswith("/README"):
        name = f"{name.removesuffix('README')}index"
    return Page(path, name, language)
