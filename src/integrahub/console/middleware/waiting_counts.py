"""How much waits for a person in an area, for the navigation of every page."""

from starlette.requests import Request

from integrahub.console.rendering import LIVE_HEADER
from integrahub.db.console.overview import count_waiting
from integrahub.db.database import Database
from integrahub.domain.errors import Transient


class WaitingCounts:
    """Dependency of all routes: set `request.state.waiting` of whole pages, by area.

    The navigation is no part of live blocks, so updates need no counts. A page is shown without them if they cannot
    be read.
    """

    def __init__(self, reads: Database) -> None:
        self._reads = reads

    async def __call__(self, request: Request) -> None:
        """Count for a person who is signed in."""
        if request.method == "GET" and LIVE_HEADER not in request.headers and request.state.person:
            try:
                counted = await count_waiting(self._reads)
            except Transient:
                return
            request.state.waiting = {"decisions": counted.decisions, "failures": counted.failures}
