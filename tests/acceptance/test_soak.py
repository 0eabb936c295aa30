"""A short soak test with faults: nothing is lost, doubled or unaccounted, and the report says what happened."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import without_settings

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("hub", ["embedded", "distributed"])
def test_a_short_soak_accounts_for_every_batch(hub: str, tmp_path: Path) -> None:
    page = tmp_path / "soak.md"
    command = [
        sys.executable,
        "-m",
        "integrahub",
        "load",
        "soak",
        "--hours",
        "0.02",
        "--faults",
        "--seed",
        "1",
        "--json",
    ]
    command += ["--report", str(page), *(["--distributed"] if hub == "distributed" else [])]
    ended = subprocess.run(command, env=without_settings(), capture_output=True, text=True, timeout=1500)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    report = json.loads(ended.stdout)
    assert report["is_passed"] and report["batches"] > 50 and len(report["faults"]) >= 7
    assert report["webhooks"]["events"] >= report["batches"]
    assert {name.split()[0] for name in report["answers"]} == {"post", "read", "console"}
    assert not any(
        name in report["answers"] for name in ("read 400", "read 403", "read 404", "console 302", "console 403")
    )
    watched = report["alerts"]
    assert watched["is_watched"] or watched["note"].startswith("Alerts were not watched. ")
    assert {one["process"].split()[0] for one in report["memory"]["processes"]} >= {"supervisor", "api", "split"}
    assert "0 lost, 0 doubled, 0 incomplete, 0 unaccounted" in page.read_text()
