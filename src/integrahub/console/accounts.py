"""Accounts of the console: sign-in, sessions, second factors and the administration of people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from integrahub.access.audit import Audit
from integrahub.access.users import UserAdmin, subject_of
from integrahub.console.access import Person, Sessions
from integrahub.console.sign_in import SignIn, SignInRules
from integrahub.db.accounts import user_sessions, users
from integrahub.db.database import Database
from integrahub.domain.errors import BadRequest, Conflict, Forbidden, NotFound, Problem
from integrahub.hub.hub import Hub
from integrahub.resilience.rate_limit import parse_rate
from integrahub.secrets.totp import build_totp_uri, find_step, generate_totp_secret, show_totp_secret
from integrahub.secrets.webhook_secrets import SECOND_FACTORS_INFO, SecretSealer

PASSWORD_FIELD = "password_again"


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """A second factor that a person has not confirmed yet: its secret, and the address that opens an app."""

    secret: str
    uri: str


class Accounts:
    """What pages need of people's accounts."""

    def __init__(self, hub: Hub, clock: Callable[[], datetime]) -> None:
        database, settings = hub.all_tenants, hub.settings
        self.database: Database = database
        self.audit = Audit(database)
        self.sessions = Sessions(database)
        self.admin = UserAdmin(database, self.audit)
        self.totp_mode = settings.console_totp
        self._sealer = SecretSealer(hub.pepper, SECOND_FACTORS_INFO)
        rules = SignInRules(parse_rate(settings.failed_sign_in_limit), uses_totp=self.totp_mode != "off")
        self.sign_in = SignIn(database, self._sealer, rules, clock)
        self._clock = clock

    async def confirm(self, person: Person, form: Mapping[str, str]) -> None:
        """Ask for the password again if it was typed more than 10 minutes ago: call it first in such an act.

        The form of the act has a field for it if `person.needs_password`. Raise Forbidden, in which case nothing may
        be done, if it is missing or wrong.
        """
        password = form.get(PASSWORD_FIELD, "")
        if not person.needs_password:
            return
        if not password:
            raise Forbidden("password_needed")
        await self.sign_in.check_password(person.user_id, password, person.address)
        await user_sessions.confirm(self.database, person.session_id)
        self.sessions.clear_cache()

    async def confirm_for(self, person: Person, form: Mapping[str, str], action: str, subject: str) -> None:
        """Do the same before an act whose function records it by itself: a refusal gets a separate entry."""
        try:
            await self.confirm(person, form)
        except Problem:
            async with self.audit.action(person.caller, action, subject):
                raise

    async def change_password(self, person: Person, current: str, new: str) -> None:
        """Set a new password, and end all other sessions of the person."""
        async with self.audit.action(person.caller, "user.password", _subject(person)):
            await self.sign_in.check_password(person.user_id, current, person.address)
            await users.set_password(self.database, person.user_id, await self.sign_in.hash_password(new, person.name))
            await user_sessions.end_all(self.database, person.user_id, person.session_id)
            await user_sessions.confirm(self.database, person.session_id)
        self.sessions.clear_cache()

    async def end_session(self, person: Person, session_id: str) -> None:
        """End one session of the person, or with `others` all but this one. Raise NotFound if it has ended."""
        async with self.audit.action(person.caller, "session.end", _subject(person)) as context:
            if session_id == "others":
                ended = await user_sessions.end_all(self.database, person.user_id, person.session_id)
            else:
                ended = int(await user_sessions.end_named(self.database, session_id, person.user_id))
                if not ended:
                    raise NotFound("session_not_found")
            context.after = {"ended": ended}
        self.sessions.clear_cache()

    async def offer_totp(self, person: Person) -> TotpOffer:
        """Return the second factor to confirm; make its secret if there is none yet."""
        if self.totp_mode == "off":
            raise Conflict("second_factor_off")
        credentials = await users.find_credentials(self.database, user_id=person.user_id)
        if credentials and credentials.sealed_totp:
            secret = self._sealer.unseal(credentials.sealed_totp)
        else:
            secret = generate_totp_secret()
            await users.store_totp(self.database, person.user_id, self._sealer.seal(secret))
        return TotpOffer(show_totp_secret(secret), build_totp_uri(secret, person.name))

    async def enable_totp(self, person: Person, code: str) -> None:
        """Enable the second factor if its first code is right, and end all other sessions."""
        async with self.audit.action(person.caller, "user.totp_on", _subject(person)):
            credentials = await users.find_credentials(self.database, user_id=person.user_id)
            sealed = credentials.sealed_totp if credentials else None
            step = find_step(self._sealer.unseal(sealed), code, self._clock().timestamp()) if sealed else None
            if step is None or not await users.enable_totp(self.database, person.user_id, step):
                raise BadRequest("code_wrong")
            await user_sessions.end_all(self.database, person.user_id, person.session_id)
        self.sessions.clear_cache()

    async def disable_totp(self, person: Person, password: str) -> None:
        """Delete the second factor of the person, whose password is asked for again."""
        async with self.audit.action(person.caller, "user.totp_off", _subject(person)):
            await self.sign_in.check_password(person.user_id, password, person.address)
            await users.disable_totp(self.database, person.user_id)
        self.sessions.clear_cache()


def _subject(person: Person) -> str:
    return subject_of(person.user_id)
