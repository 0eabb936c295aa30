"""One-time codes, by the test vectors of RFC 6238 (SHA-1, cut to six digits)."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from integrahub.secrets.totp import build_totp_uri, find_step, generate_totp_secret, show_totp_secret

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("time", "code"),
    [(1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_a_code_is_found_in_its_step_and_its_neighbours_alone(time: int, code: str) -> None:
    step = time // 30
    assert {find_step(SECRET, code, time + drift) for drift in (-30, 0, 30)} == {step}
    assert find_step(SECRET, code, time + 90) is None and find_step(SECRET, code, max(0, time - 90)) in (None, step)
    assert find_step(SECRET, f" {code[:3]} {code[3:]} ", time) == step


def test_the_first_code_of_all_is_found() -> None:
    assert find_step(SECRET, "287082", 59) == 1


@pytest.mark.parametrize("code", ["", "28708", "2870820", "abcdef", "٢٨٧٠٨٢", "287082\x00"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert find_step(SECRET, code, 59) is None


def test_a_secret_is_random_and_apps_read_it() -> None:
    secret = generate_totp_secret()
    assert len(secret) == 20 and secret != generate_totp_secret()
    shown = show_totp_secret(secret)
    assert base64.b32decode(shown.replace(" ", "")) == secret
    uri = urlsplit(build_totp_uri(secret, "Ana & Bia/ção"))
    query = parse_qs(uri.query)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert query["secret"] == [shown.replace(" ", "")] and query["issuer"] == ["IntegraHub"]
