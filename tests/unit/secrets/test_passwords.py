"""Hashes of passwords: Argon2id, bounded in number."""

import asyncio

import pytest

from integrahub.domain.errors import Unavailable
from integrahub.secrets.passwords import PasswordHasher

PASSWORD = "uma frase longa de teste"


async def test_a_password_is_stored_as_argon2id_with_a_salt_of_its_own() -> None:
    hasher = PasswordHasher()
    first, second = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and first != second
    assert await hasher.verify(PASSWORD, first) and await hasher.verify(PASSWORD, second)


@pytest.mark.parametrize("typed", ["", PASSWORD[:-1], PASSWORD.upper(), PASSWORD + " ", "\ud800", "x" * 5000])
async def test_no_other_password_has_its_hash(typed: str) -> None:
    hasher = PasswordHasher()
    assert not await hasher.verify(typed, await hasher.hash(PASSWORD))


async def test_a_password_is_the_same_however_its_accents_are_composed() -> None:
    hasher = PasswordHasher()
    assert await hasher.verify("senha secreta: coração", await hasher.hash("senha secreta: coração"))


async def test_a_long_password_counts_to_its_last_character() -> None:
    hasher = PasswordHasher()
    stored = await hasher.hash("a" * 127 + "b")
    assert not await hasher.verify("a" * 127 + "c", stored)


@pytest.mark.parametrize("stored", [None, "", "$argon2id$v=19$m=19456,t=2,p=1$x$y", "plain"])
async def test_without_a_hash_or_with_a_damaged_one_no_password_is_right(stored: str | None) -> None:
    assert not await PasswordHasher().verify(PASSWORD, stored)


async def test_too_many_passwords_at_once_are_refused_and_two_are_hashed_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running, most = 0, 0

    async def count(work: object, *values: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return False

    monkeypatch.setattr(asyncio, "to_thread", count)
    hasher = PasswordHasher()
    results = await asyncio.gather(*(hasher.verify(PASSWORD, "x") for _ in range(60)), return_exceptions=True)
    assert most == 2
    assert [isinstance(result, Unavailable) for result in results] == [False] * 50 + [True] * 10
    assert await hasher.verify(PASSWORD, "x") is False  # the places are free again
