"""All verbs of `integrahub`, and how their failures are told."""

import os
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated

import psycopg
import typer
from pydantic import ValidationError

from integrahub.cli import (
    audit,
    batches,
    dead_letters,
    demo,
    doctor,
    fleet,
    keys,
    lifecycle,
    pharmacies,
    psql,
    roles,
    send,
    top,
    verify,
)
from integrahub.cli.client import Refused
from integrahub.cli.helping import show_whole_sentences
from integrahub.cli.load import verbs as load
from integrahub.cli.options import client_verb
from integrahub.cli.output import complain, say, write_what_fits
from integrahub.cli.reaching import keep_loopback_off_proxies
from integrahub.cli.setting_faults import setting_faults
from integrahub.db.urls import first_line
from integrahub.domain.errors import IntegraHubError


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"integrahub {version('integrahub')}")
        raise typer.Exit


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command("up")(roles.up)
app.command("demo")(demo.demo)
app.command("send")(send.send)
app.command("top")(client_verb(top.top))
app.command("verify")(verify.verify)
app.command("audit")(client_verb(audit.audit))
app.command("psql", context_settings=psql.PASS_ON)(psql.psql)
app.command("doctor")(doctor.doctor)
app.command("api")(roles.api)
app.command("work")(roles.work)
app.command("migrate")(roles.migrate)
app.command("openapi")(roles.openapi)
app.command("topics")(roles.topics)
app.command("lifecycle")(lifecycle.lifecycle)
app.add_typer(fleet.app, name="fleet")
app.add_typer(pharmacies.app, name="pharmacy")
app.add_typer(keys.app, name="key")
app.add_typer(batches.app, name="batch")
app.add_typer(dead_letters.app, name="dead")
app.add_typer(load.app, name="load")


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep pharmacies' catalogues in PostgreSQL in step with their ERPs.

    Start a hub: integrahub up. Try one: integrahub demo. Help on a verb: integrahub batch list --help
    """


show_whole_sentences(app)


def main() -> int:
    """Run one verb. Exit codes: 0 done, 1 failed, 2 wrong usage."""
    os.umask(0o077)  # what the hub keeps is for its own account; DATA_DIR_MODE may widen it
    keep_loopback_off_proxies()
    write_what_fits()
    try:
        return _run()
    except BrokenPipeError:  # who read the output has enough, as `head` does
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        return _failed(f"{error.filename or 'The output'} cannot be read or written: {error.strerror or error}.")


def _run() -> int:
    """Run the verb; its failures become a sentence each."""
    try:
        code = int(app(standalone_mode=False) or 0)
        if sys.stdout:
            sys.stdout.flush()
        return code
    except typer.Exit as ended:
        return int(ended.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return 1
    except ValidationError as error:
        return _wrong_settings(error)
    except (IntegraHubError, Refused) as error:
        return _failed(str(error))
    except psycopg.Error as error:
        return _failed(f"PostgreSQL does not do what was asked: {first_line(error)}. Check DATABASE_URL.")
    except typer.TyperException as error:
        getattr(error, "show", lambda: None)()
        return int(getattr(error, "exit_code", 2))


def _drop_output() -> None:
    """Let nothing be written again when Python ends: what is left in the buffer would fail once more."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _failed(told: str) -> int:
    complain(told)
    return 1


def _wrong_settings(error: ValidationError) -> int:
    for sentence in setting_faults(error):
        complain(sentence)
    return 2


if __name__ == "__main__":
    sys.exit(main())
