"""The API conforms to its OpenAPI description, checked by Schemathesis."""

import os
import subprocess
import sys
from pathlib import Path

from tests.acceptance.conftest import ADMIN, Installation

_EXAMPLES = "200" if os.environ.get("IHUB_LONG") else "3"  # a route

_SETTINGS = Path(__file__).with_name("schemathesis.toml")


def test_a_scan_with_every_check_finds_no_failure(installation: Installation) -> None:
    installation.settings |= {"RATE_LIMIT": "off", "FAILED_KEY_LIMIT": "off"}
    installation.start()
    command = [
        *[
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(Path(__file__).with_name("schemathesis.toml")),
        ],
        *["run", f"{installation.http.base_url}/openapi.json", "--header", f"Authorization: Bearer {ADMIN}"],
        *["--checks", "all", "--max-examples", _EXAMPLES, "--seed", "1", "--continue-on-failure", "--no-color"],
    ]
    done = subprocess.run(command, cwd=installation.folder, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stdout[-20_000:]
