"""Random schedules of posts and operator actions, with random kills, equal the sequential model."""

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.crash.client import Client, cnpj_of
from tests.crash.random_kills import Swarm, swarming
from tests.reference_model.compare import Comparison
from tests.reference_model.consumer import Consumer, draw_limit
from tests.reference_model.loads import Load
from tests.reference_model.strategies import catalogue_load, load
from tests.reference_model.wire import form

LONG = bool(os.environ.get("IHUB_LONG"))
_WINDOW = 60  # minutes, of the pharmacy whose FULLs come in parts
_EARLIER = """UPDATE batches SET received_at = received_at - interval '3 hours',
  first_byte_at = first_byte_at - interval '3 hours' WHERE pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %s)"""
# An hour and two minutes pass: the window of 60 minutes ends, but for an upload that began in time and goes on.
_PASSED = """WITH moved AS (UPDATE batches SET received_at = received_at - interval '62 minutes',
  first_byte_at = first_byte_at - interval '62 minutes'
  WHERE pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s))
UPDATE full_uploads SET begun_at = now() - interval '59 minutes'"""
_LASTED = "UPDATE batches SET first_byte_at = received_at - interval '59 minutes' WHERE id = %s"
_GOING = "SELECT batch_id FROM full_uploads WHERE renewed_at > now() - interval '30 seconds'"
_CLOSED = "SELECT count(*) AS n FROM batches WHERE kind = 'window'"
_UNFINISHED = """SELECT 1 FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE p.cnpj = ANY(%s) AND b.finished_at IS NULL LIMIT 1"""
_LEFT = """SELECT 1 FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE p.cnpj = ANY(%s) AND (b.finished_at IS NULL OR b.deactivation_state = 'waiting') LIMIT 1"""
seeds = st.integers(0, 1 << 32)
which = st.integers(0, 1)


class Schedule(RuleBasedStateMachine):
    """Two pharmacies, one with FULLs in parts. Hypothesis prints the seed that reproduces a schedule."""

    swarm: Swarm
    numbers = iter(range(1, 1 << 30))
    counts: dict[str, int]

    @initialize()
    def begin(self) -> None:
        objects = self.swarm.folder / "objects"
        self.client = Client(self.swarm, random.Random(0))
        self.cnpjs = [cnpj_of(next(self.numbers)), cnpj_of(next(self.numbers))]
        self.client.call("PUT", f"/admin/pharmacies/{self.cnpjs[1]}", json={"full_window_minutes": _WINDOW})
        self.known = [Comparison(self.swarm.rows, cnpj, objects, windowed=cnpj == self.cnpjs[1]) for cnpj in self.cnpjs]
        self.keys: list[dict[str, str]] = [{}, {}]
        self.consumers = [Consumer(), Consumer()]

    @rule(pharmacy=which, seed=seeds)
    def post(self, pharmacy: int, seed: int) -> None:
        self._post(pharmacy, _drawn(random.Random(seed), 5000 if LONG else 400), str(next(self.numbers)))

    @rule(seed=seeds)
    def upload_while_the_window_ends(self, seed: int) -> None:
        """Send the last byte of a part after the window: it still counts as a part, and the window waited for it."""
        one, released = Load("full", load(random.Random(seed), 60)[1]), threading.Event()
        with ThreadPoolExecutor(1) as pool:
            posting = pool.submit(self.client.upload, self.cnpjs[1], one, str(next(self.numbers)), released)
            while not self.swarm.rows(_GOING) and not posting.done():
                released.wait(0.05)
            before = self.swarm.rows(_CLOSED)
            self.swarm.change(_PASSED, {"cnpj": self.cnpjs[1]})
            released.wait(2.0)  # sweeps look every second
            assert self.swarm.rows(_CLOSED) == before
            released.set()
            batch_id = posting.result()
        self.swarm.change(_LASTED, [batch_id])
        self.known[1].sent.setdefault(batch_id, one)
        self.counts["uploads"] += 1

    @rule(pharmacy=which, seed=seeds, many=st.integers(2, 7))
    def post_at_once(self, pharmacy: int, seed: int, many: int) -> None:
        draw = random.Random(seed)
        loads = [_drawn(draw, 60) for _ in range(many)]
        with ThreadPoolExecutor(many) as pool:
            list(pool.map(lambda one: self._post(pharmacy, one, str(next(self.numbers))), loads))

    @rule(pharmacy=which, seed=seeds)
    def resend(self, pharmacy: int, seed: int) -> None:
        if not self.keys[pharmacy]:
            return
        key, first = random.Random(seed).choice(sorted(self.keys[pharmacy].items()))
        earlier = self.known[pharmacy].sent[first]
        again = self._post(pharmacy, Load(earlier.kind, earlier.records, form=earlier.form), key)
        status = self.swarm.rows("SELECT status FROM batches WHERE id = %s", [first])[0]["status"]
        assert again == first or status in ("FAILED", "CANCELLED")

    @rule(pharmacy=which, seed=seeds)
    def cancel(self, pharmacy: int, seed: int) -> None:
        self._order(pharmacy, seed, "cancel")

    @rule(pharmacy=which, seed=seeds)
    def replay(self, pharmacy: int, seed: int) -> None:
        self._order(pharmacy, seed, "replay")

    @rule(pharmacy=which, seed=seeds)
    def poll(self, pharmacy: int, seed: int) -> None:
        """Let a consumer read one to three pages of the change feed, also while processes restart."""
        draw = random.Random(seed)
        for _ in range(draw.randint(1, 3)):
            self.client.poll(self.cnpjs[pharmacy], self.consumers[pharmacy], draw_limit(draw))
        self.counts["polls"] += 1

    @rule(seed=seeds)
    def kill(self, seed: int) -> None:
        self.swarm.kill_one(random.Random(seed))

    @rule(seed=seeds)
    def settle_and_decide(self, seed: int) -> None:
        """Wait until all batches are final and compare; then approve, reject or leave held deactivations."""
        self._settle()
        draw = random.Random(seed)
        for pharmacy, known in enumerate(self.known):
            for batch_id, one in sorted(known.sent.items()):
                decision = draw.choice(["approve", "reject", ""]) if one.deactivation == "held" else ""
                if decision:
                    self._decide(pharmacy, batch_id, decision)

    def teardown(self) -> None:
        if hasattr(self, "known"):
            self._settle()
            for known, consumer in zip(self.known, self.consumers, strict=True):
                self.counts["batches"] += len(known.model.loads)
                self.counts["deactivations polled"] += consumer.deactivated
                self.counts["resets"] += consumer.resets
            self.client.close()

    def _post(self, pharmacy: int, one: Load, key: str) -> str:
        batch_id = self.client.post(self.cnpjs[pharmacy], one, key)
        self.known[pharmacy].sent.setdefault(batch_id, one)
        self.keys[pharmacy][key] = batch_id
        return batch_id

    def _order(self, pharmacy: int, seed: int, verb: str) -> None:
        if sent := sorted(self.known[pharmacy].sent):
            answer = self.client.call("POST", f"/v1/batches/{random.Random(seed).choice(sent)}/{verb}")
            assert answer.status_code in (200, 202, 409), answer.text
            self.counts[verb] += answer.is_success

    def _decide(self, pharmacy: int, batch_id: str, decision: str) -> None:
        answer = self.client.call("POST", f"/v1/batches/{batch_id}/deactivation", json={"decision": decision})
        if decision == "reject" and answer.is_success:
            self.known[pharmacy].sent[batch_id].deactivation = "rejected"
        self.counts[decision] += answer.is_success

    def _settle(self) -> None:
        self.swarm.change(_EARLIER, [self.cnpjs[1]])
        self.swarm.wait_until_none(_LEFT, [self.cnpjs])
        for cnpj, known, consumer in zip(self.cnpjs, self.known, self.consumers, strict=True):
            known.check()
            if known.sent:
                self.client.drain(cnpj, consumer, 50)


def _drawn(draw: random.Random, longest: int) -> Load:
    """Draw a load, sometimes one whose chunks are read in several parts."""
    drawn = catalogue_load(draw, 300, 700) if longest > 300 and draw.random() < 0.3 else load(draw, longest)
    return Load(*drawn, form=form(draw))


@pytest.mark.timeout(7200)
def test_any_schedule_of_posts_resends_cancels_replays_decisions_and_kills_equals_the_model(
    database_url: str, tmp_path: Path
) -> None:
    with swarming(database_url, tmp_path) as swarm:
        names = (
            "batches",
            "cancel",
            "replay",
            "approve",
            "reject",
            "uploads",
            "polls",
            "deactivations polled",
            "resets",
        )
        counts = dict.fromkeys(names, 0)
        machine: Any = type("Machine", (Schedule,), {"swarm": swarm, "counts": counts})
        _overlap(machine())
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=150 if LONG else 4,
                stateful_step_count=30 if LONG else 15,
                deadline=None,
                print_blob=True,
                phases=[Phase.explicit, Phase.reuse, Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
        print(f"{counts}, {swarm.kills} kills, {swarm.kills_with_work} of processes that held work")


def _overlap(schedule: Schedule) -> None:
    """Return the one schedule that always runs: a part is uploaded while the window ends."""
    schedule.begin()
    known = [{"PRODUCTID": number, "TITLE": f"P {number}"} for number in range(1, 31)]
    schedule._post(1, Load("full", known), "known")
    schedule._settle()
    schedule._post(1, Load("full", known[:20]), "first part")
    schedule.swarm.wait_until_none(_UNFINISHED, [schedule.cnpjs])
    schedule.upload_while_the_window_ends(1)
    schedule.teardown()
