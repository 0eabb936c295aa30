"""Rotation of credentials: read them again at an interval, and as soon as they are refused."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import structlog
from pydantic import ValidationError

from integrahub.domain.errors import ConfigurationError
from integrahub.settings.model import Settings
from integrahub.settings.secret_sources import open_secret_store

ROTATING = ("database_url", "storage_access_key", "storage_secret_key", "kafka_username", "kafka_password")
_MIN_READ_INTERVAL_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 20.0  # for the whole read, also if the client of the secret store has no timeout
_log = structlog.get_logger()


def resolve_login(settings: Settings) -> Settings:
    """Return the settings with the login that DATABASE_LOGIN names inserted into DATABASE_URL.

    Block until the secret store answers. Raise SecretUnavailable if it does not.
    """
    if not settings.database_login:
        return settings
    store = open_secret_store(settings)
    if store is None or not settings.database_url:
        raise ConfigurationError(
            "INTEGRAHUB_DATABASE_LOGIN is set; it needs INTEGRAHUB_DATABASE_URL, and INTEGRAHUB_SECRETS to be `aws` or "
            "`vault`."
        )
    login = store.credentials(settings.database_login)
    return settings.model_copy(update={"database_url": login.apply_to(settings.database_url)})


def read_credentials(settings: Settings) -> Settings:
    """Return the settings with the current credentials. Block until the secret store answers.

    Raise SecretUnavailable if it does not, ValidationError if a value is invalid.
    """
    current = Settings()
    values = {name: value for name in ROTATING if (value := getattr(current, name)) is not None}
    if settings.console_database_url and settings.database_url == settings.console_database_url:
        # The console on the API's port: the other URL has the login of the API.
        values["database_url"] = values["console_database_url"] = current.console_database_url or settings.database_url
    return resolve_login(settings.model_copy(update=values))


class CredentialRotation:
    """The current credentials of a process, handed to its connections whenever they change.

    If all settings come from the environment, no credential can change and nothing is read again.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[Settings], Settings] = read_credentials,
        read_timeout: float = _READ_TIMEOUT_SECONDS,
    ) -> None:
        self.settings = settings
        self._read_timeout = read_timeout
        # A separate thread, so that a secret store that hangs blocks no other work of the process.
        self._thread = ThreadPoolExecutor(1, "secrets")
        self._read = read
        self._read_at = self._invalidated_at = float("-inf")
        self._lock = asyncio.Lock()
        self._on_change: Callable[[Settings], Awaitable[None]] | None = None

    @property
    def is_possible(self) -> bool:
        """Whether credentials come from a source that can change."""
        return self.settings.secrets != "env" or self.settings.secrets_dir is not None

    async def on_refused(self) -> None:
        """Read the credentials again after a dependency refused them. Calls within a second share one read."""
        if self.is_possible:
            await self._refresh(invalidate=True)

    async def watch(self, on_change: Callable[[Settings], Awaitable[None]]) -> None:
        """Read the credentials every SECRETS_REFRESH seconds until cancelled."""
        self._on_change = on_change
        while self.is_possible:
            await asyncio.sleep(self.settings.secrets_refresh)
            await self._refresh()

    async def _refresh(self, *, invalidate: bool = False) -> None:
        async with self._lock:
            if monotonic() - self._read_at < _MIN_READ_INTERVAL_SECONDS:
                return
            try:
                if invalidate:
                    self._invalidate()
                read = asyncio.get_running_loop().run_in_executor(self._thread, self._read, self.settings)
                current = await asyncio.wait_for(read, self._read_timeout)
                if current != self.settings and self._on_change:
                    await self._on_change(current)
                    _log.info("credentials renewed", action="renew_credentials")
                self.settings = current
            except TimeoutError:
                reason = f"no answer within {self._read_timeout:g} s"
                _log.warning("cannot renew credentials", action="renew_credentials", error=reason)
            except Exception as error:  # on any error, keep the credentials in use until the next read
                _log.warning("cannot renew credentials", action="renew_credentials", error=_describe(error))
            finally:
                self._read_at = monotonic()

    def _invalidate(self) -> None:
        # At most once per refresh interval: a database that refuses every login must not cost a login per second.
        if monotonic() - self._invalidated_at < self.settings.secrets_refresh:
            return
        if store := open_secret_store(self.settings):
            store.invalidate()
            self._invalidated_at = monotonic()


def _describe(error: Exception) -> str:
    """Return the message of an error; for a validation error the settings' names alone, since values may be secret."""
    if isinstance(error, ValidationError):
        return ", ".join(str(detail["loc"]) for detail in error.errors())
    return str(error)
