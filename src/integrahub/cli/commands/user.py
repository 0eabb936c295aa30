"""`integrahub user`: people who use the console. The verbs write to the hub's database; the hub may run or not."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from psycopg.errors import InsufficientPrivilege

from integrahub.access.audit import Audit
from integrahub.access.users import WELCOME_PATH, UserAdmin
from integrahub.cli.offline_database import open_offline_database
from integrahub.cli.options import AsJson, Wide, Yes
from integrahub.db.accounts.user_rows import User
from integrahub.db.accounts.users import Profile
from integrahub.db.database import Database
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from integrahub.supervisor.state_file import read_api_url
from integrahub.tools.terminal.output import show_facts, show_rows

app = typer.Typer(help="People who use the console: add, list, set, reset, remove.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="name under which the person signs in, or #NUMBER")]
Data = Annotated[Path | None, typer.Option(help="data folder of the hub")]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="address in links; if omitted: INTEGRAHUB_PUBLIC_URL or the running hub"),
]
Email = Annotated[str | None, typer.Option(metavar="ADDRESS", help="e-mail address of the person")]
_COLUMNS = ("id", "name", "role", "signed_in_at", "password_set_at", "totp_enabled_at", "email", "removed_at")
_CALLER = Caller(None, name="command line")
Result = TypeVar("Result")


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="name under which the person will sign in")],
    role: Annotated[Role, typer.Option(help="what the person may do; each role includes those before it")],
    email: Email = None,
    url: Url = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a person, and print a link, valid for an hour, by which the person chooses a password.

    Example: integrahub user add 'Ana Souza' --role operator
    """
    settings = _settings(data)
    user, token = _run(settings, lambda admin: admin.add(_CALLER, name, role, email or ""))
    facts = {"id": user.id, "name": user.name, "role": user.role, "link": _link(settings, url, token)}
    show_facts(facts, as_json=as_json)


@app.command("list")
def list_people(
    removed: Annotated[bool, typer.Option("--removed", help="also those that were removed")] = False,
    data: Data = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """List the people who use the console, by name.

    Example: integrahub user list
    """
    rows = [_to_row(user) for user in _run(_settings(data), lambda admin: admin.list_all(with_removed=removed))]
    empty = "No people yet. Add a person: integrahub user add NAME --role admin"
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty, wide=wide)


@app.command("set")
def set_person(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="new name")] = None,
    role: Annotated[Role | None, typer.Option(help="new role; it ends the person's sessions")] = None,
    email: Email = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Change name, role or e-mail address of a person.

    Example: integrahub user set 'Ana Souza' --role admin
    """
    profile = Profile(new_name, email, role)
    if profile == Profile():
        raise typer.BadParameter("say what to change: --name, --role or --email")

    async def change(admin: UserAdmin) -> User:
        return await admin.set(_CALLER, await admin.find(name), profile)

    show_facts(_to_row(_run(_settings(data), change)), as_json=as_json)


@app.command()
def reset(name: Name, url: Url = None, data: Data = None, as_json: AsJson = False) -> None:
    """Print a link, valid for an hour, by which a person chooses a new password.

    Its use ends all sessions and the second factor of the person. Until then the old password works.

    Example: integrahub user reset 'Ana Souza'
    """
    settings = _settings(data)

    async def make_link(admin: UserAdmin) -> tuple[User, str]:
        user = await admin.find(name)
        return user, await admin.reset(_CALLER, user)

    user, token = _run(settings, make_link)
    show_facts({"id": user.id, "name": user.name, "link": _link(settings, url, token)}, as_json=as_json)


@app.command()
def remove(
    name: Name,
    erase: Annotated[
        bool, typer.Option("--erase", help="also replace the name by a number, in the audit log too")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
    yes: Yes = False,
) -> None:
    """Remove a person: all sessions end, and the audit log keeps the name unless it is erased.

    Example: integrahub user remove 'Ana Souza' --erase
    """
    if erase and not yes:
        typer.confirm(f"Erase the name {name} for good?", abort=True)

    async def remove_person(admin: UserAdmin) -> User:
        user = await admin.find(name)
        if not user.removed_at:
            user = await admin.remove(_CALLER, user)
        if erase:
            await admin.erase(_CALLER, user)
            user = await admin.find(f"#{user.id}")
        return user

    show_facts(_to_row(_run(_settings(data), remove_person)), as_json=as_json)


def _settings(data: Path | None) -> Settings:
    settings = Settings()
    return settings.model_copy(update={"data_dir": data}) if data else settings


def _run(settings: Settings, work: Callable[[UserAdmin], Awaitable[Result]]) -> Result:
    return asyncio.run(_run_in_database(settings, work))


async def _run_in_database(settings: Settings, work: Callable[[UserAdmin], Awaitable[Result]]) -> Result:
    own = settings.model_copy(update={"database_url": settings.console_database_url or settings.database_url})
    async with open_offline_database(own, DatabaseRole.CONSOLE) as opened:
        database = Database(opened.database_url or "", size=1, name="integrahub user")
        await database.open()
        try:
            return await work(UserAdmin(database, Audit(database)))
        except InsufficientPrivilege as error:
            raise ConfigurationError(
                "The login of INTEGRAHUB_DATABASE_URL may not write people. Use that of integrahub_console, as a "
                "console process does, or that of the owner of the tables."
            ) from error
        finally:
            await database.close()


def _link(settings: Settings, url: str | None, token: str) -> str:
    running = read_api_url(settings.data_dir) or settings.own_url
    base = (url or settings.public_url or running).rstrip("/").removesuffix("/console")
    return f"{base}{WELCOME_PATH}?token={token}"


def _to_row(user: User) -> dict[str, object]:
    return dict(msgspec.to_builtins(user))
