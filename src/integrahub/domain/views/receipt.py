"""Claims of a signed receipt: what the hub received, and later what became of it."""

from uuid import UUID

import msgspec

from integrahub.domain.batches import BatchKind, LoadType
from integrahub.domain.views.batch import BatchReport
from integrahub.domain.views.timestamps import format_time

JWS_ALGORITHM = "EdDSA"


class FinalCounters(msgspec.Struct, frozen=True):
    """Records of a final batch, by result, and the products that it deactivated."""

    inserted: int
    updated: int
    unchanged: int
    merged: int
    superseded: int
    rejected: int
    dead: int
    cancelled: int
    deactivated: int


class ReceiptClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """Claims of a receipt. `sha256` (hex) and `bytes` are those of the decoded body.

    `dry_run` is present, and true, if the post changes no product. Only a final batch has the last three.
    """

    iss: str
    jti: UUID
    cnpj: str
    load_type: LoadType
    sha256: str
    bytes: int
    received_at: str
    dry_run: bool = False
    status: str | None = None
    finished_at: str | None = None
    counters: FinalCounters | None = None


def claims_of(report: BatchReport, sha256: bytes, issuer: str) -> ReceiptClaims:
    """Return the claims of a batch; with its result if it is final."""
    claims = ReceiptClaims(
        iss=issuer,
        jti=report.batch_id,
        cnpj=report.cnpj,
        load_type=report.load_type,
        sha256=sha256.hex(),
        bytes=report.bytes,
        received_at=format_time(report.received_at),
        dry_run=report.kind is BatchKind.DRY_RUN,
    )
    if report.finished_at is None:
        return claims
    counters = FinalCounters(**{name: getattr(report, name) for name in FinalCounters.__struct_fields__})
    finished_at = format_time(report.finished_at)
    return msgspec.structs.replace(claims, status=str(report.status), finished_at=finished_at, counters=counters)


def to_jwk(key_id: str, public_key: str) -> dict[str, str]:
    """Return a public key as a JSON Web Key (RFC 7517, RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "x": public_key, "kid": key_id, "alg": JWS_ALGORITHM, "use": "sig"}
