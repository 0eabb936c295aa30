"""Accounts of a soak test: what was lost, doubled or left incomplete is found."""

import pytest

from integrahub.tools.soak.ledger import Ledger, compare
from integrahub.tools.soak.rows import ListedBatch

CNPJ = "05927228000145"


def _ledger() -> Ledger:
    ledger = Ledger()
    ledger.acknowledge("a", CNPJ, 10)
    ledger.acknowledge("b", CNPJ, 10)
    ledger.products[CNPJ] = 20
    return ledger


def _batch(batch_id: str, status: str = "COMPLETED", processed: int = 10) -> ListedBatch:
    return ListedBatch(batch_id, CNPJ, status, 10, processed)


@pytest.mark.parametrize(
    ("listed", "products", "expected"),
    [
        ([_batch("a"), _batch("b")], 20, (0, 0, 0)),
        ([_batch("a")], 20, (1, 0, 0)),
        ([_batch("a"), _batch("b")], 19, (1, 0, 0)),
        ([_batch("a"), _batch("b"), _batch("b")], 20, (0, 1, 0)),
        ([_batch("a"), _batch("b"), _batch("c")], 20, (0, 1, 0)),
        ([_batch("a"), _batch("b")], 21, (0, 1, 0)),
        ([_batch("a"), _batch("b", "FAILED")], 20, (0, 0, 1)),
        ([_batch("a"), _batch("b", processed=9)], 20, (0, 0, 1)),
    ],
)
def test_every_difference_is_found(listed: list[ListedBatch], products: int, expected: tuple[int, int, int]) -> None:
    account = compare(_ledger(), listed, {CNPJ: products})
    assert (len(account.lost), len(account.doubled), len(account.incomplete)) == expected
    assert account.adds_up == (expected == (0, 0, 0))


def test_a_batch_that_answers_two_posts_is_a_double() -> None:
    ledger = _ledger()
    ledger.acknowledge("a", CNPJ, 10)
    assert compare(ledger, [_batch("a"), _batch("b")], {CNPJ: 20}).doubled == ["batch a answered two posts"]


def test_an_answer_that_no_fault_explains_is_kept_with_its_second() -> None:
    ledger = Ledger()
    for answer in ("200", "503", "ReadError", "404", "ReadTimeout"):
        ledger.count("read /health", answer, 7.04, 0.26)
    assert ledger.answers == {f"read {name}": 1 for name in ("200", "503", "ReadError", "404", "ReadTimeout")}
    assert [(one.at, one.request, one.answer, one.waited) for one in ledger.unexpected] == [
        (7.0, "read /health", "404", 0.3),
        (7.0, "read /health", "ReadTimeout", 0.3),
    ]
