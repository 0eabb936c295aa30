"""The generated reference is that of the code, and lacks nothing."""

import re

import pytest
from tests.reference import PARTS, TRANSLATED, alerts, command_line, routes, states, topics, translations
from tests.reference.parts import Part

from integrahub.domain.webhooks.events import EventType
from integrahub.settings.model import Settings
from integrahub.telemetry.metrics.registry import ALL_METRICS


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.page}-{part.name}")
def test_each_generated_part_is_that_of_the_code(part: Part) -> None:
    assert part.read() == part.expected(), "run `make reference`"


@pytest.mark.parametrize("page", TRANSLATED)
def test_each_text_of_the_reference_is_translated_and_no_translation_is_left_over(page: str) -> None:
    texts = translations.list_texts(TRANSLATED[page].values())
    translated = {text for text, translation in translations.load_texts(page).items() if translation}
    assert translated == texts, f"run `make reference` and edit tests/reference/locales/pt_BR/{page}.po"


@pytest.mark.parametrize("page", [*TRANSLATED, "roles"])
def test_a_translation_keeps_the_names_and_places_of_its_text(page: str) -> None:
    texts = translations.load_texts(page).items()
    assert [text for text, translation in texts if sorted(_names(text)) != sorted(_names(translation))] == []


def _names(text: str) -> list[str]:
    """Return what is the same in each language: code, placeholders, settings, options."""
    return re.findall(r"`[^`]+`|\{\w+\}|\b[A-Z]+_[A-Z_]+\b|--\w[\w-]+|/health|\b[45]xx\b", text)


def _read(page: str) -> str:
    return (next(part for part in PARTS if part.page == f"reference/{page}.md").path).read_text("utf-8")


def test_no_setting_and_no_metric_is_missing() -> None:
    settings = [name.upper() for name in Settings.model_fields]
    assert [name for name in settings if _read("settings").count(f"| `{name}` |") < 2] == []
    assert [metric.name for metric in ALL_METRICS if f"`{metric.name}" not in _read("metrics")] == []


def test_no_verb_and_no_option_is_missing() -> None:
    verbs = command_line.list_verbs()
    assert len(verbs) > 40
    titles = set(re.findall(r"^### (.+)$", _read("command-line"), re.MULTILINE))
    assert titles == set(verbs)


def test_no_route_and_no_refusal_of_a_route_is_missing() -> None:
    sections = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", _read("routes"), re.MULTILINE | re.DOTALL))
    operations = list(routes.list_operations())
    assert set(sections) == {f"{verb} {path}" for verb, path, _ in operations}
    for verb, path, operation in operations:
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        codes = {code for one in contents for code in one.get("application/problem+json", {}).get("examples", {})}
        assert {code for code in codes if f"(errors.md#{code})" not in sections[f"{verb} {path}"]} == set()


def test_no_topic_event_or_alert_is_missing() -> None:
    assert set(topics.list_topics()) == set(topics.EVENTS)
    assert [topic for topic in topics.EVENTS if f"### {topic}\n" not in _read("topics")] == []
    assert [event for event in EventType if f"| `{event}` |" not in _read("events")] == []
    assert [rule["alert"] for rule in alerts.list_alerts() if f"[`{rule['alert']}`]" not in _read("alerts")] == []


def test_every_state_has_a_meaning_and_every_move_leads_between_states() -> None:
    for _, kind, moves in states.SECTIONS:
        assert set(states.describe(kind)) == set(kind)
        assert all(move.after in kind and (move.before is None or move.before in kind) for move in moves)
        assert not moves or {move.after for move in moves} == set(kind)
        assert len({(move.before, move.after) for move in moves}) == len(moves)
