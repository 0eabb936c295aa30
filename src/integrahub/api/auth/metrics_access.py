"""Who may see metrics and the details of health on the API's port: everybody, or those with a viewer's key."""

from starlette.requests import Request

from integrahub.api.auth.authentication import ScopeCheck, presented_key
from integrahub.domain.errors import IntegraHubError


class MetricsAccess:
    """`is_public`: METRICS_PUBLIC, by default whether only this machine reaches the port."""

    def __init__(self, viewer: ScopeCheck, *, is_public: bool) -> None:
        self._viewer = viewer
        self._is_public = is_public

    async def require(self, request: Request) -> None:
        """Raise what a request without a viewer's key is told; nothing when all may see."""
        if not self._is_public:
            await self._viewer(request)

    async def is_allowed(self, request: Request) -> bool:
        """Return whether the request may see details; one whose key cannot be looked up may not."""
        if self._is_public:
            return True
        try:
            return bool(presented_key(request) and await self._viewer(request))
        except IntegraHubError:
            return False
