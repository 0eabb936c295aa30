"""Blocks of commands of README, tutorial, how-tos and runbook run as written, a page in one shell, on one hub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from website.blocks import has_commands, list_blocks
from website.pages import Page, Pages

from tests.acceptance.conftest import ADMIN, Installation
from tests.examples.test_examples import hub as _hub

hub = _hub
_ROOT = Path(__file__).parents[2]
_PAGES = Pages(_ROOT)
_TIMEOUT_SECONDS = 120.0
_CNPJS = ("45997418000153", "47508411000156", "61585865000151", "33041260065290", "06057223000171")


def _with_blocks_to_run() -> list[Page]:
    pages = [page for page in _PAGES.of("en") if has_commands(page)]
    return [page for page in pages if not all(block.reason for block in list_blocks(_PAGES.read(page)))]


@pytest.mark.parametrize("page", _with_blocks_to_run(), ids=lambda page: page.name)
def test_the_commands_of_a_page_run_as_written(hub: Installation, page: Page, tmp_path: Path) -> None:
    for name in ("examples", "deploy"):
        (tmp_path / name).symlink_to(_ROOT / name)
    blocks = [block for block in list_blocks(_PAGES.read(page)) if not block.reason]
    script = "".join(f"printf '%s\\n' '[line {block.line}]' >&2\n{block.text}\n" for block in blocks)
    cnpj = _CNPJS[sum(page.name.encode()) % len(_CNPJS)]
    done = subprocess.run(
        ["bash", "-eu"],
        input=script,
        cwd=tmp_path,
        env=_environment(hub, cnpj),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, f"{page.path}: the block at the last line below failed\n{done.stderr}\n{done.stdout}"


def _environment(hub: Installation, cnpj: str) -> dict[str, str]:
    url = f"http://127.0.0.1:{hub.port}"
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HUB_URL": url,
        "HUB_KEY": hub.make_key(cnpj),
        "ADMIN_KEY": ADMIN,
        "INTEGRAHUB_URL": url,
        "INTEGRAHUB_KEY": ADMIN,
        "INTEGRAHUB_DATA_DIR": str(hub.folder / "kept"),
        "NO_PROXY": "*",
    }
