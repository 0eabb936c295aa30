"""The list's filters and the form of settings, without a hub."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integrahub.console.pages.pharmacies.filters import Entry, ListFilters, fold, select_page
from integrahub.console.pages.pharmacies.settings_form import InvalidSettings, read_settings, share_as_percent
from integrahub.db.console.pharmacies_rows import PharmacySummary
from integrahub.domain.freshness.rhythm import PharmacyState

FORM = {"name": "Sol", "time_zone": "America/Sao_Paulo"}


def _entry(cnpj: str, *states: PharmacyState, last_at: datetime | None = None) -> Entry:
    summary = PharmacySummary(1, cnpj, cnpj, "", "", None, last_at, None, None, None, 0, None, None, 0)
    return Entry(summary, states or (PharmacyState.OK,))


def test_a_pharmacy_in_two_states_is_found_by_each() -> None:
    both = _entry("1", PharmacyState.FAILING, PharmacyState.HELD)
    assert ListFilters(state="held").matches(both) and ListFilters(state="failing").matches(both)
    assert not ListFilters(state="silent").matches(both)


def test_the_most_urgent_comes_first_and_of_those_the_longest_without_a_post() -> None:
    at = datetime(2026, 11, 27, tzinfo=UTC)
    entries = [
        _entry("1"),
        _entry("2", PharmacyState.SILENT, last_at=at),
        _entry("3", PharmacyState.SILENT, last_at=at.replace(day=26)),
        _entry("4", PharmacyState.FAILING),
        _entry("5", PharmacyState.STOPPED),
    ]
    page = select_page(entries, ListFilters())
    assert [entry.summary.cnpj for entry in page.entries] == ["4", "3", "2", "1", "5"]


def test_a_last_page_has_no_next_one_and_an_old_cursor_leads_to_the_first() -> None:
    entries = [_entry(f"{number:03}") for number in range(50)]
    assert select_page(entries, ListFilters(sort="cnpj")).next_cursor is None
    page = select_page([*entries, _entry("050")], ListFilters(sort="cnpj"))
    assert page.next_cursor == "049" and page.matched == 51
    assert select_page(entries, ListFilters(sort="cnpj", cursor="gone")).entries[0].summary.cnpj == "000"


def test_searching_leaves_accents_and_case_aside() -> None:
    assert fold("São JOÃO Ç") == "sao joao c"


@pytest.mark.parametrize(
    ("text", "share"), [("15", "0.15"), ("12,5 %", "0.125"), ("0", "0"), ("100%", "1"), ("0.01", "0.0001")]
)
def test_a_share_is_read_as_people_write_it_and_shown_again(text: str, share: str) -> None:
    settings = read_settings(FORM | {"deactivation_limit": text})
    assert settings.deactivation_limit == Decimal(share)
    assert Decimal(share_as_percent(settings.deactivation_limit)) == Decimal(share) * 100


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", "x" * 201),
        ("name", "a\0b"),
        ("state", "x" * 21),
        ("deactivation_limit", "-1"),
        ("deactivation_limit", "NaN"),
        ("deactivation_limit", "Infinity"),
        ("full_window_minutes", "1441"),
        ("full_window_minutes", "²"),
        ("rate_limit", "0/minute"),
    ],
)
def test_a_value_out_of_range_is_an_error_of_its_field(field: str, text: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings(FORM | {field: text})
    assert set(error.value.errors) == {field}


def test_an_empty_form_has_an_error_for_each_required_field() -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings({})
    assert set(error.value.errors) == {"name", "time_zone"}
