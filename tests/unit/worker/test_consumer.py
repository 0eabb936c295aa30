"""Consumer: it receives no message that must fail, acknowledges only processed ones, and never blocks."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from integrahub.bus.memory import MemoryBus
from integrahub.domain.errors import Transient
from integrahub.domain.events import CHUNKS_READY, MESSAGES_DEAD, DeadMessage
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.worker import consumer


class Work:
    """A step of `topic` over a real bus with one message; `behave` is what it does, and `times` how often at most."""

    def __init__(self, behave: Callable[[], None] = lambda: None, times: int = 1, topic: str = CHUNKS_READY) -> None:
        self.bus = MemoryBus(visibility=0.0)
        self.step_breaker, self.breaker = (
            StepBreaker(lambda: 100.0),
            CircuitBreaker("storage", lambda: 100.0, threshold=1),
        )
        self.stop, self.done, self.paused = asyncio.Event(), 0, list[float]()
        self._behave, self._times, self._topic = behave, times, topic

    async def run(self) -> None:
        """Consume until the step was run so often, or consuming paused."""
        hub: Any = SimpleNamespace(
            bus=self.bus, step_breakers={"upsert": self.step_breaker}, breakers={"storage": self.breaker}
        )
        await self.bus.publish(self._topic, [b"{}"])
        await asyncio.wait_for(consumer.consume(hub, self._topic, self._step, self.stop, 1), 20)

    async def pause(self, stop: asyncio.Event, seconds: float) -> None:
        """Stand in for the worker's pause: none is waited for."""
        self.paused.append(seconds)
        if not self.done:
            stop.set()

    async def _step(self, _: bytes) -> None:
        self.done += 1
        if self.done == self._times:
            self.stop.set()
        self._behave()

    async def dead(self) -> list[DeadMessage]:
        """Return the messages that were dead-lettered."""
        found = await self.bus.receive(MESSAGES_DEAD, 9, 0.0)
        return [msgspec.json.decode(delivery.body, type=DeadMessage) for delivery in found]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Work]:
    """Make work whose pauses take no time."""
    monkeypatch.setattr(consumer, "_RECEIVE_TIMEOUT_SECONDS", 0.01)

    def make(*given: Any, **named: Any) -> Work:
        work = Work(*given, **named)
        monkeypatch.setattr(consumer, "sleep_until_stop", work.pause)
        return work

    return make


def _raising(error: Exception) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


async def test_nothing_is_received_while_the_step_breaker_is_open(made: Callable[..., Work]) -> None:
    work = made()
    for number in range(20):
        work.step_breaker.record_failure("one cause", number)
    await work.run()
    assert (work.done, work.paused, await work.bus.lag(CHUNKS_READY)) == (0, [30.0], 1)


async def test_nothing_is_received_while_a_breaker_is_open(made: Callable[..., Work]) -> None:
    work = made()
    work.breaker.record_failure(OSError("the disk is full"))
    await work.run()
    assert (work.done, work.paused, await work.bus.lag(CHUNKS_READY)) == (0, [1.0], 1)


async def test_what_is_done_is_settled_also_when_consuming_ends(made: Callable[..., Work]) -> None:
    work = made()
    await work.run()
    assert (work.done, await work.bus.lag(CHUNKS_READY), await work.dead()) == (1, 0, [])


async def test_what_a_dependency_hinders_comes_again_however_often(made: Callable[..., Work]) -> None:
    work = made(_raising(Transient("the database is away")), times=9)
    await work.run()
    assert (work.done, await work.bus.lag(CHUNKS_READY), await work.dead()) == (9, 1, [])


async def test_what_fails_by_its_own_fault_is_given_up_after_five_times(made: Callable[..., Work]) -> None:
    work = made(_raising(ZeroDivisionError("seven")), times=5)
    await work.run()
    assert await work.bus.lag(CHUNKS_READY) == 0
    assert [(dead.topic, dead.error_class) for dead in await work.dead()] == [(CHUNKS_READY, "ZeroDivisionError")]


async def test_what_tells_of_the_dead_is_never_given_up_for_a_fault(made: Callable[..., Work]) -> None:
    work = made(_raising(ZeroDivisionError("seven")), times=9, topic=MESSAGES_DEAD)
    await work.run()
    assert (work.done, [delivery.body for delivery in await work.bus.receive(MESSAGES_DEAD, 9, 0.0)]) == (9, [b"{}"])


async def test_a_dead_letter_that_was_not_published_is_published_at_the_next_failure(
    made: Callable[..., Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = made(_raising(ZeroDivisionError("seven")), times=6)
    publish, refusals = work.bus.publish, iter([Transient("the bus is away")])

    async def refuse_first(topic: str, bodies: list[bytes]) -> None:
        if topic == MESSAGES_DEAD and (refusal := next(refusals, None)):
            raise refusal
        await publish(topic, bodies)

    monkeypatch.setattr(work.bus, "publish", refuse_first)
    await work.run()
    assert (work.done, await work.bus.lag(CHUNKS_READY), len(await work.dead())) == (6, 0, 1)


async def test_a_dead_letter_published_again_after_an_unknown_outcome_is_the_same_letter(
    made: Callable[..., Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = made(_raising(ZeroDivisionError("seven")), times=6)
    publish, outcomes = work.bus.publish, iter([Transient("no answer within 12 s")])

    async def answer_late(topic: str, bodies: list[bytes]) -> None:
        await publish(topic, bodies)
        if topic == MESSAGES_DEAD and (outcome := next(outcomes, None)):
            raise outcome

    monkeypatch.setattr(work.bus, "publish", answer_late)
    await work.run()
    first, second = await work.dead()
    assert first.letter_id == second.letter_id


async def test_equal_messages_have_a_dead_letter_each(made: Callable[..., Work]) -> None:
    work = made(_raising(msgspec.DecodeError("not JSON")), times=2)
    await work.bus.publish(CHUNKS_READY, [b"{}"])
    await work.run()
    assert len({dead.letter_id for dead in await work.dead()}) == 2
