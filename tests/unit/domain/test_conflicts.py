"""Groups of batches without common products keep the order of batches with common ones."""

from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.conflicts import conflict_free_groups

BATCHES = st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(0, 5), max_size=4)), max_size=12)


@given(BATCHES)
def test_each_batch_is_in_the_first_round_after_all_it_shares_a_product_with(
    batches: list[tuple[int, list[int]]],
) -> None:
    found = conflict_free_groups(batches)
    for place, (pharmacy, ids) in enumerate(batches):
        before = [
            found[earlier]
            for earlier, (other, others) in enumerate(batches[:place])
            if other == pharmacy and {*ids} & {*others} - {0}
        ]
        assert found[place] == 1 + max(before, default=-1)
