"""API keys: unguessable, detectable by scanners, stored as hashes."""

import re

import pytest

from integrahub.domain.api_keys import (
    CLIENT,
    Caller,
    Scope,
    expand_scopes,
    generate_key,
    hash_key,
    mask_key,
    parse_key_id,
)


def test_keys_differ_and_have_one_shape() -> None:
    made = [generate_key() for _ in range(1000)]
    assert len({key.text for key in made}) == len({key.public_id for key in made}) == 1000
    assert all(re.fullmatch(r"ihub_live_[0-9A-Z]{12}_[0-9A-Z]{39}", key.text) for key in made)
    assert generate_key(frozenset({Scope.VIEWER})).text.startswith("ihub_admin_")


def test_a_key_tells_its_id_only_while_every_character_is_right() -> None:
    key = generate_key()
    assert parse_key_id(key.text) == key.public_id
    wrong = [key.text[:place] + ("0" if key.text[place] != "0" else "1") + key.text[place + 1 :] for place in range(60)]
    assert {parse_key_id(text) for text in [*wrong, key.text[:-1], key.text + "0", "", "ihub_live_a_b"]} == {None}


def test_a_hash_depends_on_key_and_pepper_and_tells_neither() -> None:
    key = generate_key().text
    hashes = {hash_key(key, b"a"), hash_key(key, b"b"), hash_key(generate_key().text, b"a")}
    assert len(hashes) == 3 and all(len(digest) == 32 for digest in hashes)


def test_a_hint_never_shows_enough_to_use() -> None:
    for key in ("short-key", "12345678", "a-long-key-of-the-older-hub"):
        assert len(mask_key(key).replace("…", "")) <= max(2, len(key) // 3)
    made = generate_key().text
    assert made.startswith(mask_key(made).removesuffix("…")) and len(mask_key(made)) < len(made) - 32


def test_a_caller_sees_its_own_pharmacies_only() -> None:
    one, several, everyone = Caller(frozenset("1")), Caller(frozenset("12")), Caller(None)
    assert (one.single_cnpj(), several.single_cnpj(), everyone.single_cnpj()) == ("1", None, None)
    assert one.can_see("1") and not one.can_see("2") and several.can_see("2") and everyone.can_see("3")


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        (CLIENT, "ingest read"),
        ({Scope.READ}, "read"),
        ({Scope.INGEST}, "ingest"),
        ({Scope.VIEWER}, "read viewer"),
        ({Scope.OPERATOR}, "operator read viewer"),
        ({Scope.ADMIN}, "admin ingest operator read viewer"),
    ],
)
def test_each_scope_contains_the_lower_ones(scopes: set[Scope], may: str) -> None:
    assert " ".join(sorted(expand_scopes(frozenset(scopes)))) == may
