"""Administration of the people of the console, each act with an audit entry."""

from integrahub.access.audit import Audit
from integrahub.db.accounts import user_sessions, users
from integrahub.db.accounts.user_rows import User
from integrahub.db.accounts.users import Profile
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Conflict, NotFound
from integrahub.domain.people.names import clean_email, clean_name
from integrahub.domain.people.roles import Role

WELCOME_PATH = "/console/welcome"


class UserAdmin:
    """Add, change, reset and remove people."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def list_all(self, *, with_removed: bool = False) -> list[User]:
        """Return the people by name; `with_removed`: also those that were removed."""
        return await users.list_all(self._database, with_removed=with_removed)

    async def find(self, named: str) -> User:
        """Return the person with a name, or `#N` for a number. Raise NotFound if there is none."""
        if named.startswith("#") and named[1:].isdecimal() and len(named) < 20:
            user = await users.find(self._database, int(named[1:]))
        else:
            user = await users.find_by_name(self._database, named)
        if user is None:
            raise NotFound("user_not_found")
        return user

    async def add(self, caller: Caller, name: str, role: Role, email: str = "") -> tuple[User, str]:
        """Add a person; return the person, and the token of the link by which the person sets a password."""
        async with self._audit.action(caller, "user.add", "") as context:
            profile = _clean(Profile(name=name, role=role, email=email))
            user = await users.add(self._database, profile.name or "", role, profile.email or "")
            if user is None:
                raise Conflict("user_taken", name=name)
            context.after = user
            return user, await users.create_link(self._database, user.id)

    async def set(self, caller: Caller, user: User, profile: Profile) -> User:
        """Change a person. A new role ends the person's sessions."""
        async with self._audit.action(caller, "user.set", subject_of(user.id), user) as context:
            profile = _clean(profile)
            changed = await users.update(self._database, user.id, profile)
            if changed is None:
                raise await self._refusal(user, profile)
            if changed.role is not user.role:
                await user_sessions.end_all(self._database, user.id)
            context.after = changed
        return changed

    async def reset(self, caller: Caller, user: User) -> str:
        """Return the token of a new link by which a person sets a password; until then the old one works."""
        async with self._audit.action(caller, "user.reset", subject_of(user.id)):
            if user.removed_at:
                raise NotFound("user_not_found")
            return await users.create_link(self._database, user.id)

    async def remove(self, caller: Caller, user: User) -> User:
        """Remove a person, whose sessions end."""
        async with self._audit.action(caller, "user.remove", subject_of(user.id), user) as context:
            removed = await users.remove(self._database, user.id)
            if removed is None:
                raise await self._refusal(user, Profile())
            context.after = removed
        return removed

    async def erase(self, caller: Caller, user: User) -> None:
        """Replace the name of a removed person by `usuário N`, also in the audit log."""
        async with self._audit.action(caller, "user.erase", subject_of(user.id)):
            if not await users.anonymise(self._database, user.id):
                raise Conflict("user_not_removed")

    async def end_sessions(self, caller: Caller, user: User) -> int:
        """End all sessions of a person; return how many there were."""
        async with self._audit.action(caller, "user.end_sessions", subject_of(user.id)) as context:
            ended = await user_sessions.end_all(self._database, user.id)
            context.after = {"ended": ended}
        return ended

    async def _refusal(self, user: User, profile: Profile) -> NotFound | Conflict:
        """Return why a change of a person had no effect."""
        current = await users.find(self._database, user.id)
        if current is None or current.removed_at:
            return NotFound("user_not_found")
        if profile.name:
            holder = await users.find_by_name(self._database, profile.name)
            if holder and holder.id != user.id:
                return Conflict("user_taken", name=profile.name)
        return Conflict("user_last_admin")


def subject_of(user_id: int) -> str:
    """Return the subject of audit entries about a person: never the name, which may have to be erased."""
    return f"user {user_id}"


def _clean(profile: Profile) -> Profile:
    try:
        name = clean_name(profile.name) if profile.name is not None else None
        email = clean_email(profile.email) if profile.email is not None else None
    except ValueError as error:
        raise BadRequest("user_invalid", reason=error) from error
    return Profile(name, email, profile.role, profile.language, profile.theme, profile.keys_off)
