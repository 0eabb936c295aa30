"""The page for receivers of webhooks: its receiver accepts what the hub signs, and its facts are those of the code."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from integrahub.domain.webhooks.events import CLIENT_EVENTS
from integrahub.domain.webhooks.schedule import DELAYS_SECONDS
from integrahub.domain.webhooks.signature import webhook_headers
from integrahub.secrets.webhook_secrets import generate_secret, show_secret

_FOLDER = Path(__file__).parents[3] / "docs" / "howto"
_PAGES = [(_FOLDER / name).read_text("utf-8") for name in ("webhooks.md", "webhooks.pt-BR.md")]
_BODY = b'{"type": "batch.completed", "batch_id": null}'
_UNITS = {"s": 1, "min": 60, "h": 3600}


def _programs(page: str) -> list[str]:
    return re.findall(r"<<'PYTHON'\n(.*?)PYTHON\n", page, re.DOTALL)


def _headers(secrets: list[bytes], at: float | None = None) -> dict[str, str]:
    return webhook_headers(secrets, "0198f3a1", int(at or time.time()), _BODY)


@pytest.mark.parametrize("page", _PAGES, ids=["en", "pt-BR"])
def test_the_receiver_of_the_page_answers_204_to_the_hub_and_401_to_others(page: str, tmp_path: Path) -> None:
    key = generate_secret()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = tmp_path / "receiver.py"
    program.write_text(_programs(page)[0], "utf-8")
    environment = os.environ | {"WEBHOOK_SECRET": show_secret(key), "PORT": str(port)}
    with subprocess.Popen([sys.executable, program], env=environment, stderr=subprocess.DEVNULL) as receiver:
        try:
            _wait_for(port)
            assert _post(port, _headers([key])) == 204
            assert _post(port, _headers([generate_secret()])) == 401
        finally:
            receiver.kill()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the receiver does not listen")


def _post(port: int, headers: dict[str, str]) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", _BODY, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("page", _PAGES, ids=["en", "pt-BR"])
def test_the_page_names_every_event_and_the_whole_schedule(page: str) -> None:
    assert {event for event in CLIENT_EVENTS if f"`{event}`" not in page} == set()
    schedule = re.search(r"(?:follow|vêm) ((?:[\d ]+\w+,? ?(?:and|e)? ?)+?)(?:after|depois)", page)
    assert schedule
    delays = re.findall(r"(\d+) (s|min|h)\b", schedule[1])
    assert [int(number) * _UNITS[unit] for number, unit in delays] == list(DELAYS_SECONDS)


def test_both_languages_show_the_same_programs() -> None:
    programs = [re.findall(r"^```\w+\n.*?^```", page, re.DOTALL | re.MULTILINE) for page in _PAGES]
    assert programs[0] == programs[1] and len(programs[0]) > 8
