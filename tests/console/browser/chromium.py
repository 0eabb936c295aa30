"""Chromium for tests: that of the machine, or of Playwright, or Debian's, fetched once."""

import os
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Playwright

from integrahub.tools.devservices.program import ServiceMissing

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FETCH_TIMEOUT_SECONDS = 300.0


def find_chromium(playwright: Playwright) -> str:
    """Return the path of a Chromium. Raise ServiceMissing if there is none and none can be fetched."""
    own = playwright.chromium.executable_path
    if found := _on_path() or (own if Path(own).exists() else None):
        return found
    fetch = [["python", "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        fetch.insert(0, ["apt-get", "install", "-y", "--no-install-recommends", "chromium"])
    for command in fetch:
        subprocess.run(command, capture_output=True, timeout=_FETCH_TIMEOUT_SECONDS, check=False)
        if found := _on_path() or (own if Path(own).exists() else None):
            return found
    raise ServiceMissing("Chromium is not installed, and cannot be fetched: the console was not tried in a browser")


def _on_path() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)
