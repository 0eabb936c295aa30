"""Cached values expire after a fixed time, and the cache stays small."""

from integrahub.resilience.ttl_cache import TtlCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_expires_after_its_time_but_its_key_stays_known() -> None:
    clock = Clock()
    cache = TtlCache[str, int](2.0, 10, clock)
    cache.put("a", 1)
    clock.now = 1.9
    assert cache.get("a") == 1
    clock.now = 2.0
    assert cache.get("a") is None and "a" in cache
    cache.put("a", 2)
    assert cache.get("a") == 2


def test_a_removed_value_is_gone() -> None:
    cache = TtlCache[str, int](2.0, 10)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.remove("a")
    cache.remove("never stored")
    assert cache.get("a") is None and "a" not in cache and cache.get("b") == 2
    cache.clear()
    assert "b" not in cache


def test_a_full_cache_is_cleared() -> None:
    cache = TtlCache[int, int](2.0, 3)
    for number in range(4):
        cache.put(number, number)
    assert [number in cache for number in range(4)] == [False, False, False, True]
