"""Access to metrics and to the details of /health: public, or for callers with a viewer's key."""

from starlette.requests import Request

from integrahub.api.auth.authentication import ScopeCheck, presented_key
from integrahub.domain.errors import IntegraHubError


class MetricsAccess:
    """Decide who may see metrics and details. If `is_public`, every caller may."""

    def __init__(self, viewer: ScopeCheck, *, is_public: bool) -> None:
        self._viewer = viewer
        self._is_public = is_public

    async def require(self, request: Request) -> None:
        """Raise the error of the key check, unless access is public."""
        if not self._is_public:
            await self._viewer(request)

    async def is_allowed(self, request: Request) -> bool:
        """Return whether the caller may see details. A key that cannot be looked up may not."""
        if self._is_public:
            return True
        try:
            return bool(presented_key(request) and await self._viewer(request))
        except IntegraHubError:
            return False
