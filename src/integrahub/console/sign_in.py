"""Sign-in: name, password and second factor are checked together, and wrong attempts are limited."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from integrahub.access.audit import Audit
from integrahub.access.rate_limiter import RateLimiter, raise_if_limited
from integrahub.db.accounts import rate_limits, user_sessions, users
from integrahub.db.accounts.user_rows import Credentials, User
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Forbidden, Unavailable
from integrahub.domain.people.names import to_login
from integrahub.domain.people.passwords import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    is_easy,
    is_fit_length,
)
from integrahub.resilience.rate_limit import RateLimit, client_network
from integrahub.secrets.passwords import PasswordHasher
from integrahub.secrets.totp import find_step
from integrahub.secrets.webhook_secrets import SecretSealer

_LIMITER_RETRY_SECONDS = 5.0
MAX_TYPED_LENGTH = 4 * MAX_PASSWORD_LENGTH


@dataclass(frozen=True, slots=True)
class SignInRules:
    """The limit of wrong attempts by person and by network (None: none), and whether second factors are asked for."""

    limit: RateLimit | None
    uses_totp: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person typed, and from where."""

    name: str
    password: str
    code: str
    address: str
    agent: str


class SignIn:
    """Check who a person is."""

    def __init__(
        self, database: Database, sealer: SecretSealer, rules: SignInRules, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._audit = Audit(database)
        self._sealer = sealer
        self._rules = rules
        self._clock = clock
        self._limiter = RateLimiter(database)
        self._hasher = PasswordHasher()

    async def sign_in(self, attempt: Attempt) -> str:
        """Start a session and return its token. Raise Forbidden if anything is wrong, with the same answer for all."""
        credentials = await users.find_credentials(self._database, name=attempt.name)
        caller = _caller(credentials, attempt.address)
        subjects = await self._hit(to_login(attempt.name), attempt.address)
        async with self._audit.action(caller, "session.start", _subject(credentials)):
            is_right = await self._matches(attempt.password, credentials)
            if not credentials or not is_right or not await self._has_second_factor(credentials, attempt.code):
                raise Forbidden("sign_in_wrong")
            await self._refund(subjects)
            await users.record_sign_in(self._database, credentials.id)
            return await user_sessions.start(self._database, credentials.id, attempt.address, attempt.agent)

    async def check_password(self, user_id: int, password: str, address: str) -> None:
        """Check the password of a signed-in person again. Raise Forbidden if it is wrong."""
        credentials = await users.find_credentials(self._database, user_id=user_id)
        subjects = await self._hit(to_login(credentials.name if credentials else ""), address)
        if not await self._matches(password, credentials):
            raise Forbidden("password_wrong")
        await self._refund(subjects)

    async def welcome(self, token: str, password: str, address: str) -> User:
        """Set the password of the person of a one-time link. Raise Forbidden if the link is no longer valid."""
        user = await users.find_by_link(self._database, token)
        if user is None:
            raise Forbidden("link_invalid")
        caller = Caller(None, frozenset(), user.name, address=address, user_id=user.id)
        async with self._audit.action(caller, "user.welcome", f"user {user.id}"):
            used = await users.use_link(self._database, token, await self.hash_password(password, user.name))
            if used is None:
                raise Forbidden("link_invalid")
        return used

    async def hash_password(self, password: str, name: str) -> str:
        """Return the hash of a new password. Raise BadRequest if it is short, long, or easy to guess."""
        if not is_fit_length(password):
            raise BadRequest("password_short", least=MIN_PASSWORD_LENGTH, most=MAX_PASSWORD_LENGTH)
        if is_easy(password, name):
            raise BadRequest("password_easy")
        return await self._hasher.hash(password)

    async def _matches(self, password: str, credentials: Credentials | None) -> bool:
        # An unknown name takes the time of a known one.
        stored = credentials.password if credentials else None
        return await self._hasher.verify(password[:MAX_TYPED_LENGTH], stored)

    async def _has_second_factor(self, credentials: Credentials, code: str) -> bool:
        if not self._rules.uses_totp or not credentials.totp_enabled_at or not credentials.sealed_totp:
            return True
        step = find_step(self._sealer.unseal(credentials.sealed_totp), code, self._clock().timestamp())
        return step is not None and await users.spend_code(self._database, credentials.id, step)

    async def _hit(self, login: str, address: str) -> list[str]:
        """Count an attempt before it is checked, so that attempts at the same time are limited, too."""
        if self._rules.limit is None:
            return []
        person = hashlib.sha256(login.encode("utf-8", "surrogatepass")).hexdigest()  # the text may be a password
        subjects = [f"sign-in:person:{person}", f"sign-in:network:{client_network(address)}"]
        for subject in subjects:
            result = await self._limiter.hit(subject, self._rules.limit)
            if result is None:  # posts pass when the limiter does not answer; guesses at passwords do not
                raise Unavailable("sign_in_busy", _LIMITER_RETRY_SECONDS)
            raise_if_limited("sign_in_limited", self._rules.limit, result)
        return subjects

    async def _refund(self, subjects: list[str]) -> None:
        if subjects:
            await rate_limits.refund(self._database, subjects)


def _caller(credentials: Credentials | None, address: str) -> Caller:
    # What was typed as the name of an unknown person may be a password, so it is stored nowhere.
    if credentials is None:
        return Caller(None, frozenset(), "unknown", address=address)
    return Caller(None, frozenset(), credentials.name, address=address, user_id=credentials.id)


def _subject(credentials: Credentials | None) -> str:
    return f"user {credentials.id}" if credentials else ""
