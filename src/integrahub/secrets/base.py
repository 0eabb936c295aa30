"""Port of a secret store: settings by name, and database credentials, which may expire."""

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from integrahub.domain.errors import Transient


class SecretUnavailable(Transient):
    """A secret could not be read from its store."""


@dataclass(frozen=True, slots=True)
class DatabaseCredentials:
    """User name and password for a database."""

    user: str
    password: str = field(repr=False)

    def apply_to(self, url: str) -> str:
        """Return the database URL with these credentials instead of those in it."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@{host}"))


class SecretStore(Protocol):
    """An external store of secrets. Calls block, and raise SecretUnavailable if the store gives no usable answer."""

    def values(self) -> dict[str, str]:
        """Return the current settings by name, without a cache."""
        ...

    def credentials(self, name: str) -> DatabaseCredentials:
        """Return the credentials under `name`. Leased credentials are cached until most of their lease has passed."""
        ...

    def invalidate(self) -> None:
        """Drop cached credentials, because the database refused them."""
        ...


def parse_settings(secret: Any, name: str) -> dict[str, str]:
    """Return settings by full name; names in the secret may omit the prefix. Raise SecretUnavailable for other JSON."""
    if not isinstance(secret, dict) or not all(isinstance(value, str | int | float) for value in secret.values()):
        raise SecretUnavailable(
            f"The secret {name} is not a JSON object of settings, such as {{'ADMIN_API_KEY': '...'}}."
        )
    return {_prefixed(key): str(value) for key, value in secret.items()}


def parse_credentials(secret: Any, name: str) -> DatabaseCredentials:
    """Return the credentials in a secret's `username` and `password`, the names that database rotations use."""
    if not isinstance(secret, dict) or not secret.get("username") or not secret.get("password"):
        raise SecretUnavailable(f"The secret {name} has no username and password.")
    return DatabaseCredentials(str(secret["username"]), str(secret["password"]))


def _prefixed(name: str) -> str:
    upper = name.upper()
    return upper if upper.startswith("INTEGRAHUB_") else f"INTEGRAHUB_{upper}"
