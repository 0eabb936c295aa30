"""The command `integrahub`: its verbs, exit codes and error messages."""

import io
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from integrahub import __version__
from integrahub.cli.loopback import keep_loopback_off_proxies
from integrahub.cli.verbs import Verbs
from integrahub.domain.errors import IntegraHubError

_STANDARD_OUTPUT = 1


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"integrahub {__version__}")
        raise typer.Exit


app = typer.Typer(cls=Verbs, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def describe(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep pharmacies' catalogues in PostgreSQL in step with their ERPs.

    Start a hub: integrahub up. Try one: integrahub demo. Help on a verb: integrahub batch list --help
    """


def main() -> int:
    """Run one verb and return the exit code: 0 done, 1 failed, 2 wrong usage."""
    os.umask(0o077)  # files of the hub are private to its account; DATA_DIR_MODE may allow its group
    keep_loopback_off_proxies()
    _escape_unencodable_output()
    try:
        return _run()
    except BrokenPipeError:  # the reader of the output has ended, for example `head`
        _discard_output()
        return 1
    except OSError as error:
        _discard_output()
        return _fail(f"{error.filename or 'The output'} cannot be read or written: {error.strerror or error}.")


def _run() -> int:
    """Run the verb, and print a sentence for each failure."""
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
        return _fail(str(error))
    except OSError:  # handled by `main`, which names the file
        raise
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    """Print the explanation of an error and return its exit code; raise an error that has none."""
    # Imported here: it loads the libraries that raise the errors, which a verb that succeeds may not need.
    from integrahub.cli.error_messages import explain_error

    if not (explanation := explain_error(error)):
        raise error
    code, sentences = explanation
    for sentence in sentences:
        _fail(sentence)
    return code


def _escape_unencodable_output() -> None:
    """Write characters that the output's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Redirect standard output to /dev/null, so that Python's flush at exit does not fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STANDARD_OUTPUT)


def _fail(message: str) -> int:
    # Imported here: no process of the hub needs the terminal library.
    from integrahub.tools.terminal.output import complain

    complain(message)
    return 1


if __name__ == "__main__":
    sys.exit(main())
