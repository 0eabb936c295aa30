"""Receipts verify with a second JOSE library, and with no bit changed; keys come from settings or the data folder."""

import base64
import json
import warnings
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from integrahub.domain.batches import LoadType
from integrahub.domain.chosen_keys import parse_receipt_key
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.views.receipt import ReceiptClaims, to_jwk
from integrahub.secrets.local import create_receipt_key, read_receipt_key
from integrahub.secrets.receipt_signing import (
    InvalidReceipt,
    ReceiptSigner,
    verify_receipt,
)

CLAIMS = ReceiptClaims(
    iss="https://hub.example",
    jti=UUID(int=7),
    cnpj="05927228000145",
    load_type=LoadType.FULL,
    sha256="ab" * 32,
    bytes=12,
    received_at="2026-03-01T10:00:00.000Z",
)
SIGNER, OTHER = ReceiptSigner(bytes(range(32))), ReceiptSigner(bytes(range(1, 33)))


def _set(*signers: ReceiptSigner) -> dict[str, Any]:
    return {"keys": [to_jwk(signer.key_id, signer.public_key) for signer in signers]}


def _verify_with_joserfc(receipt: str) -> dict[str, Any]:
    """Return the claims as the second library reads them."""
    with warnings.catch_warnings():
        # RFC 9864 prefers the name `Ed25519`; verifiers of today know `EdDSA`.
        warnings.simplefilter("ignore", SecurityWarning)
        verified = jws.deserialize_compact(receipt, KeySet.import_key_set(_set(SIGNER)), algorithms=["EdDSA"])  # type: ignore[arg-type]
    claims: dict[str, Any] = json.loads(verified.payload)
    return claims


def test_a_second_library_verifies_the_receipt_and_reads_the_same_claims() -> None:
    receipt = SIGNER.sign(CLAIMS)
    assert _verify_with_joserfc(receipt) == msgspec.to_builtins(CLAIMS)
    assert verify_receipt(receipt, _set(SIGNER)) == CLAIMS


def test_the_key_id_is_the_thumbprint_that_the_second_library_computes() -> None:
    (key,) = KeySet.import_key_set(_set(SIGNER)).keys  # type: ignore[arg-type]
    assert key.thumbprint() == SIGNER.key_id == key.kid


def test_with_any_bit_changed_the_receipt_does_not_verify() -> None:
    receipt, verified = SIGNER.sign(CLAIMS).encode("ascii"), 0
    for place in range(8 * len(receipt)):
        changed = bytearray(receipt)
        changed[place // 8] ^= 1 << place % 8
        text = changed.decode("latin-1")
        with pytest.raises(InvalidReceipt):
            verify_receipt(text, _set(SIGNER))
        verified += 1
    assert verified > 3000


def test_the_second_library_refuses_other_claims_under_the_same_signature() -> None:
    head, _, signature = SIGNER.sign(CLAIMS).split(".")
    payload = msgspec.json.encode(msgspec.structs.replace(CLAIMS, bytes=13))
    forged = ".".join((head, base64.urlsafe_b64encode(payload).rstrip(b"=").decode(), signature))
    with pytest.raises(JoseError):
        _verify_with_joserfc(forged)


@pytest.mark.parametrize(
    "keys",
    [
        _set(OTHER),
        {"keys": []},
        {},
        [],
        {"keys": [to_jwk(SIGNER.key_id, OTHER.public_key)]},
        {"keys": [{"kid": SIGNER.key_id}]},
    ],
    ids=["another key", "no key", "no set", "a list", "another key under this id", "a key without its members"],
)
def test_keys_that_did_not_sign_it_verify_nothing(keys: Any) -> None:
    with pytest.raises(InvalidReceipt):
        verify_receipt(SIGNER.sign(CLAIMS), keys)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_receipt_with_another_algorithm_is_refused(algorithm: str) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": SIGNER.key_id}).encode()).rstrip(b"=").decode()
    _, payload, signature = SIGNER.sign(CLAIMS).split(".")
    for forged in (f"{head}.{payload}.", f"{head}.{payload}.{signature}"):
        with pytest.raises(InvalidReceipt):
            verify_receipt(forged, _set(SIGNER))


def test_receipts_of_an_earlier_key_verify_with_the_set_that_keeps_it() -> None:
    assert verify_receipt(SIGNER.sign(CLAIMS), _set(OTHER, SIGNER)) == CLAIMS


def test_an_embedded_hub_keeps_the_key_that_it_made(tmp_path: Path) -> None:
    assert read_receipt_key(tmp_path) is None
    create_receipt_key(tmp_path)
    first = read_receipt_key(tmp_path)
    create_receipt_key(tmp_path)
    assert first is not None and read_receipt_key(tmp_path) == first
    assert (tmp_path / "secrets" / "receipt.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secrets" / "receipt.key").write_text("damaged")
    with pytest.raises(ConfigurationError, match="damaged"):
        read_receipt_key(tmp_path)


def test_a_key_of_the_settings_is_32_bytes_in_base64_or_base64url() -> None:
    key = bytes([255, 254, 253] * 10 + [1, 2])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(key).decode()
        assert parse_receipt_key(text) == parse_receipt_key(text.rstrip("=")) == parse_receipt_key(f" {text}\n") == key
    for wrong in ("", "short", "*" * 44, base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(33)).decode()):
        with pytest.raises(ValueError, match="32 random bytes"):
            parse_receipt_key(wrong)
