"""Pool sizes: one number for all, or one per role."""

import pytest

from integrahub.settings.model import Settings
from integrahub.settings.pool_sizes import parse_pool_size


def test_a_size_is_for_all_or_per_role() -> None:
    assert parse_pool_size("8", 2).of("api") == parse_pool_size("8", 2).of("worker") == 8
    mixed = parse_pool_size("api=12", 8)
    assert (mixed.of("api"), mixed.of("worker")) == (12, 8)
    assert parse_pool_size("6, API = 12", 8).of("worker") == 6


@pytest.mark.parametrize("text", ["", "0", "many", "api=", "split=4", "201", "api=0", "8;9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no pool size"):
        parse_pool_size(text, 8)


def test_the_settings_give_each_role_its_own_and_never_more_kept_than_held() -> None:
    settings = Settings(pool_min_size="4", pool_max_size="api=12,worker=3")
    assert settings.pool_sizes("api") == (4, 12)
    assert settings.pool_sizes("worker") == (3, 3)
    assert Settings().pool_sizes("api") == (2, 8)
