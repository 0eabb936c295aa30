"""All verbs of `integrahub`, and how their failures are told."""

import io
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from integrahub.cli.loopback import keep_loopback_off_proxies
from integrahub.cli.verbs import Verbs
from integrahub.domain.errors import IntegraHubError


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # not for every process: it imports a reader of e-mail

        typer.echo(f"integrahub {version('integrahub')}")
        raise typer.Exit


app = typer.Typer(cls=Verbs, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep pharmacies' catalogues in PostgreSQL in step with their ERPs.

    Start a hub: integrahub up. Try one: integrahub demo. Help on a verb: integrahub batch list --help
    """


def main() -> int:
    """Run one verb. Exit codes: 0 done, 1 failed, 2 wrong usage."""
    os.umask(0o077)  # what the hub keeps is for its own account; DATA_DIR_MODE may widen it
    keep_loopback_off_proxies()
    _write_what_fits()
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
    except typer.TyperException as error:
        getattr(error, "show", lambda: None)()
        return int(getattr(error, "exit_code", 2))
    except IntegraHubError as error:
        return _failed(str(error))
    except OSError:  # main says which file it is of
        raise
    except Exception as error:
        return _explained(error)


def _explained(error: Exception) -> int:
    """Say what failed, where that is known; what is not known goes on as it is."""
    from integrahub.cli.error_messages import (
        explained,  # imports what raises it, which a verb without failures may not need
    )

    if not (found := explained(error)):
        raise error
    code, sentences = found
    for sentence in sentences:
        _failed(sentence)
    return code


def _write_what_fits() -> None:
    """Write characters that the encoding of the output lacks as escapes, instead of ending the verb."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let nothing be written again when Python ends: what is left in the buffer would fail once more."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _failed(told: str) -> int:
    from integrahub.tools.terminal.output import complain  # what draws on terminals; no process of the hub needs it

    complain(told)
    return 1


if __name__ == "__main__":
    sys.exit(main())
