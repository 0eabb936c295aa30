"""Language and number format of commands: the requested one, else that of the environment."""

import pytest
from typer.testing import CliRunner

from integrahub.cli.app import app
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import render_message
from integrahub.tools.terminal import language as words


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "pt_BR.UTF-8"}, "16.349,5"),
        ({"LANG": "en_US.UTF-8"}, "16,349.5"),
        ({"LANG": "pt_BR", "LC_ALL": "C"}, "16,349.5"),
        ({}, "16,349.5"),
    ],
)
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert words.format_number(16349.5, 1) == expected
    assert (words.current_language() is Language.PT) == (expected == "16.349,5")
    assert words.select_text("sim", "yes") == ("sim" if expected == "16.349,5" else "yes")


def test_another_language_is_refused_with_those_there_are() -> None:
    refused = CliRunner().invoke(app, ["demo", "--lang", "fr"])
    assert refused.exit_code == 2 and "expected pt or en" in refused.output


def test_counts_in_sentences_are_written_as_each_language_does() -> None:
    told = render_message("too_many_absent", {"candidates": 14625, "active": 16249, "share": 0.9, "limit": 0.15})
    assert "14,625 of 16,249" in told.en and "14.625 de 16.249" in told.pt
