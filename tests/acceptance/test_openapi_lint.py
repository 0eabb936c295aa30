"""Redocly's linter finds no error and no warning in the OpenAPI document that a hub serves."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.api_contract.served import fetch_document
from tests.conftest import OPTIONAL
from tests.npm_packages import install

_TIMEOUT_SECONDS = 120.0
_QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def test_redocly_finds_no_problem_in_the_served_document(tmp_path: Path) -> None:
    modules = install(Path(__file__).with_name("redocly"))
    if not modules:
        pytest.skip(f"@redocly/cli is not here and cannot be fetched: Node.js 20.19 or newer, npm 10 {OPTIONAL}")
    (tmp_path / "openapi.json").write_text(json.dumps(fetch_document(), indent=1))
    program = modules / "@redocly" / "cli" / "bin" / "cli.js"
    done = subprocess.run(
        ["node", program, "lint", "--extends", "recommended-strict", "openapi.json"],
        cwd=tmp_path,
        env=os.environ | _QUIET,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
