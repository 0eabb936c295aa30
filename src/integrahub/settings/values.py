"""Parsers of setting values. Each returns the value that the hub uses, or raises ValueError."""

import ipaddress
import re

from integrahub.domain.chosen_keys import is_sendable
from integrahub.domain.webhooks.allowed_targets import AllowedTargets

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)?")
_SIZE = re.compile(r"(\d+)\s*(k|m|g|t)i?b?")
_MIN_BARE_MILLISECONDS = 1000
_SHIFTS = {"k": 10, "m": 20, "g": 30, "t": 40}
_MODES = {"0700": 0o700, "700": 0o700, "0750": 0o750, "750": 0o750}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_HOST = re.compile(r"(?!-)[a-z0-9_.-]{1,253}", re.IGNORECASE)


def parse_seconds(value: object) -> object:
    """Parse seconds, with or without `s` or `ms`. A bare number from 1000 on is milliseconds, as in the older hub."""
    match = _SECONDS.fullmatch(str(value).strip().lower())
    if match is None:
        return value
    number = float(match[1])
    return number / 1000 if match[2] == "ms" or (not match[2] and number >= _MIN_BARE_MILLISECONDS) else number


def parse_size(value: object) -> object:
    """Parse bytes, with or without a unit, such as `10 MB`; return any other value unchanged, for the type to check."""
    match = _SIZE.fullmatch(str(value).strip().lower())
    return int(match[1]) << _SHIFTS[match[2]] if match else value


def parse_share(value: object) -> object:
    """Parse a share from 0 to 1, or a percentage."""
    return float(value.rstrip("% ")) / 100 if isinstance(value, str) and value.strip().endswith("%") else value


def parse_mode(value: object) -> object:
    """Parse the mode of a folder in octal. Modes that allow other accounts are rejected."""
    if isinstance(value, str) and value not in _MODES:
        raise ValueError("expected 0700, or 0750 if a group shares the folder")
    return _MODES[value] if isinstance(value, str) else value


def parse_list(value: object) -> object:
    """Split a text at its commas; omit empty parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def parse_targets(value: object) -> object:
    """Parse networks and hosts, separated by commas."""
    if not isinstance(value, str):
        return value
    return AllowedTargets.parse(part.strip() for part in value.split(",") if part.strip())


def parse_level(value: str) -> str:
    """Return the name of a log level in capitals; WARN and FATAL are accepted too."""
    level = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(value.upper(), value.upper())
    if level not in _LEVELS:
        raise ValueError(f"expected one of {', '.join(_LEVELS)}")
    return level


def parse_proxies(value: str) -> str:
    """Return addresses and networks, separated by commas; `*` means every address."""
    for part in value.split(","):
        if part.strip() not in ("", "*"):
            try:
                ipaddress.ip_network(part.strip(), strict=False)
            except ValueError:
                raise ValueError(f"{part.strip()!r} is no address or network such as 10.0.0.0/8") from None
    return ",".join(part.strip() for part in value.split(",") if part.strip())


def parse_host(value: str) -> str:
    """Return the address or name to listen on; an IPv6 address without brackets."""
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if not _HOST.fullmatch(host):
            raise ValueError(
                "expected an address or a name, such as 127.0.0.1; set the port with INTEGRAHUB_PORT"
            ) from None
    return host


def parse_key(value: str | None) -> str | None:
    """Return the key if a header can carry it."""
    if value is not None and not is_sendable(value):
        raise ValueError("expected ASCII without blanks and line ends; no client could send this key")
    return value


def parse_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys if headers can carry them."""
    for value in values:
        parse_key(value)
    return values


def parse_bus(value: str) -> str:
    """Return the URL of a bus; a list of brokers, as in the older hub, means Kafka."""
    return value if value == "local" or "://" in value else f"kafka://{value}"
