"""`integrahub doctor`: every dependency and setting looked at, and what to do about what is wrong."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from integrahub.cli.diagnostics import dependencies as checks
from integrahub.cli.diagnostics.dependencies import CheckFailed, Stopped
from integrahub.cli.diagnostics.running_hub import hub, keys
from integrahub.cli.diagnostics.setting_errors import read_tolerantly
from integrahub.client.client import ApiError
from integrahub.domain.errors import IntegraHubError
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import OUT, show_json

_DEADLINE = 25.0  # seconds for each check; dependencies that hang are found before, by their own deadlines
_CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": checks.python,
    "settings": checks.choices,
    "data folder": checks.folder,
    "secrets": checks.secrets,
    "certificates": checks.certificates,
    "postgresql": checks.postgresql,
    "bus": checks.bus,
    "storage": checks.storage,
    "hub": hub,
    "keys": keys,
    "limits": checks.limits,
}
_MARKS = {"ok": "[green]ok     [/green]", "problem": "[red]problem[/red]", "stopped": "[yellow]stopped[/yellow]"}
Finding = dict[str, str]


@dataclass(slots=True)
class _Check:
    """One check in a thread of its own, so that what hangs keeps neither the others nor the end waiting."""

    name: str
    look: Callable[[Settings], str]
    done: threading.Event = field(default_factory=threading.Event)
    finding: Finding = field(default_factory=dict)

    def begin(self, settings: Settings) -> None:
        threading.Thread(target=self._run, args=(settings,), daemon=True).start()

    def _run(self, settings: Settings) -> None:
        try:
            self.finding = self._found("ok", self.look(settings))
        except Stopped as told:
            self.finding = self._found("stopped", str(told))
        except (CheckFailed, IntegraHubError, ApiError) as error:
            self.finding = self._found("problem", str(error))
        except Exception as error:  # one check that fails by itself must not hide what the others found
            self.finding = self._found("problem", f"could not be looked at: {error or type(error).__name__}")
        self.done.set()

    def result(self) -> Finding:
        """Wait for what was found, until the deadline."""
        if self.done.wait(_DEADLINE):
            return self.finding
        return self._found("problem", f"no answer within {_DEADLINE:.0f} s. Check that it runs and the way to it.")

    def _found(self, status: str, message: str) -> Finding:
        return {"check": self.name, "status": status, "message": message}


def _findings(data: Path | None) -> Iterator[Finding]:
    settings, faults = read_tolerantly()
    settings = settings.model_copy(update={"data_dir": data}) if data else settings
    begun = [_Check(name, look) for name, look in _CHECKS.items()]
    for check in begun:
        check.begin(settings)
    for fault in faults:
        yield {"check": "settings", "status": "problem", "message": fault}
    for check in begun:
        yield check.result()


def doctor(
    data: Annotated[Path | None, typer.Option(help="the hub's folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text")] = False,
) -> int:
    """Check every dependency and setting, and say what to do. Exit code 1 when something is wrong.

    Example: integrahub doctor --data ./integrahub-data
    """
    found: list[Finding] = []
    for finding in _findings(data):
        found.append(finding)
        if not as_json:
            OUT.print(_MARKS[finding["status"]], f"{finding['check']:<12}", end=" ")
            OUT.print(finding["message"], markup=False, soft_wrap=True)
    if as_json:
        show_json(found)
    return 1 if any(finding["status"] == "problem" for finding in found) else 0
