"""Steps on a real Kafka: each message takes effect once, despite failing brokers and rebalances."""

import asyncio
import re
import secrets
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from integrahub.bus.kafka.bus import KafkaBus
from integrahub.bus.kafka.config import KafkaOptions
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from integrahub.tools.devservices.kafka import run_kafka
from integrahub.tools.devservices.program import find_free_ports
from tests.integration.command_line import CommandLine
from tests.integration.conftest import ADMIN, CNPJ, running
from tests.integration.operator import Operator

RECORDS = [{"PRODUCTID": n, "TITLE": f"P {n}"} for n in range(1, 500)]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, chunk_size=50, rate_limit="off")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_batches_are_applied_over_kafka_as_over_the_table(
    settings: Settings, kafka_address: str, protocol: str
) -> None:
    chosen = {"bus_url": f"kafka://{kafka_address}", "kafka_prefix": f"{secrets.token_hex(6)}."}
    async with running(settings.model_copy(update=chosen | {"kafka_protocol": protocol}), list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        assert (await client.load(RECORDS))["inserted"] == 499
        assert (await client.load(RECORDS[:400]))["deactivated"] == 0
        assert (await client.load([{"PRODUCTID": 1, "TITLE": "other"}], "delta"))["updated"] == 1
        async with asyncio.timeout(20):  # offsets are committed a moment after their effect
            while await client.hub.bus.lag("batches.received"):
                await asyncio.sleep(0.1)
        assert (await client.http.get("/health")).status_code == 200


@pytest.mark.timeout(300)
async def test_while_kafka_is_away_posts_are_taken_and_all_complete_when_it_is_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = find_free_ports(1)[0]
    with tempfile.TemporaryDirectory(prefix="ihub-kafka-") as folder, ExitStack() as broker:
        address = await asyncio.to_thread(broker.enter_context, run_kafka(Path(folder), port))
        chosen = settings.model_copy(update={"bus_url": f"kafka://{address}"})
        async with running(chosen, list(STEPS)) as client:
            client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
            await client.load(RECORDS)
            await asyncio.to_thread(broker.close)
            posted = [await client.post([{"PRODUCTID": n, "TITLE": "x"}], "delta") for n in range(1, 6)]
            assert [answer.status_code for answer in posted] == [202] * 5
            health = await client.http.get("/health")
            assert health.status_code == 503 and health.json()["checks"]["bus"]["status"] == "down"
            monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", str(settings.database_url))
            monkeypatch.setenv("INTEGRAHUB_BUS_URL", str(chosen.bus_url))
            operator = Operator(CommandLine(client, monkeypatch), "kafka-unavailable")
            assert (await operator.diagnose(code=1))["bus"].startswith("problem: ")
            operator.expect("`/health` is `degraded`", "start the brokers")
            assert health.json()["status"] == "degraded"
            await asyncio.to_thread(broker.enter_context, run_kafka(Path(folder), port))
            for answer in posted:
                assert (await client.finished(answer.json()["batch_id"]))["updated"] == 1
            await operator.run("topics")
            assert re.match(r"ok: .*1 broker", (await operator.diagnose(code=0))["bus"])
            assert (await operator.run("top --once")).lines
            assert (await client.http.get("/health")).json()["checks"]["bus"]["status"] == "ok"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_consumer_that_joins_or_leaves_moves_work_and_loses_none(kafka_address: str, protocol: str) -> None:
    options = KafkaOptions(kafka_address, {"a": 6}, prefix=f"{secrets.token_hex(6)}.", protocol=protocol)
    first, second = KafkaBus(options), KafkaBus(options)
    seen: Counter[bytes] = Counter()

    async def work(bus: KafkaBus, until: int) -> None:
        async with asyncio.timeout(90):
            while len(seen) < until:
                deliveries = await bus.receive("a", 10, 0.5)
                seen.update(delivery.body for delivery in deliveries)
                await bus.ack(deliveries)

    await first.publish("a", [str(n).encode() for n in range(500)])
    await work(first, 200)
    await asyncio.gather(work(first, 500), work(second, 500))
    await first.close()
    await second.publish("a", [str(n).encode() for n in range(500, 900)])
    await work(second, 900)
    assert await second.lag("a") == 0
    await second.close()
    assert len(seen) == 900
