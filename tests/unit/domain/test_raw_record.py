"""Raw records as a person reads them: cut around what is wrong, which is marked."""

import json

import pytest

from integrahub.domain.views.raw_record import MarkedText, mark_member, mark_offset


def test_the_member_that_is_wrong_is_marked_as_it_was_sent() -> None:
    record = b'{"PRODUCTID": 7, "PRICE" : "caro" ,"TITLE":"x"}'
    marked = mark_member(record, "PRICE")
    assert marked == MarkedText('{"PRODUCTID": 7, ', '"PRICE" : "caro"', ' ,"TITLE":"x"}')


def test_of_members_of_one_name_the_last_is_marked_because_it_counts() -> None:
    marked = mark_member(b'{"PRICE":1,"PRICE":"x"}', "PRICE")
    assert (marked.before, marked.marked) == ('{"PRICE":1,', '"PRICE":"x"')


def test_a_name_inside_of_a_value_is_not_taken_for_the_member() -> None:
    record = json.dumps({"A": {"PRICE": 1, "t": '"PRICE": 2'}, "PRICE": 3}).encode()
    assert mark_member(record, "PRICE").marked == '"PRICE": 3'


@pytest.mark.parametrize("record", [b"", b"[1]", b"no json", b'{"A":1', b'{"A"', b"\xff\xfe{"])
def test_what_is_no_object_with_the_member_is_shown_unmarked(record: bytes) -> None:
    marked = mark_member(record, "PRICE")
    assert marked.marked == "" and marked.before == record.decode("utf-8", "replace")


def test_a_long_record_is_cut_around_the_member() -> None:
    record = json.dumps({"A": "a" * 5000, "PRICE": "?", "Z": "z" * 5000}).encode()
    marked = mark_member(record, "PRICE")
    assert marked.marked == '"PRICE": "?"' and marked.is_cut_before and marked.is_cut_after
    assert len(marked.before) == len(marked.after) == 400


def test_a_long_member_is_cut_and_nothing_follows_it() -> None:
    marked = mark_member(json.dumps({"TITLE": "t" * 64_000, "PRICE": 1}).encode(), "TITLE")
    assert len(marked.marked) == 600 and marked.after == "" and marked.is_cut_after


def test_the_end_of_a_body_is_seen_before_and_after_its_last_byte() -> None:
    assert mark_offset(b'[{"A":1', 7, is_end=True) == MarkedText('[{"A":1', "", "")
    assert mark_offset(b'[{"A" 1}]', 6, is_end=True) == MarkedText('[{"A" ', "1", "}]")
    assert mark_offset(b"x" * 1000, 500, is_end=True).is_cut_before
