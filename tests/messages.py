"""Keeper of the console's translations: `make messages` adds new texts to locales/pt_BR/<area>.po and drops old ones.

The area of a template is its folder, that of a module or folder in `pages` its name up to the first `_`. All other
modules are of the area `shell`.
"""

import io
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).parents[1]
CONSOLE = ROOT / "src" / "integrahub" / "console"
LOCALE = CONSOLE / "locales" / "pt_BR"
_HEADER = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}  # a template in error drops no text


def areas() -> dict[str, Catalog]:
    """Return the texts of templates and modules, by area, without translations."""
    found: dict[str, Catalog] = {}
    for path in sorted([*CONSOLE.rglob("*.html"), *CONSOLE.rglob("*.py")]):
        catalog = found.setdefault(_area(path), _empty())
        method = "python" if path.suffix == ".py" else babel_extract
        with path.open("rb") as file:
            options = {} if path.suffix == ".py" else _OPTIONS
            for _, text, _, _ in extract(method, file, _KEYWORDS, (), options):
                catalog.add(text)
    return {area: catalog for area, catalog in found.items() if len(catalog)}


def _area(path: Path) -> str:
    parts = path.relative_to(CONSOLE).parts
    if parts[0] == "templates":
        return parts[1]
    if parts[0] != "pages" or parts == ("pages", "__init__.py"):
        return "shell"
    return parts[1].removesuffix(".py").partition("_")[0]


def translations(area: str) -> Catalog:
    """Return the texts of an area with their translations as they are in its file."""
    file = LOCALE / f"{area}.po"
    return read_po(io.StringIO(file.read_text("utf-8")), locale="pt_BR") if file.exists() else _empty()


def _empty() -> Catalog:
    return read_po(io.StringIO(_HEADER), locale="pt_BR")


def render(catalog: Catalog) -> str:
    """Return a file of texts in their order, without dates and places, which would differ at each run."""
    output = io.BytesIO()
    write_po(output, catalog, width=120, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    return f"{_HEADER}\n{output.getvalue().decode().strip()}\n"


def updated(area: str, texts: Catalog) -> Catalog:
    """Return the texts of an area with the translations that its file has."""
    known = translations(area)
    for message in texts:
        if message.id and (kept := known.get(message.id if isinstance(message.id, str) else message.id[0])):
            message.string = kept.string
    return texts


def is_translated(message: Message) -> bool:
    """Return whether a text has all its forms."""
    string = message.string or ""
    return bool(string) if isinstance(string, str) else all(string)


def main() -> None:
    """Write the file of each area and print the texts that lack a translation."""
    for area, texts in areas().items():
        catalog = updated(area, texts)
        (LOCALE / f"{area}.po").write_text(render(catalog), "utf-8")
        for message in catalog:
            if message.id and not is_translated(message):
                print(f"{area}.po lacks: {message.id}")


if __name__ == "__main__":
    main()
