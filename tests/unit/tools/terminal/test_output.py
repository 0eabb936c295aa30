"""A client's text in output cannot control a terminal."""

import json

import pytest
from rich.console import Console

from integrahub.tools.terminal import output

_EVIL = "\x1b]0;owned\x07\x9b2J\u202etxt\r"


@pytest.fixture(autouse=True)
def _captured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Create consoles within the test, where standard output is captured."""
    monkeypatch.setattr(output, "OUT", Console(highlight=False))
    monkeypatch.setattr(output, "ERRORS", Console(stderr=True, highlight=False))


def test_what_a_client_wrote_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.say(_EVIL)
    output.complain(_EVIL)
    output.notify(_EVIL)
    output.show_json({"value": _EVIL})
    output.show_rows([{"value": _EVIL}], ["value"])
    output.show_facts({"value": _EVIL, "parts": [{"value": _EVIL}]})
    printed = capsys.readouterr()
    for text in printed:
        assert not set(text) & set("\x1b\x07\x9b\u202e\r") and r"\x1b" in text.replace(r"\u001b", r"\x1b")
    assert printed.out.count("owned") == 5 and printed.err.count("owned") == 2


def test_json_that_is_printed_means_what_it_meant(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json({"value": _EVIL})
    assert json.loads(capsys.readouterr().out) == {"value": _EVIL}
