"""Port of a peer that keeps a catalogue."""

from typing import Protocol

from bench.catalogue import Catalogue


class Peer(Protocol):
    """A table that can be synchronised with a catalogue, repeatedly."""

    @property
    def name(self) -> str:
        """The name in the result table."""

    def apply(self, catalogue: Catalogue) -> float:
        """Synchronise the table; return the seconds without the preparation of the input."""
