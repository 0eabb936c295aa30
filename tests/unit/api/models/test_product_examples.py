"""Test that the examples of answers about products have the members that their models describe."""

import pytest

from integrahub.api.models.base import Answer
from integrahub.api.models.product_changes import ChangePage, HistoryPage
from integrahub.api.models.products import ProductAnswer, ProductPage


@pytest.mark.parametrize("model", [ProductAnswer, ProductPage, ChangePage, HistoryPage])
def test_the_example_of_an_answer_is_one(model: type[Answer]) -> None:
    (example,) = model.model_config["json_schema_extra"]["examples"]  # type: ignore[index, call-overload]
    assert model.model_validate(example).model_dump(mode="json") == example
