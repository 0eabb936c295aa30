"""Answers of the routes of signed receipts."""

from typing import Literal
from uuid import UUID

from integrahub.api.models.base import Answer


class SignedReceiptAnswer(Answer):
    """The signed receipt of a batch: a compact JWS (EdDSA)."""

    batch_id: UUID
    receipt: str


class JsonWebKey(Answer):
    """A public key (RFC 7517) that signed receipts."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    alg: Literal["EdDSA"]
    use: Literal["sig"]


class JsonWebKeySet(Answer):
    """All public keys that signed receipts, those of the past too."""

    keys: list[JsonWebKey]
