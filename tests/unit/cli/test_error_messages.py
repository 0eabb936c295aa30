"""The command line names the settings that correct an error; the client library knows none."""

from pathlib import Path

import pytest

from integrahub import client
from integrahub.cli.diagnostics.dependencies import check_choices
from integrahub.cli.error_messages import explain_error
from integrahub.client import ApiError
from integrahub.settings.model import Settings


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("unreachable", "INTEGRAHUB_URL"),
        ("unreachable", "INTEGRAHUB_CA"),
        ("redirected", "INTEGRAHUB_URL"),
        ("answer_unreadable", "INTEGRAHUB_URL"),
        ("key_missing", "INTEGRAHUB_KEY"),
    ],
)
def test_an_error_of_the_connection_names_the_setting_that_corrects_it(code: str, setting: str) -> None:
    explained = explain_error(ApiError("It failed.", code=code))
    assert explained and explained[0] == 1 and setting in explained[1][0]
    assert explain_error(ApiError("It failed.", 404, code="batch_not_found")) == (1, ["It failed."])


def test_the_client_library_names_no_setting_of_the_command_line() -> None:
    files = list(Path(client.__file__).parent.rglob("*.py"))
    assert len(files) > 10
    assert [file.name for file in files if "INTEGRAHUB_" in file.read_text("utf-8")] == []


@pytest.mark.parametrize(("changes", "is_named"), [({}, True), ({"public_url": "https://hub.example"}, False)])
def test_doctor_says_that_a_hub_without_public_url_sends_no_webhooks(
    changes: dict[str, str], *, is_named: bool
) -> None:
    distributed = Settings(database_url="postgresql://user@host/name").model_copy(update=changes)
    assert ("PUBLIC_URL" in check_choices(distributed)) is is_named
    assert "PUBLIC_URL" not in check_choices(distributed.model_copy(update={"database_url": None}))
