"""Numbers, times and ids as people read them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from integrahub.console.formats import Formats, mask_cnpj, short_id
from integrahub.console.translations import load_catalogs

NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)
PORTUGUESE = Formats(load_catalogs()["pt-BR"], NOW)
ENGLISH = Formats(load_catalogs()["en"], NOW)


def test_numbers_follow_the_language() -> None:
    assert (PORTUGUESE.number(1392), ENGLISH.number(1392)) == ("1.392", "1,392")
    assert (PORTUGUESE.number(12.5, 2), ENGLISH.number(12.5, 2)) == ("12,50", "12.50")
    assert PORTUGUESE.percent(0.224) == "22 %"


@pytest.mark.parametrize(("value", "text"), [(2.5, "2,5"), (0.0375, "0,0375"), (1200, "1.200"), (0.00001, "0,0000")])
def test_an_exact_number_has_all_its_digits(value: float, text: str) -> None:
    assert PORTUGUESE.exact(value) == text


def test_a_price_has_at_least_two_digits_and_a_day_follows_the_language() -> None:
    assert (PORTUGUESE.exact(9.9, 2), ENGLISH.exact(9, 2)) == ("9,90", "9.00")
    day = date(2026, 11, 3)
    assert (PORTUGUESE.on_day(day), ENGLISH.on_day(day)) == ("03/11", "3 Nov")


def test_what_is_unknown_is_a_dash() -> None:
    assert {str(f(None)) for f in (ENGLISH.number, ENGLISH.size, ENGLISH.when, ENGLISH.age, ENGLISH.duration)} == {"–"}


@pytest.mark.parametrize(
    ("octets", "text"), [(999, "999 B"), (1024, "1,0 KB"), (119_304_912, "114 MB"), (5 << 30, "5,0 GB")]
)
def test_sizes(octets: int, text: str) -> None:
    assert PORTUGUESE.size(octets) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [(0.25, "250 ms"), (2.44, "2,4 s"), (75, "1 min 15 s"), (timedelta(days=3, hours=4), "3 d 4 h"), (3600, "1 h")],
)
def test_durations(length: float | timedelta, text: str) -> None:
    assert PORTUGUESE.duration(length) == text


def test_a_time_is_shown_in_the_zone_and_kept_in_utc() -> None:
    shown = PORTUGUESE.when(datetime(2026, 11, 27, 0, 3, 7, tzinfo=UTC))
    assert shown == ('<time datetime="2026-11-27T00:03:07.000Z" title="2026-11-26 21:03:07 -0300">26/11 21:03</time>')


def test_the_year_is_shown_unless_it_is_this_one() -> None:
    assert ">31/12/2025 09:00<" in PORTUGUESE.when(datetime(2025, 12, 31, 12, tzinfo=UTC))


def test_an_age_is_relative_for_a_day() -> None:
    assert ">há 11 h<" in PORTUGUESE.age(NOW - timedelta(hours=11, minutes=59))
    assert ">11 h ago<" in ENGLISH.age(NOW - timedelta(hours=11, minutes=59))
    assert ">26/11 09:00<" in PORTUGUESE.age(NOW - timedelta(days=1))


def test_an_age_changes_once_a_minute() -> None:
    ages = {ENGLISH.age(NOW - timedelta(minutes=5, seconds=second)).partition(">")[2] for second in range(60)}
    assert ages == {"5 min ago</time>"}


def test_what_has_just_happened_has_no_seconds() -> None:
    assert ">agora há pouco<" in PORTUGUESE.age(NOW - timedelta(seconds=59))


def test_ids_and_cnpjs() -> None:
    assert mask_cnpj("05927228000145") == "05.927.228/0001-45"
    assert mask_cnpj('<b>"') == '<b>"'
    assert ">8f31c2d0</code>" in short_id("01939f2e-0000-7000-8000-12348f31c2d0")
    assert "<b>" not in short_id("<b>")
