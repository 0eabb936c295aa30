"""Targets of webhooks: each attempt checks the address, and connects to the one that it checked."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.pipeline.notify.sender import WebhookSender
from integrahub.pipeline.notify.step import Notify
from integrahub.pipeline.notify.target_address import TargetAddresses
from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE
from tests.integration.webhooks.conftest import PUBLIC_URL, Webhooks
from tests.integration.webhooks.receiver import receiving


class Names:
    """Name server whose answers tests choose, one by one; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[list[str]] = []
        self.asked = 0

    async def __call__(self, host: str) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def names(webhooks: Webhooks) -> AsyncIterator[Names]:
    """Yield the name server of a worker that may send to 127.0.0.1, and to no other private address."""
    names = Names()
    sender = WebhookSender(TargetAddresses(AllowedTargets.parse(["127.0.0.1/32"]), names).resolve)
    webhooks.notify = Notify(webhooks.database, sender, lambda sealed: sealed, worker_id=uuid4(), public_url=PUBLIC_URL)
    yield names


async def test_a_name_that_moves_to_a_private_address_gets_nothing_until_it_moves_back(
    webhooks: Webhooks, names: Names
) -> None:
    names.answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "10.0.0.7"], ["127.0.0.1"]]
    async with receiving(host="0.0.0.0") as receiver:  # it listens on 127.0.0.2 as well
        endpoint = webhooks.endpoint(f"http://moving.example:{receiver.port}/hook")
        webhooks.deliver(endpoint)
        await webhooks.run()
        assert (len(receiver.received), names.asked) == (1, 1)
        [delivery] = webhooks.deliver(endpoint)
        for _ in range(3):
            await webhooks.run()
            webhooks.advance(400)
        assert (len(receiver.received), names.asked) == (2, 4)
        assert receiver.received[1].id == delivery
        assert receiver.received[1].headers["host"] == f"moving.example:{receiver.port}"
    errors = [attempt["error"] for attempt in webhooks.attempts() if str(attempt["delivery_id"]) == delivery]
    assert errors == ["webhook_address_loopback", "webhook_address_private", None]


async def test_a_second_address_is_tried_if_the_first_does_not_answer(webhooks: Webhooks, names: Names) -> None:
    async with receiving() as receiver:
        names.answers = [["127.0.0.1", "127.0.0.1"]]
        closed = 1
        webhooks.deliver(webhooks.endpoint(f"http://moving.example:{closed}/hook"))
        await webhooks.run()
        assert [attempt["error"] for attempt in webhooks.attempts()] == ["connect_failed"]
        assert receiver.received == []


async def test_proxies_of_the_environment_are_not_used(
    webhooks: Webhooks, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.answers = [["127.0.0.1"]]
    async with receiving() as receiver, receiving() as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        webhooks.deliver(webhooks.endpoint(f"http://moving.example:{receiver.port}/hook"))
        await webhooks.run()
        assert (len(receiver.received), len(proxy.received)) == (1, 0)


async def test_a_certificate_must_be_for_the_name_and_not_for_the_address(webhooks: Webhooks, tmp_path: Path) -> None:
    certificate, key = ensure_development_certificate(tmp_path)  # for localhost and 127.0.0.1
    own, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / CA_FILE)
    own.load_cert_chain(certificate, key)
    names = Names()
    allowed = AllowedTargets.parse(["127.0.0.0/8"])
    sender = WebhookSender(TargetAddresses(allowed, names).resolve, trusting)
    webhooks.notify = Notify(webhooks.database, sender, lambda sealed: sealed, worker_id=uuid4(), public_url=PUBLIC_URL)
    async with receiving(host="0.0.0.0", tls=own) as receiver:
        for host, address in (("localhost", "127.0.0.2"), ("moving.example", "127.0.0.1")):
            names.answers = [[address]]
            webhooks.rows("DELETE FROM webhook_endpoints")
            webhooks.deliver(webhooks.endpoint(f"https://{host}:{receiver.port}/hook"))
            await webhooks.run()
    attempts = webhooks.rows("SELECT error FROM webhook_attempts ORDER BY at")
    assert [attempt["error"] for attempt in attempts] == [None, "tls_failed"]
    assert len(receiver.received) == 1
