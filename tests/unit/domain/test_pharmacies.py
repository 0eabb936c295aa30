"""CNPJs: masked or not, numeric or alphanumeric; check digits agree with an independent library."""

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj as oracle

from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj, unmask


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.from_regex(r"[0-9]{2}", fullmatch=True))
def test_check_digits_are_those_of_the_oracle(root: str, digits: str) -> None:
    for number in (root + digits, root + oracle.calc_check_digits(root)):
        wanted = oracle.is_valid(number) and len(set(number)) > 1
        try:
            assert (parse_cnpj(number), wanted) == (number, True)
        except InvalidCnpj:
            assert not wanted


def test_every_real_cnpj_passes_with_and_without_its_mask() -> None:
    text = (files("integrahub") / "samples" / "pharmacies.csv").read_text("utf-8")
    numbers = [next(iter(row.values())) for row in csv.DictReader(text.splitlines())]
    assert len(numbers) > 20_000
    for number in numbers:
        plain = parse_cnpj(number)
        masked = f"{plain[:2]}.{plain[2:5]}.{plain[5:8]}/{plain[8:12]}-{plain[12:]}"
        assert parse_cnpj(masked) == plain


def test_alphanumeric_ones_are_taken_in_any_case() -> None:
    assert parse_cnpj("12.abc.345/01de-35") == "12ABC34501DE35"
    with pytest.raises(InvalidCnpj):
        parse_cnpj("12ABC34501DE36")


def test_a_number_gets_back_the_zeros_it_lost() -> None:
    assert parse_cnpj(5927228000145) == "05927228000145"
    assert unmask(True) == "TRUE"


@pytest.mark.parametrize("value", ["", "1", "00000000000000", "05927228000146", "x" * 14, "0592722800014A", None, True])
def test_what_is_no_cnpj_is_refused_with_what_was_expected(value: object) -> None:
    with pytest.raises(InvalidCnpj, match="is not a CNPJ"):
        parse_cnpj(value)


def test_without_verification_test_pharmacies_of_11_to_15_characters_pass() -> None:
    assert parse_cnpj("12345678901", verify=False) == "12345678901"
    with pytest.raises(InvalidCnpj):
        parse_cnpj("1234567890", verify=False)
