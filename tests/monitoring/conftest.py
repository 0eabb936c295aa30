"""Fixtures for the tests of rules and dashboards."""

from pathlib import Path

import pytest

from integrahub.tools.devservices.program import ServiceMissing
from integrahub.tools.devservices.prometheus import find_prometheus
from tests.acceptance.conftest import installation, parts

__all__ = ["installation", "parts", "tools"]


@pytest.fixture(scope="session")
def tools() -> Path:
    """Return the folder with `prometheus` and `promtool`."""
    try:
        return find_prometheus()
    except ServiceMissing as missing:
        pytest.skip(str(missing))
