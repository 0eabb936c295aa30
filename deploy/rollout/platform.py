"""Port to where the hub runs, and what a rollout is about: a reference by digest, the roles in their order."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

_REFERENCE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._:/-]*)@sha256:(?P<hex>[0-9a-f]{64})")


class RolloutError(Exception):
    """A step failed. The message says what happened, and what to do."""


class Role(StrEnum):
    """What processes do, in the order in which a rollout replaces them.

    Workers come first: they understand what an older API wrote, while an older worker may not understand a newer API.
    """

    WORKERS = "workers"
    API = "api"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Reference:
    """A version by the digest of what is run, never by a tag, which can move."""

    name: str
    hex: str

    def __str__(self) -> str:
        return f"{self.name}@sha256:{self.hex}"


def parse_reference(text: str) -> Reference:
    """Return the reference in `text`, its name in lower case. Raise RolloutError if it names no digest."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise RolloutError(f"'{text}' is no reference by digest. Expected: NAME@sha256: and 64 hexadecimal digits.")
    return Reference(found["name"].lower(), found["hex"])  # GitHub's names may have capital letters, a registry's not


class Platform(Protocol):
    """Where the hub runs. Each method raises RolloutError if it fails or takes longer than its timeout in seconds."""

    def lock(self, rollout: str) -> AbstractContextManager[None]:
        """Exclude a second rollout while the block runs."""

    def prepare(self, target: Reference) -> list[str]:
        """Check that the digest exists and is what its name says. Remember what runs now, and return it."""

    def plan(self, timeout: float) -> str:
        """Return what the migration of the target would do. It changes nothing."""

    def migrate(self, timeout: float) -> None:
        """Migrate the schema with the target, so that both versions run on it."""

    def roll(self, role: Role) -> None:
        """Replace the processes of a role by those of the target."""

    def wait_until_ready(self, role: Role, timeout: float) -> None:
        """Return when every process of the role that was rolled or restored is ready."""

    def restore(self, role: Role) -> None:
        """Replace the processes of a role by what `prepare` found."""

    def diagnose(self, timeout: float) -> str:
        """Run `integrahub doctor` of the version that runs now, and return its output."""
