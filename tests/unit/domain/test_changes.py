"""Which changes count as changes of the stock alone."""

import pytest

from integrahub.domain.changes import COMPARED_COLUMNS, ChangeKind, FieldChanges, is_stock_only


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (ChangeKind.UPDATED, {"stock": (1, 2)}, True),
        (ChangeKind.UPDATED, {}, True),  # times alone
        (ChangeKind.UPDATED, {"stock": (1, 2), "price": (1, 2)}, False),
        (ChangeKind.REACTIVATED, {"stock": (1, 2)}, False),
        (ChangeKind.DEACTIVATED, {}, False),
        (ChangeKind.INSERTED, {"stock": (None, 2)}, False),
    ],
)
def test_only_an_update_can_be_of_the_stock_alone(kind: ChangeKind, fields: FieldChanges, expected: bool) -> None:
    assert is_stock_only(kind, fields) is expected


def test_indice_and_times_are_not_compared() -> None:
    assert {"title", "price", "price_promos", "stock", "extra"} <= {*COMPARED_COLUMNS}
    assert not {"indice", "source_created_at", "source_updated_at", "stock_updated_at"} & {*COMPARED_COLUMNS}
