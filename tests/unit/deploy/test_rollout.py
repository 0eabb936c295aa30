"""A rollout replaces real processes in order, refuses what it must, and rolls back by itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from deploy.rollout.checks import verify_signature
from deploy.rollout.platform import Reference, RolloutError, parse_reference
from deploy.rollout.processes import Processes
from deploy.rollout.rollout import Interrupted, Outcome
from stand_in import Installation, refuse

ROOT = Path(__file__).parents[3]
# Checks the file `SIGNATURES/DIGEST` with a public key, as cosign checks an image.
_VERIFY = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
key, folder, reference = sys.argv[1:]
signature = Path(folder, reference.rpartition(":")[2]).read_bytes()
Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, reference.encode())
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.stop()


def test_a_version_is_rolled_role_by_role_and_the_journal_says_what_was_done(hub: Installation) -> None:
    first = hub.start()
    assert hub.versions() == ["1"] * 3
    assert hub.rollout().deploy(hub.add_program("2")) is Outcome.DONE
    assert hub.versions() == ["2"] * 3
    steps = ["start", "verify", "prepare", "plan", "expand", "roll", "roll", "roll", "doctor", "smoke", "watch", "end"]
    assert hub.events() == steps
    lines = [json.loads(line) for line in (hub.folder / "journal").read_text().splitlines()]
    assert [line["role"] for line in lines if line["event"] == "roll"] == ["workers", "api", "console"]
    assert lines[2]["running"] == [str(hub.folder / "programs" / first.hex)]
    assert hub.rollout().rollback(first) is Outcome.DONE
    assert hub.versions() == ["1"] * 3
    assert "expand" not in hub.events() and "plan" not in hub.events()


def test_a_failed_smoke_test_brings_the_version_before_back(hub: Installation) -> None:
    hub.start()
    smoke = refuse("2", hub.ports["api"])
    assert hub.rollout(smoke).deploy(hub.add_program("2")) is Outcome.ROLLED_BACK
    assert hub.versions() == ["1"] * 3
    assert hub.events()[-7:] == ["smoke!", "restore", "restore", "restore", "doctor", "smoke", "end"]


def test_a_role_that_does_not_start_is_restored_and_the_next_is_not_touched(hub: Installation) -> None:
    hub.start()
    assert hub.rollout().deploy(hub.add_program("2", "start of work")) is Outcome.ROLLED_BACK
    assert hub.versions() == ["1"] * 3
    assert hub.events().count("restore") == 1


def test_a_burning_error_budget_brings_the_version_before_back(hub: Installation) -> None:
    hub.start()
    burning = iter(["errors of 5 %"])
    assert hub.rollout(find_burning=partial(next, burning)).deploy(hub.add_program("2")) is Outcome.ROLLED_BACK
    assert hub.versions() == ["1"] * 3 and "watch!" in hub.events()


def test_a_hub_that_fails_with_both_versions_needs_an_operator(hub: Installation) -> None:
    hub.start()

    def fail() -> str:
        raise RolloutError("PostgreSQL is down")

    assert hub.rollout(fail).deploy(hub.add_program("2")) is Outcome.BROKEN


def test_a_signal_during_the_checks_brings_the_version_before_back(hub: Installation) -> None:
    hub.start()

    def interrupt() -> str:
        if hub.versions()[0] == "2":
            raise Interrupted("signal 15")
        return "well"

    assert hub.rollout(interrupt).deploy(hub.add_program("2")) is Outcome.ROLLED_BACK
    assert hub.versions() == ["1"] * 3


def test_an_unsigned_or_changed_version_is_refused_before_anything_is_touched(hub: Installation) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    (hub.folder / "verify.py").write_text(_VERIFY)
    command = f"{sys.executable} {hub.folder / 'verify.py'} {public} {hub.folder} {{reference}}"
    verify = partial(verify_signature, command)
    target = hub.add_program("1")
    assert hub.rollout(verify=verify).deploy(target) is Outcome.REFUSED
    assert hub.events() == ["start", "verify!", "end"]
    (hub.folder / target.hex).write_bytes(key.sign(str(target).encode()))
    verify(target)
    (hub.folder / target.hex).write_bytes(Ed25519PrivateKey.generate().sign(str(target).encode()))
    with pytest.raises(RolloutError, match="missing or wrong"):
        verify(target)


def test_a_digest_that_does_not_match_or_does_not_exist_is_refused(hub: Installation) -> None:
    hub.start()
    target = hub.add_program("2")
    with (hub.folder / "programs" / target.hex).open("a") as program:
        program.write("# changed\n")
    assert hub.rollout().deploy(target) is Outcome.REFUSED
    assert hub.rollout().deploy(Reference("hub", "0" * 64)) is Outcome.REFUSED
    assert hub.events() == ["start", "verify", "prepare!", "end"] and hub.versions() == ["1"] * 3
    assert parse_reference("ghcr.io/Owner/Hub@sha256:" + "0" * 64).name == "ghcr.io/owner/hub"
    for text in ("hub:latest", "hub", "hub@sha256:abc", "hub@sha256:" + "A" * 64, "-o@sha256:" + "0" * 64):
        with pytest.raises(RolloutError, match="no reference by digest"):
            parse_reference(text)


@pytest.mark.parametrize(("fault", "step"), [("plan", "plan!"), ("migration", "expand!")])
def test_a_migration_that_is_refused_or_stuck_replaces_no_process(hub: Installation, fault: str, step: str) -> None:
    hub.start()
    assert hub.rollout().deploy(hub.add_program("2", fault)) is Outcome.REFUSED
    assert hub.events()[-2:] == [step, "end"] and hub.versions() == ["1"] * 3


def test_a_second_rollout_at_once_is_refused(hub: Installation) -> None:
    target = hub.start()
    with Processes(hub.layout).lock("the-first"):
        assert hub.rollout().deploy(target) is Outcome.REFUSED
    last = json.loads((hub.folder / "journal").read_text().splitlines()[-1])
    assert "the-first is running" in last["reason"] and hub.events() == ["start", "end"]
    assert hub.rollout().rollback(target) is Outcome.DONE


class _Stuck(Processes):
    @contextmanager
    def lock(self, rollout: str) -> Iterator[None]:
        with super().lock(rollout):
            yield
        raise RolloutError("delete the lease")


def test_a_lock_that_cannot_be_freed_changes_nothing_of_the_outcome(hub: Installation) -> None:
    hub.start()
    rollout = hub.rollout()
    rollout.platform = _Stuck(hub.layout)
    assert rollout.deploy(hub.add_program("2")) is Outcome.DONE
    assert hub.events()[-2:] == ["unlock failed", "end"] and hub.versions() == ["2"] * 3
    assert "delete the lease" in (hub.folder / "journal").read_text()


_COMMAND = [sys.executable, "-m", "deploy.rollout", "deploy"]


def _environment(hub: Installation, target: Reference, **given: str) -> dict[str, str]:
    (hub.folder / "layout.json").write_text(json.dumps(hub.layout))
    given |= {
        "PLATFORM": "processes",
        "LAYOUT": str(hub.folder / "layout.json"),
        "JOURNAL": str(hub.folder / "journal"),
    }
    given |= {"REFERENCE": str(target), "KEY": "k", "CNPJ": "c"}
    return os.environ | {f"ROLLOUT_{name}": value for name, value in given.items()}


def test_the_command_reads_its_options_from_the_environment_and_exits_with_the_outcome(hub: Installation) -> None:
    environment = _environment(hub, hub.add_program("1"), URL="http://127.0.0.1:9", VERIFY="false")
    done = subprocess.run(_COMMAND, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, hub.events()) == (Outcome.REFUSED, ["start", "verify!", "end"])
    del environment["ROLLOUT_KEY"]
    done = subprocess.run(_COMMAND, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--key" in done.stderr


def test_sigterm_makes_the_command_restore_what_ran(hub: Installation) -> None:
    target = hub.start()
    (hub.folder / "journal").unlink()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers the smoke test
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = _environment(hub, hub.add_program("2"), URL=url, VERIFY="true")
        process = subprocess.Popen(_COMMAND, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
        silent.settimeout(30)
        connection, _ = silent.accept()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == Outcome.BROKEN  # its address answers nothing after the rollback either
    connection.close()
    lines = [json.loads(line) for line in (hub.folder / "journal").read_text().splitlines()]
    assert next(line["reason"] for line in lines if line["event"] == "smoke") == "signal 15"
    assert hub.versions() == ["1"] * 3
    assert Processes(hub.layout).prepare(target) == [str(hub.folder / "programs" / target.hex)]


def test_a_signal_during_a_rollback_does_not_stop_it(hub: Installation) -> None:
    hub.start()
    (hub.folder / "journal").unlink()
    environment = _environment(hub, hub.add_program("2"), URL="http://127.0.0.1:9", VERIFY="true")
    process = subprocess.Popen(_COMMAND, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    for _ in range(3000):
        if (hub.folder / "journal").exists() and "restore" in hub.events():
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == Outcome.BROKEN  # nothing answers at its address after the rollback either
    assert hub.events()[-6:] == ["restore", "restore", "restore", "doctor", "smoke!", "end"]
    assert hub.versions() == ["1"] * 3


def test_restored_processes_heed_signals_and_know_no_key_of_the_rollout(
    hub: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_KEY", "k")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        hub.start()
    finally:
        signal.signal(signal.SIGINT, before)
    for process in json.loads((hub.folder / "state" / "processes.json").read_text()).values():
        about = Path("/proc") / str(process["pid"])
        assert b"ROLLOUT_KEY" not in (about / "environ").read_bytes()
        ignored = next(line for line in (about / "status").read_text().splitlines() if line.startswith("SigIgn"))
        assert not int(ignored.split()[1], 16) & 1 << signal.SIGINT - 1


def test_a_process_that_ended_or_whose_id_is_reused_is_not_stopped(hub: Installation) -> None:
    hub.start()
    state = hub.folder / "state" / "processes.json"
    running = json.loads(state.read_text())
    hub.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        running["work"]["pid"] = stranger.pid
        state.write_text(json.dumps(running))
        assert hub.rollout().deploy(hub.add_program("2")) is Outcome.DONE
        assert stranger.poll() is None and hub.versions() == ["2"] * 3
    finally:
        stranger.send_signal(signal.SIGKILL)
        stranger.wait()
