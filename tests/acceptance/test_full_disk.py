"""The disk of a hub is full: posts get 503, and all goes on once there is space, as the runbook writes it."""

import json
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Installation, installed
from tests.runbook_entry import FollowedEntry

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
_MOUNT = 'mount -t tmpfs -o size=600m none "$1" && cd "$1" && shift && exec "$@"'
_PIECE = bytes(1 << 20)


class _SmallDisk:
    """A hub whose data folder, `integrahub-data`, is on a disk of its own that only its processes see."""

    def __init__(self, hub: Installation) -> None:
        self._hub = hub
        self._disk = hub.folder / "disk"
        self._disk.mkdir()
        hub.settings |= {"DATA_DIR": str(self._disk / "integrahub-data")}

    def start(self) -> None:
        command = ["unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(self._disk)]
        with (self._hub.folder / "hub.log").open("ab") as log:
            self._hub.process = subprocess.Popen(
                [*command, sys.executable, "-m", "integrahub", "up"],
                env=self._hub.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._hub.wait_until(lambda: self._hub.http.get("/health").status_code == 200)

    def path(self, name: str) -> Path:
        """Return the path of a file on the disk, from outside."""
        assert self._hub.process
        return Path(f"/proc/{self._hub.process.pid}/root{self._disk}", name)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as a person on the machine of the hub."""
        assert self._hub.process
        inside = ["nsenter", f"--mount=/proc/{self._hub.process.pid}/ns/mnt", f"--wdns={self._disk}", *command]
        return subprocess.run(inside, env=self._hub.environment, capture_output=True, text=True, timeout=120)

    def doctor(self, entry: FollowedEntry) -> dict[str, Any]:
        command = [sys.executable, "-m", "integrahub", *entry.command("doctor"), "--json"]
        return {one["check"]: one for one in json.loads(self.run(*command).stdout)}


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(_PIECE) == len(_PIECE):
            pass


def test_a_full_disk_refuses_posts_until_there_is_space(tmp_path: Path) -> None:
    entry = FollowedEntry("storage-full")
    body = json.dumps([{"PRODUCTID": number, "TITLE": "P" * 60} for number in range(1, 5001)])
    with installed({"RATE_LIMIT": "off"}) as hub:
        disk = _SmallDisk(hub)
        disk.start()
        hub.key = hub.make_key()
        accepted = [hub.post(body).json()["batch_id"]]
        _fill(disk.path("old-backup.tar"))
        hub.wait_until(lambda: hub.post(body).status_code == 503)
        entry.expect("`df -h integrahub-data`", "posts get 503", "free space first that does not belong to the hub")
        assert "100%" in disk.run(*shlex.split("df -h integrahub-data")).stdout
        found = disk.doctor(entry)
        assert found["data folder"]["status"] == "problem" and "MB free" in found["data folder"]["message"]
        disk.path("old-backup.tar").unlink()
        hub.wait_until(lambda: hub.post(body).status_code == 202)
        hub.wait_until(lambda: hub.http.get("/health").status_code == 200)
        accepted += [batch["batch_id"] for batch in hub.get("/v1/batches")["items"]]
        assert {hub.finished(batch)["status"] for batch in accepted} == {"COMPLETED"}
        found = disk.doctor(entry)
        assert [found[name]["status"] for name in ("postgresql", "storage", "hub")] == ["ok"] * 3
        listed = disk.run(sys.executable, "-m", "integrahub", *entry.command("batch list --since 5m"))
        assert "COMPLETED" in listed.stdout, listed.stderr
