"""Weak keys in settings are refused at start, and listed by `doctor` while they are allowed."""

import pytest

from integrahub.cli.diagnostics import running_hub as hub_check
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.bootstrap import check_settings
from integrahub.settings.model import Settings

_STRONG = "9f3c1a77e0b24d58a6c2"


@pytest.mark.parametrize(
    ("setting", "given"),
    [("ADMIN_API_KEY", {"admin_api_key": "a"}), ("VALID_API_KEYS", {"valid_api_keys": (_STRONG, "b" * 30)})],
)
def test_a_weak_key_of_the_settings_ends_the_start_unless_it_is_allowed(setting: str, given: dict[str, object]) -> None:
    weak = Settings().model_copy(update=given)
    with pytest.raises(ConfigurationError, match=f"INTEGRAHUB_{setting} is easy to guess: at least 20 characters"):
        check_settings(weak)
    allowed = weak.model_copy(update={"allow_weak_keys": True})
    check_settings(allowed)
    with pytest.raises(Exception, match=f"INTEGRAHUB_{setting}: easy to guess, kept by INTEGRAHUB_ALLOW_WEAK_KEYS"):
        hub_check.check_keys(allowed)


def test_strong_keys_are_taken() -> None:
    check_settings(Settings().model_copy(update={"admin_api_key": _STRONG, "valid_api_keys": (_STRONG,)}))
