"""TLS to Kafka (with SASL) and to S3 by settings; an untrusted server gets nothing."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from integrahub.bus.kafka.bus import KafkaBus
from integrahub.domain.errors import Transient
from integrahub.domain.steps import STEPS
from integrahub.hub import adapters
from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE
from integrahub.settings.model import Settings
from integrahub.storage.s3.lifecycle import BucketLifecycle, RetentionDays
from integrahub.storage.s3.objects import S3Storage
from integrahub.tools.devservices.kafka import SecureListener, run_kafka
from integrahub.tools.devservices.program import ServiceMissing, find_free_ports
from integrahub.tools.devservices.seaweedfs import Certificate, S3Server, run_seaweedfs
from tests.integration.conftest import ADMIN, CNPJ, running

_RECORDS = [{"PRODUCTID": n, "TITLE": f"P {n}"} for n in range(1, 200)]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return a certificate of localhost and its authority."""
    folder = tmp_path_factory.mktemp("tls")
    chain, key = ensure_development_certificate(folder)
    return Certificate(chain, key, folder / CA_FILE)


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an authority that did not sign the certificate."""
    folder = tmp_path_factory.mktemp("other")
    ensure_development_certificate(folder)
    return folder / CA_FILE


@pytest.fixture(scope="module")
def guarded(signed: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield a broker with TLS and SASL: its address, and the operator's."""
    folder = tmp_path_factory.mktemp("kafka")
    keys = folder / "keys.pem"
    keys.write_text(signed.key.read_text() + signed.chain.read_text())
    gate = SecureListener(find_free_ports(1)[0], keys)
    with ExitStack() as broker:
        try:
            inside = broker.enter_context(run_kafka(folder, secure=gate))
        except ServiceMissing as missing:
            pytest.skip(str(missing))
        yield f"localhost:{gate.port}", inside


@pytest.fixture(scope="module")
def s3(signed: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start an S3 server with HTTPS."""
    with ExitStack() as server:
        try:
            yield server.enter_context(run_seaweedfs(tmp_path_factory.mktemp("s3"), signed))
        except ServiceMissing as missing:
            pytest.skip(str(missing))


def _let_in(inside: str, user: str, password: str) -> None:
    """Set a user's password."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(user, info, password.encode())
    operator = AdminClient({"bootstrap.servers": inside})
    operator.alter_user_scram_credentials([wanted])[user].result(20)


def _settings(address: str, authority: Path, password: str, **more: object) -> Settings:
    options = f"security.protocol=SASL_SSL,sasl.mechanism=SCRAM-SHA-512,ssl.ca.location={authority}"
    login = {"kafka_username": "hub", "kafka_password": password, "kafka_prefix": f"{secrets.token_hex(6)}."}
    return Settings(bus_url=f"kafka://{address}", kafka_options=options, **(login | more))  # type: ignore[arg-type]


def _bus(settings: Settings) -> KafkaBus:
    made = adapters.open_bus(settings, None)  # type: ignore[arg-type]
    assert isinstance(made, KafkaBus)
    return made


@pytest.mark.timeout(300)
async def test_batches_are_applied_over_kafka_and_s3_by_tls_and_a_password(
    guarded: tuple[str, str], s3: S3Server, signed: Certificate, database_url: str, tmp_path: Path
) -> None:
    address, inside = guarded
    await asyncio.to_thread(_let_in, inside, "hub", "first")
    s3.client().create_bucket(Bucket="tls")
    place = {"storage_url": s3.storage_url("tls"), "storage_ca": signed.authority, "data_dir": tmp_path}
    keys = {"storage_access_key": s3.access_key, "storage_secret_key": s3.secret_key, "admin_api_key": ADMIN}
    settings = _settings(address, signed.authority, "first", database_url=database_url, chunk_size=50, **place, **keys)
    async with running(settings, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        records = [record | {"DESCRIPTION": "x" * 600} for record in _RECORDS]  # too large for the batch's row
        assert (await client.load(records))["inserted"] == 199
    assert s3.client().list_objects_v2(Bucket="tls")["KeyCount"] > 0


@pytest.mark.timeout(300)
async def test_a_broker_whose_certificate_another_signed_or_a_wrong_password_gets_nothing(
    guarded: tuple[str, str], signed: Certificate, other_authority: Path
) -> None:
    address, inside = guarded
    await asyncio.to_thread(_let_in, inside, "hub", "first")
    for authority, password in ((other_authority, "first"), (signed.authority, "wrong")):
        bus = _bus(_settings(address, authority, password))
        with pytest.raises(Transient):
            await bus.publish("a", [b"1"])
        await bus.close()


@pytest.mark.timeout(300)
async def test_a_changed_password_of_kafka_is_used_by_the_clients_that_run(
    guarded: tuple[str, str], signed: Certificate
) -> None:
    address, inside = guarded
    await asyncio.to_thread(_let_in, inside, "hub", "first")
    settings = _settings(address, signed.authority, "wrong at first")
    bus = _bus(settings)
    try:
        with pytest.raises(Transient):
            await bus.publish("a", [b"0"])
        renewed = settings.model_copy(update={"kafka_password": "first"})
        await adapters.renew_credentials(renewed, adapters.open_storage(settings), bus)
        async with asyncio.timeout(60):  # clients that were refused try again on their own
            while not await _published(bus):
                continue
        (first, *_) = await bus.receive("a", 1, 30)
        assert first.body == b"1"
        await bus.ack([first])
    finally:
        await bus.close()


async def _published(bus: KafkaBus) -> bool:
    try:
        await bus.publish("a", [b"1"])
    except Transient:
        return False
    return True


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_objects_go_to_s3_by_https_to_who_is_trusted_and_to_nobody_else(
    s3: S3Server, signed: Certificate, other_authority: Path
) -> None:
    s3.client().create_bucket(Bucket="objects")
    keys = {"storage_access_key": s3.access_key, "storage_secret_key": s3.secret_key}
    settings = Settings(storage_url=s3.storage_url("objects"), storage_ca=signed.authority, **keys)  # type: ignore[arg-type]
    storage = adapters.open_storage(settings)
    await storage.put("batches/a", _one(b"body"))
    assert b"".join([block async for block in storage.get("batches/a")]) == b"body"
    rules, _ = adapters.open_bucket_lifecycle(settings) or (None, None)
    assert isinstance(rules, BucketLifecycle)
    rules.put(RetentionDays(30, 7, "GLACIER_IR"))
    for authority in (other_authority, None):
        strange = adapters.open_storage(settings.model_copy(update={"storage_ca": authority}))
        with pytest.raises(Transient):
            await strange.check()


async def test_changed_keys_of_s3_are_used_from_the_next_request_on(s3: S3Server, signed: Certificate) -> None:
    s3.client().create_bucket(Bucket="renewed")
    keys = {"storage_access_key": s3.access_key, "storage_secret_key": "wrong"}
    settings = Settings(storage_url=s3.storage_url("renewed"), storage_ca=signed.authority, **keys)  # type: ignore[arg-type]
    storage = adapters.open_storage(settings)
    assert isinstance(storage, S3Storage)
    with pytest.raises(Transient):
        await storage.check()
    newer = settings.model_copy(update={"storage_secret_key": s3.secret_key})
    storage.renew(adapters._s3_config(newer))
    await storage.check()
