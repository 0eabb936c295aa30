"""Settings that cannot be used, as sentences; and the settings without them, for a verb that looks at all the rest."""

from typing import ClassVar

from pydantic import ValidationError

from integrahub.domain.errors import IntegraHubError
from integrahub.settings.model import Settings


def setting_faults(error: ValidationError) -> list[str]:
    """Return a sentence for each setting that cannot be used."""
    told = []
    for fault in error.errors():
        name = f"INTEGRAHUB_{str(fault['loc'][0] if fault['loc'] else '?').upper().removeprefix('INTEGRAHUB_')}"
        value = "" if fault["input"] == "" else f" is {str(fault['input'])!r}"
        told.append(f"The setting {name}{value}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}.")
    return told


class _Tolerant(Settings):
    is_strict: ClassVar[bool] = False


class _WithoutSecrets(_Tolerant):
    reads_secrets: ClassVar[bool] = False


def read_tolerantly() -> tuple[Settings, list[str]]:
    """Return the settings, each that cannot be used as its default, and a sentence for each of those."""
    try:
        return Settings(), []
    except ValidationError as error:
        told = setting_faults(error)
        wrong = {str(fault["loc"][0]).removeprefix("INTEGRAHUB_").lower() for fault in error.errors()}
    except IntegraHubError as error:
        told, wrong = [str(error)], set()
    defaults = {name: known.get_default() for name, known in Settings.model_fields.items() if name in wrong}
    try:
        return _Tolerant(**defaults), told
    except (ValidationError, IntegraHubError) as error:
        told += [] if isinstance(error, ValidationError) or str(error) in told else [str(error)]
    return _WithoutSecrets(**defaults), told
