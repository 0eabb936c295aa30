"""Fixtures for the tests of rules and dashboards."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import installation, parts
from tests.monitoring import fetching

__all__ = ["installation", "parts", "tools"]


@pytest.fixture(scope="session")
def tools() -> Path:
    """Return the folder with `prometheus` and `promtool`."""
    folder = fetching.tools()
    if folder is None:
        pytest.skip(fetching.MISSING)
    return folder
