"""Names, e-mail addresses, roles and passwords of people."""

import pytest

from integrahub.domain.people.names import clean_email, clean_name, to_login
from integrahub.domain.people.passwords import is_easy, is_fit_length
from integrahub.domain.people.roles import Role


def test_each_role_includes_those_before_it() -> None:
    table = {role: [other for other in Role if role.includes(other)] for role in Role}
    assert table == {
        Role.VIEWER: [Role.VIEWER],
        Role.OPERATOR: [Role.VIEWER, Role.OPERATOR],
        Role.ADMIN: [Role.VIEWER, Role.OPERATOR, Role.ADMIN],
    }


@pytest.mark.parametrize(
    ("text", "name"), [("Ana", "Ana"), ("  Ana   Souza ", "Ana Souza"), ("Joa\u0303o", "João"), ("x" * 64, "x" * 64)]
)
def test_a_name_is_stored_composed_and_with_single_spaces(text: str, name: str) -> None:
    assert clean_name(text) == name


@pytest.mark.parametrize("text", ["", "  ", "x" * 65, "Ana\x00", "Ana\u202eazuoS", "Ana\ud800"])
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a name has"):
        clean_name(text)


def test_names_are_equal_without_case_width_and_spacing() -> None:
    assert to_login("ANA  Souza") == to_login(" ana souza") == to_login("Ａna Souza") != to_login("ana.souza")


@pytest.mark.parametrize("text", ["ana@example.com", " ana.souza+x@sub.example.com.br ", ""])
def test_an_address_is_kept(text: str) -> None:
    assert clean_email(text) == text.strip()


@pytest.mark.parametrize("text", ["ana", "ana@", "@example.com", "ana@localhost", "a b@example.com", "a\n@example.com"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        clean_email(text)


def test_passwords_have_12_to_128_characters_of_any_kind() -> None:
    assert [length for length in range(200) if is_fit_length("é" * length)] == list(range(12, 129))
    for password in ("uma frase com espaços", "😀🍋🐙🎈🧀🚲🎲🌵🪁🎻🧭🪴", "só minúsculas aqui"):
        assert is_fit_length(password) and not is_easy(password, "Ana")


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "123456123456",
        "senha123456!",
        "IntegraHub2026",
        "ana souza ana souza",
        "password1234",
    ],
)
def test_passwords_that_are_guessed_first_are_refused(password: str) -> None:
    assert is_easy(password, "Ana Souza")
