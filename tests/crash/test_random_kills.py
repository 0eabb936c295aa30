"""Random kills under load: nothing is lost, duplicated or wrong."""

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.client import Client, cnpj_of
from tests.crash.random_kills import Swarm, swarming
from tests.reference_model.compare import Comparison
from tests.reference_model.consumer import Consumer, draw_limit
from tests.reference_model.loads import Load
from tests.reference_model.strategies import load
from tests.reference_model.wire import form

LONG = bool(os.environ.get("IHUB_LONG"))
PHARMACIES, BATCHES, LONGEST, KILLS = (20, 500, 150, 500) if LONG else (4, 12, 200, 3)
WITH_WORK = 100 if LONG else 3  # kills of processes that held work
_PROGRESS_SECONDS = 30.0
_AHEAD = 25  # batches of a pharmacy before the kills that belong to them
_MOST = 5  # times as many batches, until enough of the kills have met work
_UNFINISHED_OF = """SELECT 1 FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE p.cnpj = %s AND b.finished_at IS NULL LIMIT 1"""
_UNFINISHED = "SELECT 1 FROM batches WHERE finished_at IS NULL LIMIT 1"
_BACKLOG = "SELECT 1 FROM batches WHERE finished_at IS NULL OFFSET 300 LIMIT 1"  # kills meet work, and it ends


@pytest.mark.timeout(7200)
def test_random_kills_under_load_lose_double_and_spoil_nothing(database_url: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(1 << 32))
    stop = threading.Event()
    with swarming(database_url, tmp_path) as swarm, ThreadPoolExecutor(PHARMACIES + 2) as pool:
        killing = pool.submit(_kill, swarm, random.Random(seed), stop)
        pool.submit(_report_progress, swarm, stop)
        try:
            known = list(pool.map(lambda number: _pharmacy(swarm, number, seed), range(1, PHARMACIES + 1)))
            swarm.wait_until_none(_UNFINISHED)
        finally:
            stop.set()
        killing.result()
        for pharmacy in known:
            pharmacy.check(f"CRASH_SEED={seed}")
    count = sum(len(pharmacy.model.loads) for pharmacy in known)
    print(f"{count} batches, {swarm.kills} kills, {swarm.kills_with_work} of processes that held work, seed {seed}")
    assert count >= PHARMACIES * BATCHES and _has_enough_kills(swarm)


def _kill(swarm: Swarm, draw: random.Random, stop: threading.Event) -> None:
    while not stop.wait(draw.uniform(0.1, 1)):
        swarm.kill_one(draw)


def _keep_pace(swarm: Swarm, sent: int) -> None:
    """Wait while posts are ahead of the kills: on a busy machine killed processes would start too slowly."""
    never = threading.Event()
    while (sent - _AHEAD) * KILLS > swarm.kills * BATCHES:
        never.wait(0.05)


def _has_enough_kills(swarm: Swarm) -> bool:
    return swarm.kills >= KILLS and swarm.kills_with_work >= WITH_WORK


def _report_progress(swarm: Swarm, stop: threading.Event) -> None:
    while not stop.wait(_PROGRESS_SECONDS):
        batches = swarm.rows("SELECT count(*) AS n FROM batches")[0]["n"]
        print(f"{batches} batches, {swarm.kills} kills, {swarm.kills_with_work} with work", flush=True)


def _pharmacy(swarm: Swarm, number: int, seed: int) -> Comparison:
    """Post the loads of one pharmacy with some cancels and replays, and poll its changes; return what was sent."""
    draw = random.Random(f"{seed}/{number}")
    client = Client(swarm, draw)
    known, consumer = Comparison(swarm.rows, cnpj_of(number), swarm.folder / "objects"), Consumer()
    while len(known.sent) < BATCHES or (not _has_enough_kills(swarm) and len(known.sent) < _MOST * BATCHES):
        if len(known.sent) % 10 == 0:
            swarm.wait_until_none(_BACKLOG)
        _keep_pace(swarm, len(known.sent))
        one = Load(*load(draw, LONGEST), form=form(draw))
        known.sent[client.post(known.model.cnpj, one, str(draw.random()))] = one
        if draw.random() < 0.1:
            verb, chosen = draw.choice(["cancel", "replay", "replay"]), draw.choice(sorted(known.sent))
            answer = client.call("POST", f"/v1/batches/{chosen}/{verb}")
            assert answer.status_code in (200, 202, 409), answer.text
        if draw.random() < 0.3:
            client.poll(known.model.cnpj, consumer, draw_limit(draw))
    swarm.wait_until_none(_UNFINISHED_OF, [known.model.cnpj])
    client.drain(known.model.cnpj, consumer, draw_limit(draw))
    client.close()
    return known
