"""The hub that the examples and the pages of the documentation share."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Installation, installed

OWNER_PASSWORD = "practice-for-dead-letters"


@pytest.fixture(scope="package")
def hub() -> Iterator[Installation]:
    """Yield a running hub that may send webhooks to this machine, and whose database has a known password.

    It ends with the tests of this folder: an idle hub takes 6 % of a core.
    """
    with installed({"WEBHOOK_ALLOW": "127.0.0.1", "POSTGRES_PASSWORD": OWNER_PASSWORD}) as made:
        made.start()
        yield made
