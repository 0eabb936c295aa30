"""Rate limits: parsing, and the wait until the next call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.resilience.rate_limit import RateLimit, WindowUsage, client_network, parse_rate


def test_rates_are_read_as_people_write_them() -> None:
    assert parse_rate("100/minute") == RateLimit(100, 60)
    assert parse_rate(" 5 / Second ") == RateLimit(5, 1)
    assert parse_rate("1000/hour") == RateLimit(1000, 3600)
    assert parse_rate("off") is None


@pytest.mark.parametrize("text", ["", "100", "0/minute", "-1/minute", "1.5/minute", "100/day", "100/minute!"])
def test_what_is_no_rate_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="100/minute"):
        parse_rate(text)


@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 200), st.floats(0, 0.999))
def test_after_the_wait_one_more_is_granted_and_not_long_before(
    quota: int, now: int, before: int, elapsed: float
) -> None:
    rate, taken = RateLimit(quota, 60), WindowUsage(min(now, quota), min(before, quota), elapsed)
    wait = taken.retry_after(rate)
    assert (wait == 0) == (taken.remaining(rate) >= 1) or abs(wait) < 1e-6
    share = elapsed + wait / 60 + 1e-9
    later = WindowUsage(taken.current, taken.previous, share) if share < 1 else WindowUsage(0, taken.current, share - 1)
    assert later.remaining(rate) >= 1


def test_an_address_is_counted_with_its_neighbours_where_one_client_has_many() -> None:
    assert client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert client_network("::ffff:10.0.0.1") == client_network("10.0.0.1") == "10.0.0.1"
    assert client_network("") == "" and client_network("no address") == "no address"
