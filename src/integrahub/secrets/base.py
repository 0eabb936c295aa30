"""The port to a keeper of secrets: settings by name, and logins of a database that may end."""

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from integrahub.domain.errors import Transient


class SecretUnavailable(Transient):
    """A secret could not be read from where it is kept."""


@dataclass(frozen=True, slots=True)
class DatabaseCredentials:
    """Who to be in a database."""

    user: str
    password: str = field(repr=False)

    def put_into(self, url: str) -> str:
        """The address of the same database with this login instead of whatever it names."""
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@{place}"))


class SecretStore(Protocol):
    """Secrets kept by somebody else. Calls block; SecretUnread when there is no answer or none that can be used."""

    def values(self) -> dict[str, str]:
        """Settings by name as they are now. Must not remember what was read before."""
        ...

    def credentials(self, name: str) -> DatabaseCredentials:
        """The login kept or made under `name`; one that was lent for a time is given until most of it has passed."""
        ...

    def invalidate(self) -> None:
        """What was lent was refused: the next login is asked for anew."""
        ...


def as_settings(kept: Any, name: str) -> dict[str, str]:
    """Values by the full names of settings, from names with or without the prefix; SecretUnread if it is no object."""
    if not isinstance(kept, dict) or not all(isinstance(value, str | int | float) for value in kept.values()):
        raise SecretUnavailable(
            f"The secret {name} is not a JSON object of settings, such as {{'ADMIN_API_KEY': '...'}}."
        )
    return {_prefixed(key): str(value) for key, value in kept.items()}


def as_login(kept: Any, name: str) -> DatabaseCredentials:
    """The login a secret tells as `username` and `password`, as databases' rotations write it."""
    if not isinstance(kept, dict) or not kept.get("username") or not kept.get("password"):
        raise SecretUnavailable(f"The secret {name} has no username and password.")
    return DatabaseCredentials(str(kept["username"]), str(kept["password"]))


def _prefixed(name: str) -> str:
    upper = name.upper()
    return upper if upper.startswith("INTEGRAHUB_") else f"INTEGRAHUB_{upper}"
