"""Numbers, dates and texts as ERPs write them."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrahub.domain.dialects.inovafarma.values import (
    UnreadableValue,
    parse_decimal,
    parse_local_time,
    parse_number,
    parse_product_id,
    to_text,
    to_text_as_sent,
)

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12,50", "12.5"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("\xa0 7 ", "7"),
        (",5", "0.5"),
        ("-4,5", "-4.5"),
        ("1e2", "100"),
        (Decimal("0.00005"), "0.0001"),
        (Decimal("-0.00005"), "-0.0001"),
        (Decimal("-0.00001"), "0"),
        (10, "10"),
        ("", None),
        (None, None),
    ],
)
def test_numbers_are_read_as_written_and_rounded_away_from_zero(value: Any, expected: str | None) -> None:
    assert parse_number(value, 4) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    "value",
    [
        "abc",
        "12,5,0",
        "1.23,45",
        "R$ 5",
        "NaN",
        "Infinity",
        "١٢",
        True,
        [],
        {},
        Decimal("1e400"),
        10**10,
        "9999999999.99995",
    ],
)
def test_what_is_no_number_of_the_column_is_unreadable(value: Any) -> None:
    with pytest.raises(UnreadableValue):
        parse_number(value, 4)


def test_times_lose_their_offset_in_the_pharmacys_zone() -> None:
    assert parse_local_time("2026-03-01T10:20:30", ZONE) == "2026-03-01 10:20:30"
    assert parse_local_time("2026-03-01T10:20:30.123", ZONE) == "2026-03-01 10:20:30.123000"
    assert parse_local_time("2026-03-01T10:20:30Z", ZONE) == "2026-03-01 07:20:30"
    assert parse_local_time(" ", ZONE) is None
    for value in ("32/01/2026", 20260301, "0001-01-01T00:00:00+14:00", []):
        with pytest.raises(UnreadableValue):
            parse_local_time(value, ZONE)


def test_product_ids_are_positive_bigints_also_as_text() -> None:
    assert [parse_product_id(value) for value in (201, "201", " 201 ", Decimal("201.0"))] == [201] * 4
    assert parse_product_id(None) == parse_product_id(" ") == 0
    for value in (0, -1, "0", "-1", "x", "1.5", 1 << 63, True, [], Decimal("1.5"), Decimal("1e300")):
        with pytest.raises(UnreadableValue):
            parse_product_id(value)


def test_texts_are_kept_as_sent() -> None:
    assert [to_text(value) for value in (" a\xa0", None, 7, False)] == [" a\xa0", "", "7", "false"]
    with pytest.raises(UnreadableValue):
        to_text(["a"])


@pytest.mark.parametrize("sent", ["1e99999999999999999999", "-1E+99999999999999999999", "0.5e99999999999999999999"])
def test_a_number_of_any_size_is_read_and_shown_as_sent(sent: str) -> None:
    large, least = parse_decimal(sent), parse_decimal(sent.lower().replace("e+", "e").replace("e", "e-"))
    assert (large < 0) == (least < 0) == sent.startswith("-")
    assert to_text(large) == sent and parse_number(least, 4) == 0
    for wanted in (lambda: parse_number(large, 4), lambda: parse_product_id(large), lambda: parse_product_id(least)):
        with pytest.raises(UnreadableValue):
            wanted()


def test_a_zero_is_zero_whatever_its_exponent() -> None:
    zeros = ("0e99999999999999999999", "-0.0e9999", "0e-9999")
    assert [parse_number(parse_decimal(sent), 3) for sent in zeros] == [0, 0, 0]


@pytest.mark.parametrize(
    ("sent", "digits"),
    [
        ("7.89600470339E12", "7896004703390"),
        ("7896004703398.0", "7896004703398"),
        ("1.0E7", "10000000"),
        ("30049099.0", "30049099"),
        ("12.50", "12.50"),
        ("7.5e-3", "0.0075"),
        ("-0.0", "0"),
        ("0e9", "0"),
        ("123456789012345678901.0", "123456789012345678901"),
        ("1e400", "1E+400"),
    ],
)
def test_a_number_in_a_text_field_is_its_digits(sent: str, digits: str) -> None:
    assert to_text(parse_decimal(sent)) == digits
    assert to_text_as_sent(parse_decimal("1.0")) == "1.0"
