"""Settings in force as an operator may see them: secrets only as set or not set."""

import re
from collections.abc import Mapping
from pathlib import PurePath

import msgspec
from pydantic_core import PydanticUndefined

from integrahub.settings.model import Settings

# Set by a supervisor for its processes, or used by the command line alone.
_OF_PROCESSES = frozenset({"url", "key", "ca", "worker_name", "parent_pid", "fleet_port", "listen_fd"})
_PROBES = frozenset({"probe_fd", "probe_host", "probe_port"})
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_MAX_LENGTH = 300  # characters


class ShownSetting(msgspec.Struct, frozen=True):
    """A setting. `value` is empty if there is none, and for secrets, of which only `is_set` is shown."""

    name: str
    value: str
    is_secret: bool
    is_set: bool
    is_default: bool


def list_settings(settings: Settings) -> list[ShownSetting]:
    """Return the settings of the hub by name. A login inside a URL is left out."""
    fields = type(settings).model_fields
    names = sorted(name for name in fields if name not in _OF_PROCESSES | _PROBES)
    return [_show(settings, name, is_secret=not fields[name].repr) for name in names]


def _show(settings: Settings, name: str, *, is_secret: bool) -> ShownSetting:
    value, field = getattr(settings, name), type(settings).model_fields[name]
    default = None if field.default is PydanticUndefined else field.default
    is_set = value not in (None, "", ())
    shown = "" if is_secret or not is_set else _USER_INFO.sub("", _to_text(name, value))[:_MAX_LENGTH]
    return ShownSetting(name.upper(), shown, is_secret, is_set, value == default)


def _to_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if name == "data_dir_mode" and isinstance(value, int):
        return f"{value:o}"
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
