"""What every peer that keeps a catalogue can do."""

from typing import Protocol

from bench.catalogue import Catalogue


class Contender(Protocol):
    """A table that is brought in step with a catalogue, again and again."""

    @property
    def name(self) -> str:
        """As the table shows it."""

    def apply(self, catalogue: Catalogue) -> float:
        """Bring the table in step; seconds of the work alone, without making its input."""
