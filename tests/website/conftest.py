"""The built site, once for all tests, and a Chromium without network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, sync_playwright
from website.build import ROOT, build

from integrahub.tools.devservices.program import ServiceMissing
from tests.console.browser.chromium import find_chromium
from tests.npm_packages import install

_MERMAID = Path("mermaid") / "dist" / "mermaid.min.js"


@pytest.fixture(scope="session")
def diagrams() -> Path:
    """Return `mermaid.min.js`: that of `make docs`, or fetched into the user's cache."""
    own = ROOT / "assets" / "node_modules" / _MERMAID
    if own.is_file():
        return own
    modules = install(ROOT / "assets")
    if modules is None:
        pytest.skip("npm is missing or did not fetch mermaid: diagrams of the documentation were not tried")
    return modules / _MERMAID


@pytest.fixture(scope="session")
def site(diagrams: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(folder / "out", folder / "work", diagrams)
    return folder / "out"


@pytest.fixture(scope="module")
def offline() -> Iterator[BrowserContext]:
    """Yield windows of a Chromium that reaches no network."""
    with sync_playwright() as playwright:
        try:
            program = find_chromium(playwright)
        except ServiceMissing as missing:
            pytest.skip(str(missing))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        yield context
        browser.close()
