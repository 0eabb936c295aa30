"""The table of contents: a section per folder of `docs`, filled with the pages that there are."""

from website import markdown
from website.pages import ENGLISH, PORTUGUESE, Page, Pages

# Folder, then its title in English and Portuguese.
SECTIONS = (
    ("tutorial", "Tutorial", "Tutorial"),
    ("howto", "How-to guides", "Guias práticos"),
    ("runbook", "Runbook", "Runbook"),
    ("reference", "Reference", "Referência"),
    ("why", "Why it is so", "Por que é assim"),
    ("decisions", "Decisions", "Decisões"),
    ("project", "Project", "Projeto"),
)
_OUTSIDE = "---\norphan: true\n---\n\n"  # Sphinx does not miss the page in the contents


def title_of(pages: Pages, page: Page) -> str:
    """Return the first heading of a page, or else its name."""
    headings = markdown.list_headings(pages.read(page))
    return headings[0][1] if headings else page.name


def list_section(pages: Pages, language: str, folder: str) -> list[Page]:
    """Return the pages of a folder: its index first, then the others by title."""
    found = [page for page in pages.of(language) if page.name.startswith(f"{folder}/")]
    return sorted(found, key=lambda page: (not page.name.endswith("/index"), title_of(pages, page).lower()))


def append_contents(pages: Pages, page: Page, text: str) -> str:
    """Return the text of a page with its tables of contents, if it is the home page."""
    if page.name == "index":
        parts = [_section(pages, page.language, *section) for section in SECTIONS]
        others = sorted(other.name for other in pages.of(page.language) if "/" not in other.name)
        loose = [name for name in others if name != "index"]
        return "\n\n".join([text, *([_toctree("", loose)] if loose else []), *(part for part in parts if part)]) + "\n"
    return f"{_OUTSIDE}{text}" if is_record(page) else text


def is_record(page: Page) -> bool:
    """Return True for a single decision: the index by subject leads to it, so the contents of each page stay short."""
    return page.name.startswith("decisions/0")


def _section(pages: Pages, language: str, folder: str, english: str, portuguese: str) -> str:
    names = [page.name for page in list_section(pages, language, folder) if not is_record(page)]
    return _toctree({ENGLISH: english, PORTUGUESE: portuguese}[language], names) if names else ""


def _toctree(caption: str, names: list[str]) -> str:
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["```{toctree}", *options, "", *(f"/{name}" for name in names), "```"])
