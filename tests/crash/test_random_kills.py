"""Processes killed at random under load: nothing lost, nothing doubled, nothing wrong."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from stdnum.br import cnpj as oracle

from tests.model.drawing import load
from tests.model.sequential import Load, Pharmacy

ADMIN = "an-admin-key-for-tests"
LONG = bool(os.environ.get("IHUB_LONG"))
PHARMACIES, BATCHES, LONGEST = (20, 500, 5000) if LONG else (6, 20, 300)
_STEPS = ["split", "split", "upsert", "upsert", "upsert", "finish,sweep,failures,reconcile"]
_COLUMNS = (
    "product_id, is_active, title, brand, ean, price, stock, indice, source_updated_at::text, price_promos, extra"
)
_NAMES = ("title", "brand", "ean", "price", "stock", "indice", "source_updated_at", "promos")
_HOLDING = """SELECT w.pid FROM workers w
WHERE EXISTS (SELECT FROM batch_chunks c WHERE c.worker_id = w.id AND c.status = 'PROCESSING')
  OR EXISTS (SELECT FROM batches b WHERE b.worker_id = w.id AND b.stage = 'splitting')"""


@dataclass
class Swarm:
    """Two APIs and six workers on one database and folder, each killed now and then."""

    url: str
    folder: Path
    ports: list[int]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    kills: int = 0
    kills_with_work: int = 0

    def start(self, name: str) -> None:
        """Start the process of a name such as `api 1` or `split 2`."""
        kind, _, slot = name.partition(" ")
        own = {"DATABASE_URL": self.url, "DATA_DIR": str(self.folder), "ADMIN_API_KEY": ADMIN, "CHUNK_SIZE": "7"}
        own |= {"PORT": str(self.ports[int(slot) % 2]), "WORKER_NAME": name, "LOG_FORMAT": "json"}
        environment = os.environ | {f"INTEGRAHUB_{key}": value for key, value in own.items()}
        arguments = ["api"] if kind == "api" else ["work", kind]
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "integrahub", *arguments]
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill_one(self, draw: random.Random) -> None:
        """SIGKILL to one of them, rather to one that holds work, and another in its place."""
        holding = {row["pid"] for row in self.rows(_HOLDING)}
        busy = [name for name, process in sorted(self.processes.items()) if process.pid in holding]
        name = draw.choice(busy if busy and draw.random() < 0.8 else sorted(self.processes))
        process = self.processes[name]
        self.kills_with_work += name in busy
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1
        self.start(name)

    def rows(self, statement: str, values: Any = None) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def swarm(database_url: str, tmp_path: Path) -> Iterator[Swarm]:
    probes = [socket.socket() for _ in range(2)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    made = Swarm(database_url, tmp_path, [probe.getsockname()[1] for probe in probes])
    for probe in probes:
        probe.close()
    try:
        for number, kind in enumerate(["api", "api", *_STEPS]):
            made.start(f"{kind} {number}")
        yield made
    finally:
        made.end()


@pytest.mark.timeout(7200)
async def test_random_kills_under_load_lose_double_and_spoil_nothing(swarm: Swarm) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(1 << 32))
    print(f"CRASH_SEED={seed}")
    killing = asyncio.create_task(_kill(swarm, random.Random(seed)))
    posted = await asyncio.gather(*(_pharmacy(swarm, number, seed) for number in range(PHARMACIES)))
    await _all_finished(swarm)
    killing.cancel()
    for cnpj, sent in posted:
        _compare(swarm, cnpj, sent, seed)
    count = sum(len(sent) for _, sent in posted)
    print(f"{count} batches, {swarm.kills} kills, {swarm.kills_with_work} of processes that held work")
    assert count == PHARMACIES * BATCHES and swarm.kills >= 5


async def _kill(swarm: Swarm, draw: random.Random) -> None:
    while True:
        await asyncio.sleep(draw.uniform(0.3, 1.5))
        await asyncio.to_thread(swarm.kill_one, draw)


async def _pharmacy(swarm: Swarm, number: int, seed: int) -> tuple[str, dict[str, Load]]:
    """Post this pharmacy's loads, several at a time, each until it is taken."""
    draw = random.Random(f"{seed}/{number}")
    root = f"{number + 1:012d}"
    cnpj = root + oracle.calc_check_digits(root)
    sent: dict[str, Load] = {}
    async with httpx.AsyncClient(timeout=20) as http:
        while len(sent) < BATCHES:
            wanted = [load(draw, LONGEST) for _ in range(min(4, BATCHES - len(sent)))]
            ids = await asyncio.gather(*(_post(swarm, http, cnpj, draw, *each) for each in wanted))
            sent |= {batch_id: Load(*each) for batch_id, each in zip(ids, wanted, strict=True)}
    return cnpj, sent


async def _post(
    swarm: Swarm, http: httpx.AsyncClient, cnpj: str, draw: random.Random, kind: str, records: list[Any]
) -> str:
    headers = {"X-Admin-Api-Key": ADMIN, "X-Inova-Load-Type": kind, "Content-Type": "application/json"}
    headers["Idempotency-Key"] = str(draw.random())
    while True:
        url = f"http://127.0.0.1:{draw.choice(swarm.ports)}/v1/inovafarma/products?cnpj={cnpj}"
        try:
            answer = await http.post(url, content=json.dumps(records), headers=headers)
            if answer.status_code == 202:
                return str(answer.json()["batch_id"])
            assert answer.status_code == 503, answer.text
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)


async def _all_finished(swarm: Swarm) -> None:
    async with asyncio.timeout(7000 if LONG else 150):
        while swarm.rows("SELECT 1 FROM batches WHERE finished_at IS NULL LIMIT 1"):
            await asyncio.sleep(0.2)


def _compare(swarm: Swarm, cnpj: str, sent: dict[str, Load], seed: int) -> None:
    of = "JOIN pharmacies f ON f.id = x.pharmacy_id WHERE f.cnpj = %s"
    batches = swarm.rows(f"SELECT x.* FROM batches x {of} ORDER BY x.received_seq", [cnpj])
    assert [batch["received_seq"] for batch in batches] == list(range(1, BATCHES + 1)), f"CRASH_SEED={seed}"
    model = Pharmacy(cnpj)
    for batch in batches:
        expected = sent[str(batch["id"])]
        model.apply(expected)
        told = {name: batch[name] for name in expected.counters}
        assert told == expected.counters, f"CRASH_SEED={seed}, batch {batch['id']}"
        assert batch["dead"] == 0 and batch["status"] == expected.status, f"CRASH_SEED={seed}"
    found = swarm.rows(f"SELECT {_COLUMNS} FROM products x {of}", [cnpj])
    assert {row["product_id"]: tuple(list(row.values())[1:]) for row in found} == {
        number: (product.active, *(product.columns[n] for n in _NAMES), product.columns["extra"] or None)
        for number, product in model.products.items()
    }, f"CRASH_SEED={seed}"
