"""Other accounts of the machine can read nothing of a running hub."""

import json
import os
import shutil
import subprocess

import pytest

from tests.acceptance.conftest import Installation

_STRANGER = 12345
# Try to open every file of the folder from a process without privileges.
_LOOK = """
import os, sys
found = []
for place, folders, files in os.walk(sys.argv[1]):
    for name in files:
        try:
            with open(os.path.join(place, name), "rb"):
                found.append(os.path.join(place, name))
        except OSError:
            pass
    found += [os.path.join(place, name) for name in folders]
print("\\n".join(found))
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account to try this")


def _as_stranger(code: str, *arguments: str) -> str:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no python3 here that every account can run")
    command = [python, "-I", "-c", code, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, user=_STRANGER, group=_STRANGER, extra_groups=[], cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@as_root
def test_another_account_of_the_machine_reads_no_catalogue_key_or_log(hub: Installation) -> None:
    body = json.dumps([{"PRODUCTID": 1, "TITLE": "A"}]).encode()
    hub.finished(hub.post(body).json()["batch_id"])
    hub.folder.chmod(0o755)
    assert (hub.folder / "kept" / "objects").is_dir()
    assert [path for path in _as_stranger(_LOOK, str(hub.folder)).splitlines() if "hub.log" not in path] == [
        str(hub.folder / "kept")
    ]
