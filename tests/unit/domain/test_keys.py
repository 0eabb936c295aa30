"""Keys: hard to guess, recognised by a scanner, stored as what is worth nothing alone."""

import re

from integrahub.domain.keys import Caller, generate_key, key_hash, key_hint


def test_keys_differ_and_have_one_shape() -> None:
    keys = {generate_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(re.fullmatch(r"ihub_live_[0-9A-Z]{39}", key) for key in keys)


def test_a_hash_depends_on_key_and_pepper_and_tells_neither() -> None:
    key = generate_key()
    hashes = {key_hash(key, b"a"), key_hash(key, b"b"), key_hash(generate_key(), b"a")}
    assert len(hashes) == 3 and all(len(digest) == 32 for digest in hashes)


def test_a_hint_never_shows_enough_to_use() -> None:
    for key in (generate_key(), "short-key", "12345678"):
        assert len(key_hint(key).replace("…", "")) <= max(2, len(key) // 3)


def test_a_caller_sees_its_own_pharmacies_only() -> None:
    one, several, everyone = Caller(frozenset("1")), Caller(frozenset("12")), Caller(None)
    assert (one.only(), several.only(), everyone.only()) == ("1", None, None)
    assert one.may_see("1") and not one.may_see("2") and several.may_see("2") and everyone.may_see("3")
