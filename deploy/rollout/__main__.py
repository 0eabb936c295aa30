"""`python -m deploy.rollout deploy|rollback`: roll a version, or run an earlier one again.

Each option may be set in the environment: `--console-url` as ROLLOUT_CONSOLE_URL.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from deploy.rollout.checks import BURNING, PRESENT, SmokeTest, find_burning, verify_signature
from deploy.rollout.journal import Journal
from deploy.rollout.kubernetes import Kubernetes
from deploy.rollout.platform import Platform, RolloutError, parse_reference
from deploy.rollout.processes import Processes
from deploy.rollout.rollout import Interrupted, Limits, Outcome, Rollout

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LIMITS = Limits()
# Option: help, default. None: required.
_OPTIONS: dict[str, tuple[str, str | None]] = {
    "reference": ("what to run: NAME@sha256:...", None),
    "verify": ("command that exits with 0 if {reference} is signed, for example: cosign verify ... {reference}", None),
    "url": ("address of the API", None),
    "key": ("key of the test pharmacy; better set in the environment", None),
    "cnpj": ("test pharmacy, whose product the smoke test changes", None),
    "console_url": ("address of the console; if empty: the API's", ""),
    "prometheus_url": ("Prometheus with the hub's rules; if empty, the error budget is not watched", ""),
    "burning": ("expression that has a result while the error budget burns too fast", BURNING),
    "present": ("expression that has a result if the error budget can be seen", PRESENT),
    "journal": ("file to which the journal is appended", "rollout.jsonl"),
    "platform": ("kubernetes, or processes on this machine", "kubernetes"),
    "overlay": ("kubernetes: folder of the kustomization", "deploy/kubernetes/keda"),
    "namespace": ("kubernetes: namespace", "integrahub"),
    "layout": ("processes: JSON file that names programs, state and processes", ""),
    "migrate_timeout": ("seconds for the migration", str(_LIMITS.migrate)),
    "ready_timeout": ("seconds until the processes of a role are ready", str(_LIMITS.ready)),
    "settle": (
        "seconds from the roll to the first look at the error budget: the window of its rate",
        str(_LIMITS.settle),
    ),
    "watch": ("seconds to watch the error budget from then on", str(_LIMITS.watch)),
}


def main(arguments: list[str]) -> Outcome:
    """Run one rollout and return how it ended."""
    options = _parse(arguments)
    journal = Journal(Path(options.journal), uuid.uuid4().hex[:12])
    for kind in _SIGNALS:
        signal.signal(kind, _interrupt)
    try:
        target = parse_reference(options.reference)
    except RolloutError as error:
        journal.write("end", outcome=Outcome.REFUSED.name.lower(), reason=str(error))
        return Outcome.REFUSED
    with _credentials():
        rollout = _build(options, journal)
        return rollout.deploy(target) if options.verb == "deploy" else rollout.rollback(target)


def _build(options: argparse.Namespace, journal: Journal) -> Rollout:
    smoke = SmokeTest(
        options.url.rstrip("/"), (options.console_url or options.url).rstrip("/"), options.key, options.cnpj
    )
    burning = partial(find_burning, options.prometheus_url.rstrip("/"), options.burning, options.present)
    times = {"migrate": options.migrate_timeout, "ready": options.ready_timeout}
    times |= {"settle": options.settle, "watch": options.watch}
    return Rollout(
        _platform(options),
        journal,
        partial(verify_signature, options.verify),
        smoke,
        burning if options.prometheus_url else None,
        Limits(**{name: float(seconds) for name, seconds in times.items()}),
        _ignore_signals,
    )


def _platform(options: argparse.Namespace) -> Platform:
    if options.platform == "processes":
        return Processes(json.loads(Path(options.layout).read_text("utf-8")))
    return Kubernetes(Path(options.overlay), options.namespace)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy.rollout", description=__doc__)
    parser.add_argument("verb", choices=("deploy", "rollback"))
    for name, (text, default) in _OPTIONS.items():
        given = os.environ.get(f"ROLLOUT_{name.upper()}") or default
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, default=given, required=given is None, help=text.replace("%", "%%"))
    return parser.parse_args(arguments)


@contextmanager
def _credentials() -> Iterator[None]:
    """Write ROLLOUT_KUBECONFIG, if set, into a file that only this user can read, for kubectl."""
    text = os.environ.pop("ROLLOUT_KUBECONFIG", "")
    if not text:
        yield
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # created with mode 600
        file.write(text)
        file.flush()
        os.environ["KUBECONFIG"] = file.name
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise Interrupted, which rolls back. Later signals do not stop the rollback."""
    _ignore_signals()
    raise Interrupted(f"signal {number}")


def _ignore_signals() -> None:
    for kind in _SIGNALS:
        signal.signal(kind, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
