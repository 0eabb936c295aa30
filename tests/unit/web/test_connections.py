"""Registry of open connections: which one is closed at a limit, and slow readers."""

from dataclasses import dataclass

import pytest

from integrahub.web.connections import ConnectionLimits, ConnectionRegistry

_PATIENCE = 30.0


@dataclass(eq=False)
class Peer:
    """Connection that does nothing by itself."""

    address: str = "192.0.2.1"
    waiting: int = 0
    taken: int = 0
    strange: bool = True
    secured: bool = False
    ended: bool = False

    def unsent(self) -> tuple[int, int]:
        return self.waiting, self.taken

    def is_anonymous(self) -> bool:
        return self.strange

    def is_tls(self) -> bool:
        return self.secured

    def abort(self) -> None:
        self.ended = True


class Clock:
    """Clock that advances only on request."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(clock: Clock, total: int = 4, per_address: int = 3, proxies: str = "") -> ConnectionRegistry:
    return ConnectionRegistry(ConnectionLimits(total, per_address, _PATIENCE, proxies), clock)


async def test_the_longest_idle_connection_of_an_address_gives_way_to_its_next(clock: Clock) -> None:
    registry, peers = made(clock, total=10), [Peer() for _ in range(4)]
    assert all(registry.add(peer) for peer in peers[:3])
    registry.mark_busy(peers[0])
    registry.mark_idle(peers[0])  # it has just been used
    assert registry.add(peers[3])
    assert [peer.ended for peer in peers] == [False, True, False, False]


async def test_the_longest_idle_of_all_gives_way_when_there_are_too_many(clock: Clock) -> None:
    registry, peers = made(clock), [Peer(f"192.0.2.{number}") for number in range(5)]
    assert all(registry.add(peer) for peer in peers)
    assert [peer.ended for peer in peers] == [True, False, False, False, False]


async def test_a_connection_with_a_request_never_gives_way(clock: Clock) -> None:
    registry, peers = made(clock), [Peer() for _ in range(3)]
    for peer in peers:
        registry.add(peer)
        registry.mark_busy(peer)
    assert not registry.add(Peer())
    assert registry.add(Peer("192.0.2.9"))
    registry.remove(peers[0])
    assert registry.add(Peer())
    assert not any(peer.ended for peer in peers)


@pytest.mark.parametrize(("proxies", "taken"), [("", False), ("192.0.2.0/24", True), ("*", True), ("10.0.0.1", False)])
async def test_a_trusted_proxy_has_no_bound_of_its_own(clock: Clock, proxies: str, taken: bool) -> None:
    registry = made(clock, total=10, proxies=proxies)
    for _ in range(3):
        peer = Peer()
        registry.add(peer)
        registry.mark_busy(peer)
    assert registry.add(Peer()) is taken


async def test_addresses_of_one_ipv6_network_are_one(clock: Clock) -> None:
    registry, peers = made(clock, total=10), [Peer(f"2001:db8::{number}") for number in range(4)]
    assert all(registry.add(peer) for peer in peers)
    assert [peer.ended for peer in peers] == [True, False, False, False]


async def test_a_client_that_takes_next_to_nothing_is_cut_off(clock: Clock) -> None:
    registry = made(clock, total=10, per_address=10)
    silent, dripping, slow, filled, done = (Peer(waiting=90_000) for _ in range(5))
    for peer in (silent, dripping, slow, filled, done):
        registry.add(peer)
        registry.mark_busy(peer)
    for second in range(0, 61, 5):
        clock.now = second
        dripping.waiting -= 100
        slow.waiting -= 6_000
        filled.taken += 1
        done.waiting = 0
        registry.close_slow_readers()
        assert silent.ended is (second >= _PATIENCE)
    assert (dripping.ended, slow.ended, filled.ended, done.ended) == (True, False, False, False)


async def test_few_strangers_may_keep_answers_waiting_and_known_clients_do_not_count(clock: Clock) -> None:
    registry = made(clock, total=1000, per_address=1000)
    strangers, known = [Peer() for _ in range(60)], [Peer(strange=False) for _ in range(60)]
    for peer in (*known, *strangers):
        registry.add(peer)
        registry.mark_busy(peer)
        registry.mark_stalled(peer)
    assert sum(peer.ended for peer in strangers) == 10 and strangers[0].ended
    assert not any(peer.ended for peer in known)


async def test_few_idle_strangers_may_keep_the_state_of_tls_and_known_clients_do_not_count(clock: Clock) -> None:
    registry = made(clock, total=9000, per_address=9000)
    clear, known = [Peer() for _ in range(600)], [Peer(strange=False, secured=True) for _ in range(600)]
    strangers = [Peer(secured=True) for _ in range(510)]
    for peer in (*clear, *known, *strangers[:500]):
        registry.add(peer)
    registry.mark_busy(strangers[0])
    for peer in strangers[500:]:
        registry.add(peer)
    assert [peer.ended for peer in strangers[:11]] == [False] + [True] * 9 + [False]
    registry.mark_idle(strangers[0])
    assert strangers[10].ended and sum(peer.ended for peer in strangers) == 10
    assert not any(peer.ended for peer in (*clear, *known))
