"""Every verb of `integrahub` and its module, which is imported only when the verb runs.

The processes of the hub are verbs too: without the imports of the other verbs they start in a third of the time.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from integrahub.cli.help_format import show_whole_sentences

_COMMANDS = "integrahub.cli.commands"
_PASS_ARGUMENTS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@dataclass(frozen=True, slots=True)
class Verb:
    """`target` is `module:name` of a function or group below cli.commands; `summary` the first sentence of its help.

    `context` are typer's `context_settings` of the command.
    """

    target: str
    summary: str
    context: dict[str, Any] | None = None

    def load(self, name: str) -> Any:
        """Import the verb or group, and return its command under `name`."""
        module, _, attribute = self.target.partition(":")
        loaded = getattr(import_module(f"{_COMMANDS}.{module}"), attribute)
        holder = typer.Typer(rich_markup_mode=None)
        if isinstance(loaded, typer.Typer):
            holder.add_typer(loaded, name=name)
        else:
            holder.command(name, context_settings=self.context)(loaded)
        show_whole_sentences(holder)
        holder.callback()(lambda: None)
        return typer.main.get_group(holder).commands[name]


VERBS = {
    "up": Verb("processes:up", "Run the embedded hub: PostgreSQL, API and workers, until Ctrl-C."),
    "demo": Verb(
        "demo:demo",
        "Post a real catalogue as FULL, DELTA and repeats to a temporary hub; exit code 0 only if all figures add up.",
    ),
    "send": Verb("send:send", "Post a catalogue; with --watch, follow its batch."),
    "top": Verb("top:top", "Show throughput, lag, workers, batches and problems, live until Ctrl-C."),
    "verify": Verb("verify:verify", "Rebuild a catalogue from its stored bodies and compare it with the table."),
    "backup": Verb("backup:backup", "Back up an embedded hub to a new folder, also while it runs."),
    "restore": Verb("backup:restore", "Restore a backup in an empty data folder, and verify every catalogue."),
    "audit": Verb("audit:audit", "List the newest actions of operators."),
    "psql": Verb("psql:psql", "Open psql on the hub's database, read-only.", _PASS_ARGUMENTS_ON),
    "doctor": Verb("doctor:doctor", "Check every dependency and setting, and print what to do."),
    "runbook": Verb("runbook:runbook", "Print an entry of the runbook, or list all entries."),
    "api": Verb("processes:api", "Run one API process."),
    "console": Verb("processes:console", "Run one process of the console, the pages for operators."),
    "work": Verb("processes:work", "Run the given steps in one process."),
    "migrate": Verb("processes:migrate", "Migrate the schema of INTEGRAHUB_DATABASE_URL to this version."),
    "openapi": Verb("processes:openapi", "Print the OpenAPI document of the API."),
    "topics": Verb("processes:topics", "Create the missing topics of INTEGRAHUB_BUS_URL."),
    "lifecycle": Verb("lifecycle:lifecycle", "Set the lifecycle rules of the bucket of INTEGRAHUB_STORAGE_URL."),
    "fleet": Verb("fleet:app", "Run the supervisor, show its processes, or restart them."),
    "pharmacy": Verb("pharmacy:app", "Pharmacies: add, list, show, set."),
    "user": Verb("user:app", "People who use the console: add, list, set, reset, remove."),
    "key": Verb("key:app", "API keys: create, list, rotate, revoke."),
    "receipt": Verb("receipt:app", "Signed receipts: verify."),
    "batch": Verb("batch:app", "Batches: list, show, errors, replay, cancel, approve, reject."),
    "dead": Verb("dead:app", "Dead letters: list, groups, show, replay, replays, stop."),
    "load": Verb(
        "load:app",
        "Load tests with accounting, on a temporary hub or (--url) a test hub; exit code 1 if anything was lost, "
        "duplicated or refused.",
    ),
}


class _LazyCommands(MutableMapping[str, Any]):
    """The commands by name, each imported on its first lookup."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = VERBS[name].load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("verbs cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """The group of all verbs; its help lists them without importing any."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.commands = _LazyCommands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List every verb with its summary."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])
