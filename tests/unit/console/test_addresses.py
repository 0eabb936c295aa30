"""What pages read from their addresses: times, cursors, filters; and where entries of the audit log lead."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from starlette.datastructures import QueryParams

from integrahub.console.page_cursors import decode_cursor, read_time, split_page
from integrahub.console.pages.audit import _path_of
from integrahub.console.pages.batches import parse_filters
from integrahub.console.time_ranges import parse_time
from integrahub.db.accounts.rows import AuditEntry
from integrahub.domain import cursors

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_ID = UUID(int=7)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("24h", NOW - timedelta(hours=24)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01", None),  # no zone west of UTC can show it
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_time_that_cannot_be_shown_is_none(text: str, time: datetime | None) -> None:
    assert parse_time(text, NOW) == time


def test_a_span_ends_at_the_time_of_the_address() -> None:
    filters = parse_filters(QueryParams("since=1h&until=2026-11-20T10:00:00Z"), NOW)
    assert filters.until and filters.since == filters.until - timedelta(hours=1)


@pytest.mark.parametrize("values", [("x", "y"), ("2026-01-01", "y"), ("0001-01-01", str(_ID)), (1, 2), ("x",)])
def test_values_that_are_none_of_a_cursor_begin_at_the_first_page(values: tuple[str | int, ...]) -> None:
    assert decode_cursor(cursors.encode(*values), read_time, UUID) is None


def test_a_cursor_has_typed_values() -> None:
    assert decode_cursor(cursors.encode(NOW.isoformat(), str(_ID)), read_time, UUID) == [NOW, _ID]
    assert decode_cursor(cursors.encode(2**63), int) is None and decode_cursor(cursors.encode(7), int) == [7]


def test_a_page_has_a_next_one_only_if_a_row_follows() -> None:
    assert split_page([1, 2, 3], 3) == ([1, 2, 3], None)
    assert split_page([1, 2, 3, 4], 3) == ([1, 2, 3], 3)


@pytest.mark.parametrize(
    ("action", "subject", "path"),
    [
        ("batch.replay", str(_ID), f"/console/batches/{_ID}"),
        ("pharmacy.put", "05927228000145", "/console/pharmacies/05927228000145"),
        ("key.create", "05927228000145", "/console/pharmacies/05927228000145"),
        ("failure.mute", "a/b c", "/console/failures/a%2Fb%20c"),
        ("dead_letters.replay.stop", str(_ID), f"/console/failures/replays/{_ID}"),
        ("user.set", "user 7", "/console/users/7"),
        ("key.revoke", str(_ID), ""),
        ("console.act", "/console/me", ""),
        ("user.add", "", ""),
    ],
)
def test_an_entry_of_the_audit_log_leads_to_its_subject(action: str, subject: str, path: str) -> None:
    entry = AuditEntry(1, NOW, "Ana", "", action, subject, None, None, "done", NOW)
    assert _path_of(entry) == path
