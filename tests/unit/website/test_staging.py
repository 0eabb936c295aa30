"""Pages of a language under their names in the site, with links that work there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from website.pages import Pages
from website.staging import Stage, stage_all

from website import llms

_FILES = {
    "README.md": "# Hub\n\n[guides](docs/howto) [one](docs/howto/one.md)\n",
    "README.pt-BR.md": "# Hub\n\n[um](docs/howto/one.pt-BR.md)\n",
    "docs/index.md": "# Home\n\n[Português](index.pt-BR.md)\n\nThe home page of a hub of pharmacies. More.\n",
    "docs/index.pt-BR.md": "# Início\n\n[English](index.md)\n\nA página inicial.\n",
    "docs/howto/one.md": "# One\n\n## Part\n\n[script](../../examples/run.sh) [raw](../reference/all.md#code)\n",
    "docs/howto/one.pt-BR.md": "# Um\n\n## Parte\n\n[tudo](../reference/all.md#code) [x](one.pt-BR.md#parte)\n",
    "docs/reference/all.md": '# All\n\n| <a id="code"></a>`code` |\n| --- |\n',
    "docs/decisions/README.md": "# Decisions\n\n[1](0001-first.md)\n",
    "docs/decisions/0001-first.md": "# First\n\n[readme](../../README.md)\n",
    "examples/run.sh": "true\n",
}


@pytest.fixture
def site(tmp_path: Path) -> tuple[Pages, dict[str, Stage]]:
    for name, text in _FILES.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    pages = Pages(tmp_path / "repository")
    return pages, {stage.language: stage for stage in stage_all(pages, tmp_path / "work")}


@pytest.fixture
def read(site: tuple[Pages, dict[str, Stage]]) -> Callable[[str, str], str]:
    return lambda language, name: (site[1][language].source / name).read_text("utf-8")


def test_both_languages_of_a_page_have_the_same_name(site: tuple[Pages, dict[str, Stage]]) -> None:
    assert {page.name for page in site[0].of("pt-BR")} == {"index", "howto/one", "project/readme"}
    assert {english.name for english, _ in site[0].pairs()} == {"index", "howto/one", "project/readme"}


def test_a_link_leads_to_the_page_of_the_language_or_else_to_the_english_site(read: Callable[[str, str], str]) -> None:
    assert "[um](../howto/one.md)" in read("pt-BR", "project/readme.md")
    assert "[tudo](part:../../en/reference/all.html#code)" in read("pt-BR", "howto/one.md")
    assert "[x](one.md#parte)" in read("pt-BR", "howto/one.md")


def test_anchors_written_as_html_are_not_left_to_sphinx(read: Callable[[str, str], str]) -> None:
    assert "[raw](part:../reference/all.html#code)" in read("en", "howto/one.md")


def test_links_to_folders_and_files_work_in_the_site(
    site: tuple[Pages, dict[str, Stage]], read: Callable[[str, str], str]
) -> None:
    assert "[guides](../index.md)" in read("en", "project/readme.md")
    assert "[script](../_files/examples/run.sh)" in read("en", "howto/one.md")
    assert (site[1]["en"].plain / "_files/examples/run.sh").read_text() == "true\n"


def test_markdown_pages_link_to_markdown_pages(site: tuple[Pages, dict[str, Stage]]) -> None:
    plain = (site[1]["pt-BR"].plain / "howto/one.md").read_text("utf-8")
    assert "[tudo](../../en/reference/all.md#code)" in plain and "toctree" not in plain


def test_headings_have_the_english_anchor_in_both_languages(site: tuple[Pages, dict[str, Stage]]) -> None:
    for stage in site[1].values():
        assert json.loads((stage.folder / "anchors.json").read_text())["howto/one"] == ["one", "part"]


def test_the_link_to_the_other_language_is_left_to_the_switch(read: Callable[[str, str], str]) -> None:
    assert "Português" not in read("en", "index.md") and "English" not in read("pt-BR", "index.md")


def test_the_contents_have_every_page_once_but_records_of_decisions(site: tuple[Pages, dict[str, Stage]]) -> None:
    for language, stage in site[1].items():
        texts = [path.read_text("utf-8") for path in stage.source.rglob("*.md")]
        named = [line for text in texts for line in text.splitlines() if line.startswith("/")]
        pages = {f"/{page.name}" for page in site[0].of(language)}
        assert sorted(named) == sorted(pages - {"/index", "/decisions/0001-first"})


def test_llms_txt_names_every_page_with_its_first_sentence(site: tuple[Pages, dict[str, Stage]]) -> None:
    text = llms.render(site[0])
    assert "- [Home](en/index.md): The home page of a hub of pharmacies.\n" in text
    assert all(f"({page.language}/{page.file})" in text for page in site[0].by_path.values())
