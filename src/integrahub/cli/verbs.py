"""Every verb of `integrahub` and the module it is in, which is imported only when the verb is asked for.

A process of the hub is a verb too: it starts in a third of the time when it imports nothing of the other verbs.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from integrahub.cli.help_format import show_whole_sentences

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@dataclass(frozen=True, slots=True)
class Verb:
    """`place` is `module:name` of a function or a group, `told` the first sentence of its help.

    `context` is what typer's command takes as `context_settings`.
    """

    place: str
    told: str
    context: dict[str, Any] | None = None

    def load(self, name: str) -> Any:
        """Import the verb, or the group, and return its command under `name`."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        holder = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
        else:
            holder.command(name, context_settings=self.context)(found)
        show_whole_sentences(holder)
        holder.callback()(lambda: None)
        return typer.main.get_group(holder).commands[name]


VERBS = {
    "up": Verb(
        "integrahub.cli.commands.processes:up", "Run the embedded hub: PostgreSQL, API and workers, until Ctrl-C."
    ),
    "demo": Verb(
        "integrahub.cli.commands.demo:demo",
        "Post a real catalogue as FULL, DELTA and repeats to a temporary hub; exit code 0 only if all figures add up.",
    ),
    "send": Verb("integrahub.cli.commands.send:send", "Post a catalogue; with --watch, follow it."),
    "top": Verb(
        "integrahub.cli.commands.top:top", "Show throughput, lag, workers, batches and what is down, live until Ctrl-C."
    ),
    "verify": Verb(
        "integrahub.cli.commands.verify:verify",
        "Rebuild a catalogue from its stored bodies and compare it with the table.",
    ),
    "audit": Verb("integrahub.cli.commands.audit:audit", "List the newest actions of operators."),
    "psql": Verb("integrahub.cli.commands.psql:psql", "Open psql on the hub's database, to read only.", _PASS_ON),
    "doctor": Verb("integrahub.cli.commands.doctor:doctor", "Check every dependency and setting, and say what to do."),
    "api": Verb("integrahub.cli.commands.processes:api", "Run one API process."),
    "work": Verb("integrahub.cli.commands.processes:work", "Run the given steps in one process."),
    "migrate": Verb("integrahub.cli.commands.processes:migrate", "Bring the schema of DATABASE_URL up to date."),
    "openapi": Verb("integrahub.cli.commands.processes:openapi", "Print the API's OpenAPI document."),
    "topics": Verb("integrahub.cli.commands.processes:topics", "Create the topics of BUS_URL that are not there."),
    "lifecycle": Verb(
        "integrahub.cli.commands.lifecycle:lifecycle", "Give the bucket of STORAGE_URL its rules of retention."
    ),
    "fleet": Verb("integrahub.cli.commands.fleet:app", "Run the orchestrator; status and restart of one that runs."),
    "pharmacy": Verb("integrahub.cli.commands.pharmacy:app", "Pharmacies: add, list, show, set."),
    "key": Verb("integrahub.cli.commands.key:app", "API keys: create, list, rotate, revoke."),
    "batch": Verb("integrahub.cli.commands.batch:app", "Batches: list, show, errors, replay, cancel, approve, reject."),
    "dead": Verb("integrahub.cli.commands.dead:app", "Dead letters: list, groups, show, replay."),
    "load": Verb(
        "integrahub.cli.commands.load:app",
        "Load on a hub of its own (or, with --url, on one made for tests), with accounting: exit code 1 when "
        "anything was lost, doubled or refused.",
    ),
}


class _Loaded(MutableMapping[str, Any]):
    """The commands by name, each imported when it is looked up."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = VERBS[name].load(name)
        return self._known[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("no verb is ever removed")

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """The group of all verbs; its help lists them without importing any."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Loaded()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List every verb with the first sentence of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.told) for name, verb in VERBS.items()])
