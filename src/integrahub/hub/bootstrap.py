"""Start and end of a hub: check the settings, compose it, open and close its connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic

from integrahub.bus.circuit_breaking import CircuitBreakingBus
from integrahub.db.database import Database
from integrahub.db.schema.version import check_if_reachable, check_until_reachable
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.chosen_keys import MIN_KEY_LENGTH
from integrahub.domain.errors import ConfigurationError
from integrahub.hub import adapters
from integrahub.hub.credentials import CredentialRotation, resolve_login
from integrahub.hub.hub import Hub
from integrahub.hub.local_secrets import HubSecrets, load_pepper, load_secrets
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.resilience.deadlines import API_DEADLINES, WORKER_DEADLINES, Deadlines, read_deadlines
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.settings.model import Settings
from integrahub.storage.circuit_breaking import CircuitBreakingStorage
from integrahub.storage.framed import FramedStorage

# Names of pools in the settings, of roles with which clients and people wait; all other roles are workers.
_POOLS: dict[DatabaseRole | None, str] = {DatabaseRole.API: "api", DatabaseRole.CONSOLE: "console"}


@asynccontextmanager
async def open_hub(
    settings: Settings, name: str = "integrahub", role: DatabaseRole | None = None, deadlines: Deadlines | None = None
) -> AsyncIterator[Hub]:
    """Open the hub of one process and close it at the end.

    `name` is the application name in PostgreSQL. `deadlines` default to those of the role.
    Raise ConfigurationError if a setting cannot be used.
    """
    check_settings(settings)
    _require_database_url(settings)
    rotation = CredentialRotation(await asyncio.to_thread(resolve_login, settings))
    secrets = _secrets_of(settings, role)
    hub = compose_hub(rotation.settings, name, secrets, role, rotation, deadlines)
    is_schema_checked = await check_if_reachable(hub.database.url)
    await asyncio.gather(hub.database.open(), hub.reads.open())
    # A database that is unavailable delays the check of its schema, not the start.
    checks = [] if is_schema_checked else [check_until_reachable(lambda: hub.database.url)]
    tasks = [asyncio.create_task(background) for background in (rotation.watch(hub.renew), *checks)]
    try:
        yield hub
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hub.bus.close()
        await asyncio.gather(hub.database.close(), hub.reads.close())


def _secrets_of(settings: Settings, role: DatabaseRole | None) -> HubSecrets:
    """Return the secrets that a role needs: workers none.

    The sender of webhooks has the pepper that unseals theirs, the console the pepper that hashes keys.
    """
    if role is DatabaseRole.WORKER:
        return HubSecrets()
    if role in (DatabaseRole.NOTIFY, DatabaseRole.CONSOLE):
        return HubSecrets(load_pepper(settings))
    return load_secrets(settings)


def _require_database_url(settings: Settings) -> None:
    if not settings.database_url:
        raise ConfigurationError(
            "INTEGRAHUB_DATABASE_URL is not set. Set it, for example to postgresql://user:password@host/integrahub, or "
            "run `integrahub up`, which starts a PostgreSQL of its own."
        )


def compose_hub(
    settings: Settings,
    name: str = "integrahub",
    secrets: HubSecrets = HubSecrets(),  # noqa: B008
    role: DatabaseRole | None = None,
    rotation: CredentialRotation | None = None,
    deadlines: Deadlines | None = None,
) -> Hub:
    """Build the hub without opening any connection; enough to describe its API."""
    deadlines = deadlines or (API_DEADLINES if role in _POOLS else WORKER_DEADLINES)
    database, reads = _databases(settings, name, role, rotation, deadlines)
    breakers = {
        "postgresql": database.breaker,
        "storage": CircuitBreaker("Storage", monotonic),
        "bus": CircuitBreaker("The bus", monotonic),
    }
    # The sender of webhooks reads no objects, so it has no credentials of the bucket.
    storage = adapters.open_no_storage(settings) if role is DatabaseRole.NOTIFY else adapters.open_storage(settings)
    bus = adapters.open_bus(settings, database)
    return Hub(
        settings,
        database,
        reads,
        CircuitBreakingStorage(FramedStorage(storage), breakers["storage"], deadlines.storage),
        CircuitBreakingBus(bus, breakers["bus"]),
        secrets.pepper,
        secrets.operator,
        breakers,
        {step: StepBreaker(monotonic) for step in ("split", "upsert")},
        (storage, bus),
        adapters.build_dialect(settings),
        deadlines,
        secrets.receipts,
    )


def _databases(
    settings: Settings, name: str, role: DatabaseRole | None, rotation: CredentialRotation | None, deadlines: Deadlines
) -> tuple[Database, Database]:
    """Return the pool for the hub's work, and the pool for what clients read."""
    url, on_refused = settings.database_url or "postgresql://", rotation.on_refused if rotation else None
    min_size, max_size = settings.pool_sizes(_POOLS.get(role, "worker"))
    pool = partial(Database, url, name=name, role=role, on_login_refused=on_refused)
    database = pool(size=max_size, min_size=min_size, deadlines=deadlines)
    return database, pool(
        size=settings.read_pool_size, min_size=0, deadlines=read_deadlines(settings.read_timeout_seconds)
    )


def check_settings(settings: Settings) -> None:
    """Raise ConfigurationError if a setting names something that this version does not have, or a weak key."""
    compose_hub(settings)
    if not settings.allow_weak_keys:
        for name in settings.weak_keys:
            raise ConfigurationError(
                f"{name} is easy to guess: at least {MIN_KEY_LENGTH} characters, varied and without repetition, are "
                "expected. Choose another key (`openssl rand -hex 20` makes one), or keep it with "
                "INTEGRAHUB_ALLOW_WEAK_KEYS=true."
            )
