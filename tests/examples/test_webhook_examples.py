"""Each example of a receiver accepts a webhook that the hub signed, and nothing else; the page shows it as it is."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integrahub.domain.webhooks.signature import webhook_headers
from integrahub.secrets.webhook_secrets import generate_secret, show_secret
from tests.conftest import OPTIONAL
from tests.examples.programs import EXAMPLES, Command, Missing, compile_csharp, compile_pascal

_FOLDER = EXAMPLES / "webhooks"
_PAGES = [EXAMPLES.parent / "docs/howto" / name for name in ("webhooks.md", "webhooks.pt-BR.md")]
_BODY = '{"type": "batch.completed", "data": {"name": "Farmácia Lua"}}'.encode() * 3
_RUN_TIMEOUT_SECONDS = 60.0

_PROGRAMS: dict[str, Callable[[Path], Command]] = {
    "verify_webhook.py": lambda folder: Command([sys.executable, str(_FOLDER / "verify_webhook.py")]),
    "verify_webhook.mjs": lambda folder: Command(["node", str(_FOLDER / "verify_webhook.mjs")]),
    "VerifyWebhook.cs": lambda folder: compile_csharp(_FOLDER / "VerifyWebhook.cs", folder),
    "VerifyWebhook.pas": lambda folder: compile_pascal(_FOLDER / "VerifyWebhook.pas", folder),
}


@pytest.mark.parametrize("name", _PROGRAMS)
def test_an_example_accepts_what_the_hub_signed_and_nothing_else(name: str, tmp_path: Path) -> None:
    try:
        command = _PROGRAMS[name](tmp_path)
    except Missing as missing:
        pytest.skip(f"{missing} {OPTIONAL}")
    key, other = generate_secret(), generate_secret()

    def is_accepted(secrets: list[bytes], body: bytes = _BODY, age: float = 0) -> bool:
        headers = webhook_headers(secrets, "0198f3a1", int(time.time() - age), _BODY)
        environment = os.environ | command.environment | {"WEBHOOK_SECRET": show_secret(key)}
        arguments = [*command.arguments, *(headers[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))]
        done = subprocess.run(arguments, input=body, env=environment, capture_output=True, timeout=_RUN_TIMEOUT_SECONDS)
        assert done.returncode in (0, 1) and not done.stderr, done.stderr
        return done.returncode == 0

    assert is_accepted([key]) and is_accepted([other, key])
    assert not is_accepted([other])
    assert not is_accepted([key], _BODY + b" ")
    assert not is_accepted([key], age=301)


@pytest.mark.parametrize("page", _PAGES, ids=["en", "pt-BR"])
def test_the_page_shows_each_check_as_it_is_in_its_file(page: Path) -> None:
    blocks = set(re.findall(r"^```\w+\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE))
    checks = {name: _check(name) for name in _PROGRAMS}
    assert {name for name, check in checks.items() if check not in blocks} == set()


def _check(name: str) -> str:
    """Return the part of an example that its page shows, without its common indentation."""
    text = (_FOLDER / name).read_text("utf-8")
    lines = re.split(r"^[^\n\w]*(?:\[check|check\])[ }]*\n", text, flags=re.MULTILINE)[1].strip("\n").splitlines()
    depth = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[depth:] for line in lines) + "\n"
