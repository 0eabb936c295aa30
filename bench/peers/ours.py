"""The hub itself, as one contender among others."""

from bench.catalogue import Catalogue
from bench.hub import Hub, applied, seconds


class Ours:
    """FULLs of one pharmacy, from the 202 to COMPLETED."""

    name = "integrahub"

    def __init__(self, hub: Hub, cnpj: str) -> None:
        self._hub = hub
        self._cnpj = cnpj

    def apply(self, catalogue: Catalogue) -> float:
        """Seconds from the 202 to the end of the batch."""
        return seconds(applied(self._hub.admin, self._cnpj, catalogue.body()))
