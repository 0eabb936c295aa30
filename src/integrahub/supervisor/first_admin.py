"""The first administrator of the console: a one-time link, as long as no administrator has chosen a password."""

import structlog

from integrahub.access.audit import Audit
from integrahub.access.users import WELCOME_PATH, UserAdmin
from integrahub.db.accounts import users
from integrahub.db.database import Database
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import IntegraHubError
from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings

_log = structlog.get_logger()

_NAME = "admin"
_CALLER = Caller(None, name="first start")
_NO_ADMIN = "the console has no administrator; `integrahub user add NAME --role admin` prints a link for the first one"


async def invite_first_admin(settings: Settings, *, may_show: bool) -> str | None:
    """Return a link by which the first administrator chooses a password; None if there is an administrator already.

    Unless the caller may show a link, make none, and log the verb that prints one.
    """
    url = settings.console_database_url or settings.database_url
    if not settings.console or not url:
        return None
    database = Database(url, size=1, min_size=0, name="integrahub fleet", role=DatabaseRole.CONSOLE)
    await database.open()
    try:
        if await users.has_admin(database):
            return None
        if may_show:
            return await _invite(database, settings.public_url or settings.own_url)
        _log.info(_NO_ADMIN, action="invite")
        return None
    except IntegraHubError:  # the hub starts all the same, and `integrahub user add` makes a link at any time
        return None
    finally:
        await database.close()


async def _invite(database: Database, base: str) -> str | None:
    admin = UserAdmin(database, Audit(database))
    user = await users.find_by_name(database, _NAME)
    if user is None:
        _, token = await admin.add(_CALLER, _NAME, Role.ADMIN)
    elif user.role is Role.ADMIN:
        token = await admin.reset(_CALLER, user)
    else:
        return None
    return f"{base.rstrip('/')}{WELCOME_PATH}?token={token}"
