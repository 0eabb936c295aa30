"""The hub that the examples and the pages of the documentation share."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Installation, installed


@pytest.fixture(scope="session")
def hub() -> Iterator[Installation]:
    """Yield a running hub that may send webhooks to this machine."""
    with installed({"WEBHOOK_ALLOW": "127.0.0.1"}) as made:
        made.start()
        yield made
