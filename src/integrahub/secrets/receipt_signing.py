"""Signatures of receipts: compact JWS with Ed25519 keys (EdDSA). Only processes that sign or verify import this."""

import base64
import hashlib
import json
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK, PyJWKError, PyJWS, PyJWTError
from jwt.algorithms import OKPAlgorithm

from integrahub.domain.views.receipt import JWS_ALGORITHM, ReceiptClaims

_JWS = PyJWS(algorithms=[JWS_ALGORITHM])


class InvalidReceipt(ValueError):
    """The receipt was not signed by a key of the set, or is no receipt."""


class ReceiptSigner:
    """Sign receipts with one private key. `key_id` is the thumbprint of its public key (RFC 7638)."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public: dict[str, str] = json.loads(OKPAlgorithm.to_jwk(self._key.public_key()))
        required = json.dumps({name: public[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
        digest = hashlib.sha256(required.encode()).digest()
        self.key_id = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self.public_key = public["x"]

    def sign(self, claims: ReceiptClaims) -> str:
        """Return the receipt with these claims, as a compact JWS."""
        return _JWS.encode(msgspec.json.encode(claims), self._key, JWS_ALGORITHM, {"kid": self.key_id})


def verify_receipt(receipt: str, keys: Any) -> ReceiptClaims:
    """Return the claims of a receipt that a key of this JWK set signed. Raise InvalidReceipt for any other."""
    try:
        key_id = _JWS.get_unverified_header(receipt).get("kid")
        jwk = next((key for key in keys["keys"] if key["kid"] == key_id), None)
        if jwk is None:
            raise InvalidReceipt(f"no key of the set has the id {key_id!r} of the receipt")
        verified = _JWS.decode_complete(receipt, PyJWK(jwk, algorithm=JWS_ALGORITHM), algorithms=[JWS_ALGORITHM])
        return msgspec.json.decode(verified["payload"], type=ReceiptClaims)
    except (KeyError, TypeError, PyJWKError) as error:
        raise InvalidReceipt("the keys are no JWK set (RFC 7517) of Ed25519 keys") from error
    except (PyJWTError, msgspec.MsgspecError) as error:
        raise InvalidReceipt(f"the signature or the form of the receipt is wrong: {error}") from error
