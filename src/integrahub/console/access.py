"""Access to the console: the signed-in person of a request, roles of routes, and the check that forms are our own."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, FastAPI
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from integrahub.access.audit import Audit
from integrahub.db.accounts import user_sessions
from integrahub.db.accounts.user_rows import SignedIn
from integrahub.db.database import Database
from integrahub.domain import api_keys
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import Forbidden, IntegraHubError
from integrahub.domain.people.roles import Role, Theme
from integrahub.domain.people.shortcut_keys import ShortcutKey, known_keys
from integrahub.resilience.ttl_cache import TtlCache

COOKIE, SECURE_COOKIE = "integrahub_session", "__Host-integrahub_session"
_MAX_SUBJECT_LENGTH = 300
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION_CACHE_TTL_SECONDS = 2.0  # so an ended session is refused by all processes after two seconds
_MAX_CACHED_SESSIONS = 10_000
_STATIC_PREFIX = "/static/"
_LIVE_HEADER = "live-block"  # of live updates, which say nothing about the person at the screen


@dataclass(frozen=True, slots=True)
class Person:
    """The signed-in person of a request. `language` '' is that of the browser.

    `needs_password`: acts that ask for the password again do so now.
    """

    session_id: UUID
    user_id: int
    name: str
    role: Role
    language: str
    theme: Theme
    keys_off: Sequence[ShortcutKey]
    has_totp: bool
    needs_password: bool
    address: str

    def can(self, role: Role) -> bool:
        """Return whether the person may do what a role permits."""
        return self.role.includes(role)

    @property
    def caller(self) -> Caller:
        """The person as functions of the hub and the audit log know callers."""
        scopes = frozenset({api_keys.Scope(self.role)})
        return Caller(None, scopes, self.name, address=self.address, user_id=self.user_id)


class SignInNeeded(Forbidden):
    """The request has no live session."""

    def __init__(self) -> None:
        super().__init__("sign_in_needed")


class SecondFactorNeeded(Forbidden):
    """The hub requires a second factor that the person has not enabled yet."""

    def __init__(self) -> None:
        super().__init__("second_factor_needed")


def cookie_name(connection: HTTPConnection) -> str:
    """Return the name of the session's cookie. With TLS it has the prefix that keeps other hosts from setting it."""
    return SECURE_COOKIE if connection.url.scheme == "https" else COOKIE


def client_address(connection: HTTPConnection) -> str:
    """Return the network address of the client."""
    return connection.client.host if connection.client else ""


class Sessions:
    """Live sessions by their token, cached for two seconds. A session ended in this process ends at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.audit = Audit(database)
        self._cache = TtlCache[str, SignedIn](_SESSION_CACHE_TTL_SECONDS, _MAX_CACHED_SESSIONS)

    async def find(self, connection: HTTPConnection) -> Person | None:
        """Return the person of a request, or None. Live updates of a page do not keep a session from being idle."""
        token = connection.cookies.get(cookie_name(connection), "")
        if not token:
            return None
        session, is_used = self._cache.get(token), _LIVE_HEADER not in connection.headers
        if session is None or (is_used and session.is_touch_due):
            session = await user_sessions.find(self._database, token, is_used=is_used)
            if session is None:
                return None
            self._cache.put(token, session)
        return _to_person(session, client_address(connection))

    def clear_cache(self) -> None:
        """Make the next request of each session look it up again, as after one was ended or a role was changed."""
        self._cache.clear()


def _to_person(session: SignedIn, address: str) -> Person:
    return Person(
        session_id=session.session_id,
        user_id=session.user_id,
        name=session.name,
        role=session.role,
        language=session.language or "",
        theme=session.theme,
        keys_off=known_keys(session.keys_off),
        has_totp=session.has_totp,
        needs_password=session.needs_password,
        address=address,
    )


class SessionMiddleware:
    """Set `request.state.person` of each request: the signed-in person, or None."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look up the session, and pass the request on. An error of the look-up is raised by the check of the route."""
        if scope["type"] == "http":
            state = scope.setdefault("state", {})
            state["person"] = state["session_error"] = None
            if _STATIC_PREFIX not in scope["path"]:
                try:
                    state["person"] = await self._sessions.find(HTTPConnection(scope))
                except IntegraHubError as error:
                    state["session_error"] = error
        await self._app(scope, receive, send)


class RoleCheck:
    """Dependency of a route that requires a role: 403 without a session, and for a person whose role is too low."""

    def __init__(self, role: Role, *, before_second_factor: bool) -> None:
        self.role = role
        self._before_second_factor = before_second_factor

    async def __call__(self, request: Request) -> Person:
        """Return the person."""
        if request.state.session_error:
            raise request.state.session_error
        person: Person | None = request.state.person
        if person is None:
            raise SignInNeeded
        if request.app.state.requires_second_factor and not (person.has_totp or self._before_second_factor):
            raise SecondFactorNeeded
        if not person.can(self.role):
            await _refuse(request, person, self.role)
        return person


async def _refuse(request: Request, person: Person, role: Role) -> None:
    """Raise Forbidden for a role that is too low. A refused act is recorded in the audit log as others are."""
    refusal = Forbidden("role_missing", role=role)
    if request.method in _SAFE_METHODS:
        raise refusal
    audit: Audit = request.app.state.audit
    async with audit.action(person.caller, "console.act", request.url.path[:_MAX_SUBJECT_LENGTH]):
        raise refusal


def install_access(app: FastAPI, sessions: Sessions, *, requires_second_factor: bool = False) -> None:
    """Add sessions and the check of forms to an application without routers. A route without `require` is open."""
    app.state.requires_second_factor = requires_second_factor
    app.state.audit = sessions.audit
    app.router.dependencies.append(Depends(check_same_origin))
    app.add_middleware(SessionMiddleware, sessions=sessions)


def require(role: Role, *, before_second_factor: bool = False) -> RoleCheck:
    """Return the check that the person of a request has a role.

    `before_second_factor`: also a person who still has to enable the second factor that the hub requires.
    """
    return RoleCheck(role, before_second_factor=before_second_factor)


async def check_same_origin(request: Request) -> None:
    """Raise Forbidden for a form that another site posts: a dependency of the whole application.

    Browsers say by Sec-Fetch-Site where a request comes from. If they do not, Origin must name this host.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site != "same-origin" if site is not None else not _is_own_origin(request.headers):
        raise Forbidden("cross_site")


def _is_own_origin(headers: Headers) -> bool:
    origin, host = headers.get("origin", ""), headers.get("host", "")
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
