"""`integrahub doctor`: check every dependency and setting, and print what to do."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from integrahub.cli.diagnostics import dependencies, running_hub
from integrahub.cli.diagnostics.dependencies import CheckFailed, Stopped
from integrahub.cli.diagnostics.setting_errors import read_tolerantly
from integrahub.client import ApiError
from integrahub.domain.errors import IntegraHubError
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import OUT, show_json

_DOCTOR_CHECK_TIMEOUT_SECONDS = 25.0  # longer than the timeouts of the checks themselves
# Each check by its name, with the entry of the runbook for its problems.
_CHECKS: dict[str, tuple[Callable[[Settings], str], str]] = {
    "python": (dependencies.check_python, "settings"),
    "kernel": (dependencies.check_kernel, "settings"),
    "settings": (dependencies.check_choices, "settings"),
    "data folder": (dependencies.check_data_folder, "settings"),
    "secrets": (dependencies.check_secrets, "secret-store"),
    "console": (dependencies.check_console, "settings"),
    "certificates": (dependencies.check_certificates, "certificates"),
    "postgresql": (dependencies.check_postgresql, "postgresql-unavailable"),
    "bus": (dependencies.check_bus, "kafka-unavailable"),
    "storage": (dependencies.check_storage, "storage-unavailable"),
    "hub": (running_hub.check_hub, "hub-does-not-start"),
    "keys": (running_hub.check_keys, "api-keys"),
    "limits": (dependencies.check_limits, "settings"),
}
_MARKS = {"ok": "[green]ok     [/green]", "problem": "[red]problem[/red]", "stopped": "[yellow]stopped[/yellow]"}
Finding = dict[str, str]


@dataclass(slots=True)
class _Check:
    """A check that runs in its own thread, so that one that hangs delays neither the others nor the end."""

    name: str
    run: Callable[[Settings], str]
    entry: str
    done: threading.Event = field(default_factory=threading.Event)
    finding: Finding = field(default_factory=dict)

    def start(self, settings: Settings) -> None:
        threading.Thread(target=self._run, args=(settings,), daemon=True).start()

    def _run(self, settings: Settings) -> None:
        try:
            self.finding = self._to_finding("ok", self.run(settings))
        except Stopped as stopped:
            self.finding = self._to_finding("stopped", str(stopped))
        except (CheckFailed, IntegraHubError, ApiError) as error:
            self.finding = self._to_finding("problem", str(error))
        except Exception as error:  # an error in one check must not hide the findings of the others
            self.finding = self._to_finding("problem", f"the check itself failed: {error or type(error).__name__}")
        self.done.set()

    def wait(self) -> Finding:
        """Return the finding, or a problem if the check takes longer than its timeout."""
        if self.done.wait(_DOCTOR_CHECK_TIMEOUT_SECONDS):
            return self.finding
        message = (
            f"no answer within {_DOCTOR_CHECK_TIMEOUT_SECONDS:.0f} s. Check that the service runs, and the network."
        )
        return self._to_finding("problem", message)

    def _to_finding(self, status: str, message: str) -> Finding:
        return _finding(self.name, status, message, self.entry)


def _finding(check: str, status: str, message: str, entry: str) -> Finding:
    """Return a finding; a problem names its entry of the runbook."""
    finding = {"check": check, "status": status, "message": message}
    return finding | {"runbook": entry} if status == "problem" else finding


def _run_checks(data: Path | None) -> Iterator[Finding]:
    settings, errors = read_tolerantly()
    settings = settings.model_copy(update={"data_dir": data}) if data else settings
    checks = [_Check(name, run, entry) for name, (run, entry) in _CHECKS.items()]
    for check in checks:
        check.start(settings)
    for error in errors:
        yield _finding("settings", "problem", error, "settings")
    for check in checks:
        yield check.wait()


def doctor(
    data: Annotated[Path | None, typer.Option(help="data folder of the hub")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> int:
    """Check every dependency and setting, and print what to do. Exit code 1 if there is a problem.

    Example: integrahub doctor --data ./integrahub-data
    """
    findings: list[Finding] = []
    for finding in _run_checks(data):
        findings.append(finding)
        if not as_json:
            OUT.print(_MARKS[finding["status"]], f"{finding['check']:<12}", end=" ")
            OUT.print(finding["message"], markup=False, soft_wrap=True)
            if entry := finding.get("runbook"):
                OUT.print(f"{'':<20} what to do: integrahub runbook {entry}", soft_wrap=True)
    if as_json:
        show_json(findings)
    return 1 if any(finding["status"] == "problem" for finding in findings) else 0
