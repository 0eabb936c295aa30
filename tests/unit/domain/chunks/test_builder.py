"""Chunk builder: each product belongs to exactly one chunk, and a stored chunk is read back unchanged."""

from array import array
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.formats import decode_chunk_object
from integrahub.domain.chunks.index import SeenProducts, count_partitions
from integrahub.domain.copy_text import to_bigint

ids = st.lists(st.integers(min_value=0, max_value=12), min_size=1, max_size=60)
large = st.sampled_from([0, 1, 3, (1 << 32) - 1, 1 << 32, 5 << 33, (1 << 62) + 1, (1 << 63) - 1])


def drafts(product_ids: list[int], size: int) -> list[ChunkBuilder]:
    found = [ChunkBuilder()]
    for position, product_id in enumerate(product_ids):
        if found[-1].is_full(size):
            found.append(ChunkBuilder())
        record = b"r%d" % position
        found[-1].add(position, position * 10, record, product_id, position * 7 + 1, len(record))
    return found


@given(st.one_of(ids, st.lists(large, min_size=1)), st.integers(min_value=1, max_value=7))
def test_a_product_whose_records_straddle_chunks_is_left_to_a_late_one(product_ids: list[int], size: int) -> None:
    seen = SeenProducts()
    chunks = drafts(product_ids, size)
    slots = [seen.add_chunk(draft) for draft in chunks]
    deferred = [seen.mark_straddling(chunk.ids) for chunk in slots]
    places: dict[int, set[int]] = {}
    for position, product_id in enumerate(product_ids):
        places.setdefault(product_id, set()).add(position // size)
    straddling = {product_id for product_id, chunks_of in places.items() if product_id and len(chunks_of) > 1}
    assert {product_id for product_id in {*product_ids} - {0} if seen.is_straddling(product_id)} == straddling
    applied = Counter(i for chunk in slots for i in set(chunk.ids) if i > 0)
    assert all(times == 1 for times in applied.values()) and not set(applied) & straddling
    kept = [product_id for chunk in slots for product_id in chunk.ids if product_id >= 0]
    assert len(product_ids) - len(kept) == sum(deferred) == sum(map(straddling.__contains__, product_ids))


def test_ids_that_share_a_key_go_to_late_chunks_together() -> None:
    seen = SeenProducts()
    spread = [(1 << 40) + (number << 13) for number in range(1 << 18)]
    for start in range(0, len(spread), 1000):
        draft = ChunkBuilder(ids=array("q", spread[start : start + 1000]))
        draft.hashes = array("q", bytes(8 * len(draft.ids)))
        seen.add_chunk(draft)
    late = [product_id for product_id in spread if seen.is_straddling(product_id)]
    assert len(late) < 100  # about 16 of 2**18 are expected to meet among 2**32 keys
    assert len(seen.keys_of(spread)) >= len(spread) - len(late)


@given(ids)
def test_a_stored_chunk_comes_back_as_it_was(product_ids: list[int]) -> None:
    (draft,) = drafts(product_ids, 100)
    draft.add(1000, 5000, b'{"TITLE":"too lo', 0, 0, 70_000)
    payload = decode_chunk_object(draft.to_object().encode())
    assert (payload.positions, payload.offsets, payload.records) == (draft.positions, draft.offsets, draft.records)
    assert payload.oversize == {len(product_ids): 70_000}


def test_repeats_of_a_product_get_one_hash_that_depends_on_all_of_them_and_their_order() -> None:
    def combined(hashes: list[int]) -> list[int]:
        draft = ChunkBuilder()
        for slot, digest in enumerate(hashes):
            draft.add(slot, slot, b"x", 9, digest, 1)
        draft.combine_repeats()
        return list(draft.hashes)

    assert len(set(combined([1, 2, 3]))) == 1
    assert len({combined(hashes)[0] for hashes in ([1, 2], [2, 1], [1, 3], [1, 2, 3])}) == 4
    assert combined([5]) == [5]


def test_a_chunk_closes_at_its_records_or_at_4_megabytes() -> None:
    draft = ChunkBuilder()
    draft.add(0, 0, b"x" * (4 << 20), 1, 1, 4 << 20)
    assert draft.is_full(1000)
    assert [len(draft.records) for draft in drafts(list(range(1, 26)), 10)] == [10, 10, 5]


@given(st.integers(min_value=1, max_value=10**7), st.integers(min_value=1, max_value=50_000))
def test_late_chunks_are_few_and_hold_about_a_chunk_each(late: int, size: int) -> None:
    count = count_partitions(late, size)
    assert 1 <= count <= 256
    assert count == 256 or late <= count * size


@given(st.integers(min_value=0, max_value=(1 << 64) - 1))
def test_a_hash_is_a_bigint(number: int) -> None:
    assert -(1 << 63) <= to_bigint(number) < 1 << 63 and to_bigint(number) % (1 << 64) == number
