"""The status that the reference gives each code is the one with which the code is raised."""

import ast
from collections.abc import Iterator
from pathlib import Path

import integrahub
from integrahub.domain import errors
from integrahub.domain.messages.catalog import MESSAGES
from integrahub.domain.messages.statuses import STATUSES, is_retryable, status_of

# Codes of batches: in `error`, `deactivation` and the report, never those of a refused request.
_OF_BATCHES = {
    *(
        "body_truncated",
        "body_malformed",
        "body_no_catalogue",
        "product_repeated",
        "body_missing",
        "body_damaged",
        "split_failed",
    ),
    *("worker_crashed", "records_not_applied", "nothing_applied", "too_many_absent", "ids_unreadable", "end_not_seen"),
    *("count_differs", "replayed", "window_cancelled", "part_failed"),
}
_NO_CODES = ("check_", "key_shown_once")
_SOURCE = Path(integrahub.__file__).parent


def _raised() -> Iterator[tuple[str, int]]:
    """Yield each code that the source passes to a problem, with the problem's status."""
    classes = {name: kind.status for name, kind in vars(errors).items() if hasattr(kind, "status")}
    for path in _SOURCE.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in classes and call.args and isinstance(call.args[0], ast.Constant):
                yield str(call.args[0].value), classes[name]


def test_each_code_is_raised_with_the_status_of_the_reference() -> None:
    raised = set(_raised())
    assert len(raised) > 70
    wrong = {(code, status) for code, status in raised if status_of(code) != status}
    assert wrong == set(), "add these codes to domain/messages/statuses.py"


def test_each_code_has_a_status_or_belongs_to_batches() -> None:
    codes = {code for code in MESSAGES if not code.startswith(_NO_CODES)}
    without = {code for code in codes if status_of(code) is None}
    assert without == _OF_BATCHES, "add codes of refusals to domain/messages/statuses.py"
    assert set(STATUSES) <= codes


def test_a_refusal_that_may_pass_later_is_retryable_and_a_wrong_request_is_not() -> None:
    assert is_retryable(429) and is_retryable(503) and not is_retryable(400) and not is_retryable(409)
