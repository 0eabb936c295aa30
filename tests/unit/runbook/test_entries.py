"""The runbook: entries have their form, commands exist, links lead somewhere, and what shows a state has an entry."""

import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from babel.messages.pofile import read_po

from integrahub.cli.app import app
from integrahub.cli.commands.doctor import _CHECKS
from integrahub.console.help import subjects as console_help
from integrahub.console.help.markdown import render_markdown
from integrahub.domain.batches import BatchStatus
from integrahub.domain.freshness.rhythm import PharmacyState
from integrahub.domain.freshness.silence import CauseKind
from integrahub.domain.languages import Language
from integrahub.monitoring.attention import AttentionKind
from integrahub.runbook.pages import ERRORS_PAGE, PAGES, Entry, list_entries, read_page

_ROOT = Path(__file__).parents[3]
_PARTS = {
    Language.EN: ("You see", "Check", "Act", "Over when", "Takes", "Notify", "Tried"),
    Language.PT: ("Você vê", "Verifique", "Faça", "Resolvido quando", "Leva", "Avise", "Testado"),
}
_GOOD = {Language.EN: "Good answer:", Language.PT: "Resposta boa:"}
_UNTRIED = {Language.EN: "untried", Language.PT: "não testad"}
_PART = re.compile(r"^- \*\*(.+?):\*\* (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
#: What a person finds at the machine besides `integrahub`.
_PROGRAMS = ("integrahub ", "curl ", "df ", "psql ", "kafka-topics.sh ", "kubectl ")
_OTHER_WORDS = {"untried as written", "não testado como está escrito", "runs"}  # the last one is of `doctor`
_CHECKABLE = (*_PROGRAMS, "/", "integrahub_", "integrahub:")  # a command, a page or a query of Prometheus


def _all(language: Language) -> list[Entry]:
    return list(list_entries(language).values())


def _parts(entry: Entry) -> dict[str, str]:
    return dict(_PART.findall(entry.text))


@pytest.mark.parametrize("language", list(Language))
def test_every_entry_has_its_parts_in_order(language: Language) -> None:
    entries = _all(language)
    assert len(entries) > 50
    assert [entry.anchor for entry in entries if tuple(_parts(entry)) != _PARTS[language]] == []


def test_both_languages_have_the_same_entries_with_the_same_commands() -> None:
    english, portuguese = _all(Language.EN), _all(Language.PT)
    assert [entry.anchor for entry in english] == [entry.anchor for entry in portuguese]
    for one, other in zip(english, portuguese, strict=True):
        commands = [[code for code in _CODE.findall(entry.text) if " " in code] for entry in (one, other)]
        assert commands[0] == commands[1], one.anchor


@pytest.mark.parametrize("language", list(Language))
def test_every_check_has_a_command_or_a_page_and_its_good_answer(language: Language) -> None:
    for entry in _all(language):
        check = _parts(entry)[_PARTS[language][1]]
        runnable = [code for code in _CODE.findall(check) if code.startswith(_CHECKABLE)]
        assert runnable and _GOOD[language] in check, entry.anchor


def test_the_first_test_of_an_entry_follows_it_or_the_entry_says_untried() -> None:
    entries = [entry for entry in _all(Language.EN) if entry.page != "alerts"]  # those lead to the entry that acts
    assert len(entries) > 35
    tried = {entry.anchor: _parts(entry)["Tried"] for entry in entries}
    untried = {anchor for anchor, text in tried.items() if text.startswith("untried as written: ")}
    assert untried == {"postgresql-failover", "kafka-broker-lost"}  # what needs several machines
    first = {anchor: _CODE.findall(tried[anchor])[0] for anchor in tried.keys() - untried}
    assert [
        (anchor, test) for anchor, test in first.items() if f'"{anchor}"' not in (_ROOT / test).read_text("utf-8")
    ] == []


@pytest.mark.parametrize("language", list(Language))
def test_every_entry_names_a_test_that_exists_or_says_untried(language: Language) -> None:
    for entry in _all(language):
        tried = _parts(entry)[_PARTS[language][-1]]
        tests = [code for code in _CODE.findall(tried) if code.startswith("tests/")]
        assert tests or _UNTRIED[language] in tried, entry.anchor
        assert [test for test in tests if not (_ROOT / test).is_file()] == [], entry.anchor


def _commands(language: Language) -> Iterator[tuple[str, str]]:
    for entry in _all(language):
        for code in _CODE.findall(entry.text):
            if code.startswith("integrahub ") or (code.split() or [""])[0] in ("dead", "fleet"):
                yield entry.anchor, code.removeprefix("integrahub ")


def test_every_command_exists_as_written() -> None:
    commands = [command for language in Language for command in _commands(language)]
    assert len(commands) > 200
    wrong = {(anchor, command): error for anchor, command in commands if (error := _misuse(command))}
    assert wrong == {}


def _misuse(command: str) -> str:
    """Return what is wrong with a command of the command line, or nothing."""
    verb: Any = typer.main.get_command(app)
    words = shlex.split(command)
    if words == ["--version"]:
        return ""
    while words and getattr(verb, "commands", None):
        if words[0] not in verb.commands:
            return f"no verb {words[0]}"
        verb = verb.commands[words.pop(0)]
    context = verb.context_class(verb, info_name="integrahub", **(verb.context_settings or {}))
    try:
        _, left, _ = verb.make_parser(context).parse_args(args=words)
    except Exception as error:
        return str(error)
    return "" if not left or context.allow_extra_args else f"too many arguments: {left}"


@pytest.mark.parametrize("wrong", ["batch lst", "batch list --hold", "verify 1 2", "user add NAME --rolle admin"])
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    assert _misuse(wrong)


@pytest.mark.parametrize("language", list(Language))
def test_every_link_between_pages_leads_to_an_entry(language: Language) -> None:
    entries, suffix = list_entries(language), "" if language is Language.EN else r"\.pt-BR"
    links = [
        (name, page or name, anchor)
        for name in PAGES
        for page, anchor in re.findall(rf"\]\((?:(\w+){suffix}\.md)?#([\w-]+)\)", read_page(name, language))
    ]
    assert len(links) > 40
    assert [link for link in links if link[2] not in entries or entries[link[2]].page != link[1]] == []


@pytest.mark.parametrize("language", list(Language))
def test_words_in_quotes_are_those_that_the_console_shows(language: Language) -> None:
    folder = Path(console_help.__file__).parents[1] / "locales/pt_BR"
    messages = [message for path in folder.glob("*.po") for message in read_po(io.StringIO(path.read_text("utf-8")))]
    shown = [message.id if language is Language.EN else message.string for message in messages]
    texts = "\n".join(text for found in shown for text in ([found] if isinstance(found, str) else found)).lower()
    pages = [re.sub(r"`[^`\n]*`", "", read_page(name, language)) for name in PAGES]
    words = {word for page in pages for found in re.findall(r'"([^"\n]+)"', page) for word in found.split(": ")}
    assert len(words) > 10
    assert [word for word in words - _OTHER_WORDS if word.lower() not in texts] == []


def test_every_check_of_doctor_leads_to_an_entry() -> None:
    assert {entry for _, entry in _CHECKS.values()} - set(list_entries(Language.EN)) == set()


def test_everything_that_a_page_of_the_console_explains_has_an_entry() -> None:
    entries = list_entries(Language.EN)
    assert {subject for subject, anchor in console_help.ENTRIES.items() if anchor not in entries} == set()
    shown = {"attention": AttentionKind, "batch": BatchStatus, "cause": CauseKind, "pharmacy": PharmacyState}
    expected = {f"{family}.{value}" for family, kinds in shown.items() for value in kinds}
    expected |= {f"dependency.{name}" for name in ("postgresql", "storage", "bus")}
    assert expected - set(console_help.ENTRIES) == set()


#: Pages that show no state of the hub, of a batch, of a pharmacy or of a person who cannot sign in.
_STATELESS = {
    *("audit/list", "help/page", "people/link", "people/me", "people/welcome", "search/results"),
    "webhooks/secret",  # a secret, shown once
}


def test_every_page_that_shows_a_state_leads_to_an_entry() -> None:
    folder = Path(console_help.__file__).parents[1] / "templates"
    texts = {str(path.relative_to(folder).with_suffix("")): path.read_text("utf-8") for path in folder.rglob("*.html")}
    pages = {name: text for name, text in texts.items() if 'extends "shell/base.html"' in text}
    assert len(pages) > 20
    with_parts = {
        name: text + "".join(texts[part] for part in re.findall(r'(?:include|import) "([\w/]+)\.html"', text))
        for name, text in pages.items()
    }
    assert {name for name, text in with_parts.items() if "ui.help(" not in text} == _STATELESS


def test_templates_ask_for_the_help_of_subjects_that_exist_and_of_all_of_them() -> None:
    folder = Path(console_help.__file__).parents[1] / "templates"
    text = "".join(path.read_text("utf-8") for path in folder.rglob("*.html"))
    asked = set(re.findall(r'ui\.help\("([\w.-]+)"', text)) | set(re.findall(r'"(\w+)\.%s"', text))
    subjects = set(console_help.ENTRIES) | {s.partition(".")[0] for s in console_help.ENTRIES}
    assert asked - subjects == set()
    assert [s for s in console_help.ENTRIES if s not in asked and s.partition(".")[0] not in asked] == []
    assert text.count("_chart(") == len(re.findall(r'ui\.help\("chart\.', text))


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", [*PAGES, ERRORS_PAGE])
def test_a_page_is_rendered_with_its_anchors_and_links_to_pages_that_are_served(name: str, language: Language) -> None:
    text = read_page(name, language)
    document = render_markdown(text, "/console/help", frozenset((*PAGES, ERRORS_PAGE)))
    assert f"# {document.title}" in text
    anchors = set(re.findall(r'id="([\w-]+)"', document.html))
    assert {entry.anchor for entry in _all(language) if entry.page == name} <= anchors
    targets = re.findall(r'href="([^"]+)"', document.html)
    served = re.compile(rf"(/console/help/({'|'.join((*PAGES, ERRORS_PAGE))})\.html)?(#[\w-]+)?|https?://.*")
    assert [target for target in targets if not served.fullmatch(target)] == []
    assert ")=" not in document.html and ".md" not in re.sub(r"<code>.*?</code>", "", document.html)


def test_there_is_no_other_page() -> None:
    for unknown in ("../settings", "nothing", "alerts.pt-BR"):
        with pytest.raises(FileNotFoundError):
            read_page(unknown, Language.EN)
    assert read_page.cache_info().currsize <= (len(PAGES) + 1) * len(Language)
    assert console_help.help_url("nothing.known") == "/console/help/runbook.html"
