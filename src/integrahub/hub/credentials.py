"""Credentials that change while a process runs: read again now and then, and as soon as they are refused."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import structlog
from pydantic import ValidationError

from integrahub.domain.errors import ConfigurationError
from integrahub.settings.model import Settings, keeper

ROTATING = ("database_url", "storage_access_key", "storage_secret_key", "kafka_username", "kafka_password")
_SPACING = 1.0  # seconds between two reads at least
_PATIENCE = 20.0  # seconds a read may take, whatever its keeper does
_log = structlog.get_logger()


def with_login(settings: Settings) -> Settings:
    """The settings with the login that DATABASE_LOGIN names put into DATABASE_URL. Blocks; SecretUnread."""
    if not settings.database_login:
        return settings
    kept = keeper(settings)
    if kept is None or not settings.database_url:
        raise ConfigurationError("DATABASE_LOGIN is set; it needs DATABASE_URL, and SECRETS to be `aws` or `vault`.")
    login = kept.login(settings.database_login)
    return settings.model_copy(update={"database_url": login.put_into(settings.database_url)})


def renewed(settings: Settings) -> Settings:
    """The settings with the credentials of this moment. Blocks; SecretUnread, ValidationError."""
    fresh = Settings()
    found = {name: getattr(fresh, name) for name in ROTATING}
    known = {name: value for name, value in found.items() if value is not None}
    return with_login(settings.model_copy(update=known))


class CredentialRotation:
    """The newest credentials of a process, handed to whoever uses them.

    Where all settings come from the environment nothing can change, and nothing is read.
    """

    def __init__(
        self, settings: Settings, read: Callable[[Settings], Settings] = renewed, patience: float = _PATIENCE
    ) -> None:
        self.settings = settings
        self._patience = patience
        # A thread of its own: a keeper that hangs holds this one alone.
        self._thread = ThreadPoolExecutor(1, "secrets")
        self._read = read
        self._read_at = self._forgot_at = float("-inf")
        self._one = asyncio.Lock()
        self._hand_on: Callable[[Settings], Awaitable[None]] | None = None

    @property
    def is_possible(self) -> bool:
        """Whether credentials come from where they may change."""
        return self.settings.secrets != "env" or self.settings.secrets_dir is not None

    async def refused(self) -> None:
        """Credentials were refused: what is kept now is used from here on. Refusals close together are one."""
        if self.is_possible:
            await self._again(anew=True)

    async def watch(self, hand_on: Callable[[Settings], Awaitable[None]]) -> None:
        """Look every SECRETS_REFRESH seconds, for as long as the process runs."""
        self._hand_on = hand_on
        while self.is_possible:
            await asyncio.sleep(self.settings.secrets_refresh)
            await self._again()

    async def _again(self, anew: bool = False) -> None:
        async with self._one:
            if monotonic() - self._read_at < _SPACING:
                return
            try:
                if anew:
                    self._forget()
                asked = asyncio.get_running_loop().run_in_executor(self._thread, self._read, self.settings)
                found = await asyncio.wait_for(asked, self._patience)
                if found != self.settings and self._hand_on:
                    await self._hand_on(found)
                    _log.info("credentials were renewed", action="renew_credentials")
                self.settings = found
            except TimeoutError:
                told = f"no answer within {self._patience:g} s"
                _log.warning("credentials could not be renewed", action="renew_credentials", error=told)
            except Exception as error:  # whatever it was, the credentials in use go on, and the next look comes
                _log.warning("credentials could not be renewed", action="renew_credentials", error=_told(error))
            finally:
                self._read_at = monotonic()

    def _forget(self) -> None:
        """Take no refused login again; seldom, lest a database that refuses everybody costs a login a second."""
        if monotonic() - self._forgot_at >= self.settings.secrets_refresh and (kept := keeper(self.settings)):
            kept.forget()
            self._forgot_at = monotonic()


def _told(error: Exception) -> str:
    """What went wrong, without the values that a wrong setting would quote."""
    return (
        ", ".join(str(fault["loc"]) for fault in error.errors()) if isinstance(error, ValidationError) else str(error)
    )
