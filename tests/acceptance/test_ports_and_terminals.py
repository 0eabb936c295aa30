"""`up` when its port is in use and when its terminal closes."""

import os
import pty
import signal
import socket
import subprocess
import sys
from time import monotonic

import pytest

from tests.acceptance.conftest import Installation, installed


def test_a_port_that_is_taken_is_told_at_once_with_who_has_it(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", installation.port)):
        begun = monotonic()
        refused = installation.command("up")
        assert monotonic() - begun < 15
    assert refused.returncode == 1
    assert f"Something else listens on 127.0.0.1:{installation.port}: process {os.getpid()}" in refused.stderr
    installation.start()
    assert installation.process is not None
    installation.wait_until(lambda: "is ready" in installation.log())
    again = installation.command("up")
    folder = installation.folder / "kept"
    assert f"IntegraHub on {folder} (process {installation.process.pid}) already listens" in again.stderr
    assert "Another IntegraHub is running on this folder" in again.stderr
    with installed({"DATA_DIR": str(folder)}) as other:
        same = other.command("up")
    assert f"Another IntegraHub is running on {folder / 'postgres'}: process {installation.process.pid}" in same.stderr


@pytest.mark.long
def test_a_hub_that_drains_is_waited_for(installation: Installation) -> None:
    installation.start()
    assert installation.process is not None
    first = installation.process
    first.send_signal(signal.SIGTERM)
    installation.start()
    assert first.wait(60) == 0 and installation.process is not first


def test_a_hangup_restarts_the_hub_when_asked_and_ends_it_with_its_terminal(installation: Installation) -> None:
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup, which the hub would inherit
        os.setsid()
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # of a session's leader it becomes the controlling one

    command = [sys.executable, "-m", "integrahub", "up"]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    installation.process = subprocess.Popen(  # type: ignore[call-overload]
        command, env=installation.environment, preexec_fn=take_terminal, **streams
    )
    os.close(theirs)
    try:
        installation.wait_until(lambda: installation.http.get("/health").status_code == 200)
        before = set(installation.members())
        assert installation.command("fleet", "restart").returncode == 0
        installation.wait_until(lambda: len(before & set(installation.members())) < len(before) - 2)
        assert installation.process.poll() is None
    finally:
        os.close(ours)
    assert installation.process.wait(60) == 0
    assert installation.members() == []
