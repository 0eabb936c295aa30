"""What operators order of API keys: create, rotate and revoke, each with an audit entry."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from integrahub.access.audit import Audit
from integrahub.db.accounts import api_keys, pharmacies
from integrahub.db.accounts.api_keys import Grant
from integrahub.db.accounts.rows import ApiKey, Pharmacy
from integrahub.db.database import Database
from integrahub.domain.api_keys import OPERATORS, PREFIX, Caller
from integrahub.domain.chosen_keys import MIN_KEY_LENGTH, is_sendable, is_weak, list_unsendable_characters
from integrahub.domain.errors import BadRequest, Conflict, NotFound


@dataclass(frozen=True, slots=True)
class ApiKeyRules:
    """The pepper of stored hashes, and whether chosen keys may be weak."""

    pepper: bytes
    allow_weak: bool = False

    def check(self, chosen: str) -> None:
        """Raise BadRequest if a chosen key has the hub's prefix, cannot be sent in a header, or is easy to guess."""
        if chosen.startswith(PREFIX):
            raise BadRequest("key_reserved")
        if not is_sendable(chosen):
            raise BadRequest("key_unsendable", characters=list_unsendable_characters(chosen))
        if is_weak(chosen) and not self.allow_weak:
            raise BadRequest("key_weak", least=MIN_KEY_LENGTH)


class ApiKeyAdmin:
    """Create, rotate and revoke keys, each with an audit entry.

    `on_ended` runs after a key was ended; a process that caches keys clears its cache there.
    """

    def __init__(self, database: Database, audit: Audit, rules: ApiKeyRules, on_ended: Callable[[], None]) -> None:
        self._database = database
        self._audit = audit
        self._rules = rules
        self._on_ended = on_ended

    async def list_all(self) -> list[ApiKey]:
        """Return all keys, newest first."""
        return await api_keys.list_all(self._database)

    async def create_for_pharmacy(self, caller: Caller, cnpj: str, chosen: str | None) -> tuple[str, str]:
        """Create a key of one pharmacy, registered if it is new; return the pharmacy's name and the key."""
        if chosen is not None:
            self._rules.check(chosen)
        name = (await self._find_or_register(caller, cnpj)).name
        async with self._audit.action(caller, "key.create", cnpj) as context:
            api_key, context.after = await self._store(chosen, Grant([cnpj]))
        return name, api_key

    async def create(self, caller: Caller, grant: Grant) -> tuple[str, ApiKey]:
        """Create a key of several pharmacies or all, or an operator's key; return the key and its row."""
        _check_scopes(grant)
        if grant.expires_at and grant.expires_at.astimezone(UTC) <= datetime.now(UTC):
            raise BadRequest("key_expiry_past", expires_at=grant.expires_at.isoformat())
        async with self._audit.action(caller, "key.create", "") as context:
            api_key, row = await api_keys.create(self._database, self._rules.pepper, grant)
            context.after = row
        return api_key, row

    async def rotate(self, caller: Caller, key_id: UUID, old_ends_in_hours: int | None) -> tuple[str, ApiKey]:
        """Create a second key with the same pharmacies and scopes; return the key and its row.

        Both are active until the old one ends, after `old_ends_in_hours` or, if None, when it is revoked.
        """
        old = await self._find_active(key_id)
        grant = replace(_grant_of(old), replaces=key_id)
        async with self._audit.action(caller, "key.rotate", str(key_id), old) as context:
            api_key, row = await api_keys.create(self._database, self._rules.pepper, grant)
            if old_ends_in_hours is not None:
                await api_keys.expire_within(self._database, key_id, old_ends_in_hours)
                self._on_ended()
            context.after = {"key": row, "old": await api_keys.find(self._database, key_id)}
        return api_key, row

    async def revoke(self, caller: Caller, key_id: UUID) -> None:
        """Revoke a key: in this process at once, in other processes within two seconds."""
        before = await self._find_active(key_id)
        async with self._audit.action(caller, "key.revoke", str(key_id), before) as context:
            if not await api_keys.revoke(self._database, key_id):
                raise NotFound("key_not_found")
            self._on_ended()
            context.after = await api_keys.find(self._database, key_id)

    async def _find_or_register(self, caller: Caller, cnpj: str) -> Pharmacy:
        # The audit log has a separate entry for the registration.
        if pharmacy := await pharmacies.find(self._database, cnpj):
            return pharmacy
        async with self._audit.action(caller, "pharmacy.put", cnpj) as context:
            context.after = pharmacy = await pharmacies.find_or_create(self._database, cnpj, "")
        return pharmacy

    async def _store(self, chosen: str | None, grant: Grant) -> tuple[str, ApiKey]:
        if chosen is None:
            return await api_keys.create(self._database, self._rules.pepper, grant)
        row = await api_keys.store_chosen(self._database, self._rules.pepper, chosen, grant)
        if row is None:
            raise Conflict("key_taken")
        return chosen, row

    async def _find_active(self, key_id: UUID) -> ApiKey:
        row = await api_keys.find(self._database, key_id)
        if row is None or row.revoked_at or (row.expires_at and row.expires_at <= datetime.now(UTC)):
            raise NotFound("key_not_found")
        return row


def _grant_of(row: ApiKey) -> Grant:
    cnpjs = None if row.tenants == "all" else row.cnpjs
    return Grant(cnpjs, frozenset(row.scopes), row.expires_at, row.rate_limit)


def _check_scopes(grant: Grant) -> None:
    operators = grant.scopes & OPERATORS
    if operators and (len(grant.scopes) > 1 or grant.cnpjs is not None):
        raise BadRequest("scopes_unfit", scopes=", ".join(sorted(grant.scopes)))
