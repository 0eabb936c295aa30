"""Descriptions of invalid settings, and settings in which invalid ones have their defaults."""

from typing import ClassVar

from pydantic import ValidationError

from integrahub.domain.errors import IntegraHubError
from integrahub.settings.model import Settings

_PREFIX = "INTEGRAHUB_"


def describe_setting_errors(error: ValidationError) -> list[str]:
    """Return a sentence for each invalid setting."""
    sentences = []
    for detail in error.errors():
        name = f"{_PREFIX}{str(detail['loc'][0] if detail['loc'] else '?').upper().removeprefix(_PREFIX)}"
        value = "" if detail["input"] == "" else f" is {str(detail['input'])!r}"
        sentences.append(f"The setting {name}{value}: {detail['msg'].removeprefix('Value error, ').rstrip('.')}.")
    return sentences


class _TolerantSettings(Settings):
    is_strict: ClassVar[bool] = False


class _SettingsWithoutSecrets(_TolerantSettings):
    reads_secrets: ClassVar[bool] = False


def read_tolerantly() -> tuple[Settings, list[str]]:
    """Return the settings, with the default of each invalid one, and a sentence for each invalid one."""
    try:
        return Settings(), []
    except ValidationError as error:
        sentences = describe_setting_errors(error)
        invalid = {str(detail["loc"][0]).removeprefix(_PREFIX).lower() for detail in error.errors()}
    except IntegraHubError as error:
        sentences, invalid = [str(error)], set()
    defaults = {name: field.get_default() for name, field in Settings.model_fields.items() if name in invalid}
    try:
        return _TolerantSettings(**defaults), sentences
    except (ValidationError, IntegraHubError) as error:
        sentences += [] if isinstance(error, ValidationError) or str(error) in sentences else [str(error)]
    return _SettingsWithoutSecrets(**defaults), sentences
