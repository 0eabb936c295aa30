"""Templates of the console: translated, and nothing that the content security policy blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment
from tests import messages

import integrahub.console

CONSOLE = Path(integrahub.console.__file__).parent
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
# Inline styles and scripts, and what htmx would have to evaluate.
_BLOCKED = re.compile(
    r"""\sstyle=|\son[a-z]+=|hx-on|["'\s]js:|javascript:|hx-trigger="[^"]*\[|<style|<script(?![^>]*src=)"""
)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_what_the_content_security_policy_blocks(template: Path) -> None:
    assert _BLOCKED.findall(template.read_text("utf-8")) == []


def test_blocks_that_all_people_share_do_not_depend_on_the_person() -> None:
    shared = [path for path in CONSOLE.rglob("pages/*.py") if "is_shared=True" in path.read_text("utf-8")]
    assert [path.name for path in shared] == ["overview.py"]
    for template in (CONSOLE / "templates" / "overview").iterdir():
        assert re.findall(r"\bcan\(|\bperson\b|may_not|password_again", template.read_text("utf-8")) == []


def test_every_text_is_translated_and_the_files_have_no_others() -> None:
    texts = messages.areas()
    assert {path.stem for path in messages.LOCALE.glob("*.po")} == set(texts), "run `make messages`"
    for area, catalog in texts.items():
        known = messages.translations(area)
        assert {m.id for m in known if m.id} == {m.id for m in catalog if m.id}, "run `make messages`"
        assert [m.id for m in known if m.id and not messages.is_translated(m)] == []


def test_a_text_has_one_translation_in_all_areas() -> None:
    found: dict[object, set[object]] = {}
    for area in messages.areas():
        for message in messages.translations(area):
            if message.id:
                found.setdefault(message.id, set()).add(message.string)
    assert {text: forms for text, forms in found.items() if len(forms) > 1} == {}


_ATTRIBUTE = re.compile(r"\b(?:aria-label|title|placeholder|alt)=([\"'])(.*?)\1", re.DOTALL)
_PRE = re.compile(r"<(pre|code|kbd)\b.*?</\1>", re.DOTALL)
_CODE = re.compile(r"\b[a-z_]+\.[a-z_]+\b")  # an action of the audit log
_WORD = re.compile(r"[A-Za-zÀ-ÿ]{2,}")
#: Words that are the same in all languages.
_SAME = {
    "IntegraHub",
    "API",
    "PostgreSQL",
    "CNPJ",
    "EAN",
    "FULL",
    "DELTA",
    "CSV",
    "JSON",
    "URL",
    "SHA",
    "English",
    "Português",
}


def _literal_words(template: Path) -> set[str]:
    """Return the words of a template that stand outside tags and expressions, or in attributes that are read out."""
    tokens = Environment(extensions=["jinja2.ext.i18n"]).lex(template.read_text("utf-8"))
    # An expression becomes a mark, so that tags that hold one stay whole.
    text = _PRE.sub("", "".join(_visible(list(tokens))))
    shown = re.sub(r"<[^>]*>|&\w+;", " ", text) + " ".join(found[2] for found in _ATTRIBUTE.finditer(text))
    return set(_WORD.findall(_CODE.sub(" ", shown))) - _SAME


def _visible(tokens: list[tuple[int, str, str]]) -> Iterator[str]:
    for _, kind, value in tokens:
        if kind == "data":
            yield value
        elif kind in ("variable_begin", "block_begin"):
            yield "\x00"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_word_that_is_not_translated(template: Path) -> None:
    assert _literal_words(template) == set()
