"""Secret stores that accept connections and never answer: processes continue with their current secrets."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrahub.hub.credentials import CredentialRotation
from integrahub.secrets.base import SecretUnavailable
from integrahub.secrets.vault import Vault, VaultConfig
from integrahub.settings.model import Settings


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server whose kernel accepts connections and that never reads."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_vault_that_does_not_answer_is_told_within_its_patience(silent: str) -> None:
    vault = Vault(VaultConfig(silent, "secret/integrahub", token="t"), timeout=0.2)
    with pytest.raises(SecretUnavailable, match="does not answer"):
        vault.values()


async def test_a_read_that_hangs_leaves_the_credentials_that_are_in_use(tmp_path: Path) -> None:
    released = threading.Event()

    def hang(settings: Settings) -> Settings:
        released.wait()
        return settings.model_copy(update={"database_url": "postgresql://other"})

    settings = Settings(secrets_dir=tmp_path, database_url="postgresql://first")
    rotation = CredentialRotation(settings, hang, read_timeout=0.1)
    async with asyncio.timeout(5):
        await rotation.on_refused()
    assert rotation.settings is settings
    released.set()
