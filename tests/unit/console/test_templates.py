"""Templates of the console: translated, and nothing that the content security policy blocks."""

import re
from pathlib import Path

import pytest
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
