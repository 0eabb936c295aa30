"""Test that the examples of answers about products have the members that their models describe."""

from typing import Any

import pytest

from integrahub.api.models.base import Answer
from integrahub.api.models.product_changes import ChangePage, HistoryPage
from integrahub.api.models.products import ProductAnswer, ProductPage


@pytest.mark.parametrize("model", [ProductAnswer, ProductPage, ChangePage, HistoryPage])
def test_the_example_of_an_answer_is_one(model: type[Answer]) -> None:
    (example,) = _with_records(model.model_config["json_schema_extra"]["examples"])  # type: ignore[index, call-overload]
    assert model.model_validate(example).model_dump(mode="json") == example


def _with_records(example: Any) -> Any:
    """Return an example whose products have a record, which the dialect adds to the description."""
    if isinstance(example, list):
        return [_with_records(item) for item in example]
    if not isinstance(example, dict):
        return example
    record = {"rawJson": {"id": 1}} if "productId" in example else {}
    return {name: _with_records(value) for name, value in example.items()} | record
