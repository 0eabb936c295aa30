"""The hub as one of the peers."""

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, processing_seconds


class Ours:
    """FULLs of one pharmacy."""

    name = "integrahub"

    def __init__(self, hub: Hub, cnpj: str) -> None:
        self._hub = hub
        self._cnpj = cnpj

    def apply(self, catalogue: Catalogue) -> float:
        """Return the seconds from the 202 to COMPLETED."""
        return processing_seconds(apply_full(self._hub.admin, self._cnpj, catalogue.body()))
