"""Logs: one JSON object per line with event, action and trace; without keys and rows."""

import json
import os
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from uuid import UUID

import pytest
import structlog
from structlog.testing import capture_logs

from integrahub.domain.api_keys import CLIENT, Scope, generate_key
from integrahub.settings.model import Settings
from integrahub.telemetry import logs, tracing

Logger = structlog.typing.FilteringBoundLogger
_TRACE = UUID("0192f3a1-0000-7000-8000-00000000abcd")


@pytest.fixture
def make_log() -> Iterator[Callable[..., Logger]]:
    """Configure the log within the test, where standard error is captured."""
    before = structlog.get_config()

    def made(form: str = "json", *secrets: str) -> Logger:
        logs.configure("INFO", form, secrets)
        return structlog.get_logger()

    yield made
    structlog.configure(**before)


def _line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    (line,) = capsys.readouterr().err.splitlines()
    return dict(json.loads(line))


def test_a_line_tells_what_happened_to_what_and_under_which_trace(
    capsys: pytest.CaptureFixture[str], make_log: Callable[..., Logger]
) -> None:
    log = make_log()
    with tracing.bind_trace(_TRACE, batch=_TRACE, chunk=3, cnpj="05927228000145"):
        log.warning("a chunk failed and will be tried again", action="retry_chunk")
    line = _line(capsys)
    assert line["event"] == "a chunk failed and will be tried again"
    assert (line["level"], line["action"], line["chunk"], line["cnpj"]) == (
        "warning",
        "retry_chunk",
        "3",
        "05927228000145",
    )
    assert line["batch"] == str(_TRACE) and line["trace_id"] == _TRACE.hex == traces_of(_TRACE)
    log.info("nothing")
    assert "trace_id" not in _line(capsys)


def traces_of(trace: UUID) -> str:
    with tracing.bind_trace(trace):
        return tracing.current_trace_id()


@pytest.mark.parametrize("form", ["json", "text"])
def test_neither_keys_nor_rows_are_logged_however_they_get_there(
    capsys: pytest.CaptureFixture[str], make_log: Callable[..., Logger], form: str
) -> None:
    log = make_log(form)
    key = "ihub_live_0123456789ABCDEFGHJKMNPQRSTVWXYZ0123456"
    try:
        try:
            raise ValueError(f"invalid input for numeric\nCONTEXT:  COPY stage, line 1, column price: 12.34 {key}")
        except ValueError as cause:
            raise RuntimeError(f"with {key}\nDETAIL:  Failing row contains (1, 12.34)") from cause
    except RuntimeError as error:
        log.error("a step failed", action="handle", error=str(error), held={"keys": [key]}, exc_info=error)
    line = capsys.readouterr().err
    assert "12.34" not in line and "0123456789ABCDEF" not in line
    assert "ihub_***" in line and "invalid input for numeric" in line and "RuntimeError" in line


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("scopes", [CLIENT, frozenset({Scope.VIEWER}), frozenset({Scope.ADMIN})])
def test_keys_of_every_kind_the_hub_makes_are_masked(
    capsys: pytest.CaptureFixture[str], make_log: Callable[..., Logger], form: str, scopes: frozenset[Scope]
) -> None:
    key = generate_key(scopes).text
    make_log(form).warning(f"refused {key}", pair=(key, key), error=ValueError(key), raw=key.encode(), of={key: 1})
    line = capsys.readouterr().err
    assert key not in line and key.rpartition("_")[2] not in line
    assert line.count("ihub_***") == 6


@pytest.mark.parametrize("form", ["json", "text"])
def test_keys_the_operator_chose_are_masked_too(
    capsys: pytest.CaptureFixture[str], make_log: Callable[..., Logger], form: str
) -> None:
    settings = Settings(admin_api_key="a.chosen+one", valid_api_keys=("a.chosen+one-for-all", "x"), key_pepper="spice!")
    log = make_log(form, *settings.known_secrets)
    try:
        raise ValueError("with a.chosen+one-for-all and spice!")
    except ValueError as error:
        log.error("refused a.chosen+one, not axchosen+one", exc_info=error)
    line = capsys.readouterr().err
    assert "a.chosen" not in line and "for-all" not in line and "spice" not in line
    assert "axchosen+one" in line


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_client_wrote_commands_no_terminal_and_colours_are_for_terminals_alone(
    capsys: pytest.CaptureFixture[str], make_log: Callable[..., Logger], form: str
) -> None:
    log = make_log(form)
    evil = "\x1b]0;owned\x07\x9b2J\u202etxt"
    log.warning(f"a value {evil}\n2026-01-01 [error] forged", action="look", value=evil, parts={evil: [evil]})
    try:
        raise ValueError(evil)
    except ValueError as error:
        log.error("a step failed", action="look", exc_info=error)
    text = capsys.readouterr().err
    assert not set(text) & set("\x1b\x07\x9b\u202e") and r"\x1b" in text
    assert not [line for line in text.splitlines() if line.startswith("2026-01-01")]


_ENTRIES = [{"action": "look", "number": number, "text": "ação" * number} for number in range(40)]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_group_of_lines_is_written_as_its_lines_one_by_one(
    capsys: pytest.CaptureFixture[str], make_log: Callable[..., Logger], form: str
) -> None:
    log = make_log(form, "secret-of-the-operator")
    entries = [*_ENTRIES, {"action": "look", "value": "\x1b]0;secret-of-the-operator"}]
    with tracing.bind_trace(_TRACE, step="split"):
        logs.info_all("a sentence", entries)
        together = capsys.readouterr().err
        for entry in entries:
            log.info("a sentence", **entry)
    apart = capsys.readouterr().err
    without_time = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
    assert without_time.sub("", together) == without_time.sub("", apart)
    assert together.count("\n") == len(entries) and "secret-of" not in together and "\x1b" not in together
    logs.configure("WARNING", form)
    logs.info_all("a sentence", entries)
    assert not capsys.readouterr().err


def test_pieces_of_a_group_hold_whole_lines_and_fit_a_pipe(
    make_log: Callable[..., Logger], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    output = SimpleNamespace(write=written.append, flush=lambda: None)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(buffer=output))
    make_log()
    logs.info_all("a sentence", [*_ENTRIES, {"text": "x" * 5000}])
    assert [json.loads(line).get("number") for line in b"".join(written).splitlines()] == [*range(40), None]
    assert all(piece.endswith(b"}\n") for piece in written)
    *pieces, last = written
    assert 1 < len(pieces) < 10 and max(map(len, pieces)) <= 4096 < len(last)


def test_a_group_of_lines_is_captured_as_single_lines_are(make_log: Callable[..., Logger]) -> None:
    make_log()
    with capture_logs() as found:
        logs.info_all("a sentence", _ENTRIES)
    assert found == [{**entry, "event": "a sentence", "log_level": "info"} for entry in _ENTRIES]


def test_lines_of_several_processes_can_be_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        logs.configure("INFO", "json", (), {"process": "worker", "step": "split,upsert"})
        structlog.get_logger().info("a sentence", action="look")
        with tracing.bind_trace(_TRACE, step="split"):
            structlog.get_logger().info("a sentence", action="look")
    finally:
        structlog.configure(**before)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert list(first)[:3] == ["timestamp", "level", "event"]
    assert (first["process"], first["step"], first["pid"]) == ("worker", "split,upsert", os.getpid())
    assert (second["step"], second["trace_id"]) == ("split", _TRACE.hex) and first["host"]
