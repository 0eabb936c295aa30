"""Signed receipts of batches, and the public keys that verify them."""

from typing import TYPE_CHECKING

import structlog

from integrahub.db.accounts import receipt_keys
from integrahub.db.batches import reports
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind
from integrahub.domain.errors import Conflict, IntegraHubError
from integrahub.domain.views.batch import BatchReport
from integrahub.domain.views.receipt import ReceiptClaims, claims_of, to_jwk

if TYPE_CHECKING:
    from integrahub.secrets.receipt_signing import ReceiptSigner

_OPERATIONS = frozenset({BatchKind.APPROVAL, BatchKind.WINDOW, BatchKind.REPLAY, BatchKind.CHUNK_REPLAY})
_log = structlog.get_logger()


class Receipts:
    """Sign receipts with the key of this hub, if it has one, and keep its public key. `issuer` is the claim `iss`."""

    def __init__(self, database: Database, signer: "ReceiptSigner | None", issuer: str) -> None:
        self._database = database
        self._signer = signer
        self.issuer = issuer
        self._is_key_stored = False

    @property
    def are_on(self) -> bool:
        """Whether this hub has a key to sign with."""
        return self._signer is not None

    async def sign(self, claims: ReceiptClaims) -> str:
        """Return the receipt with these claims. Raise Conflict without a key to sign with."""
        if self._signer is None:
            raise Conflict("receipts_off")
        await self._store_key(self._signer)
        return self._signer.sign(claims)

    async def sign_batch(self, database: Database, report: BatchReport) -> str:
        """Return the receipt of a batch, with its result if it is final. Raise Conflict for a batch without a post."""
        if report.kind in _OPERATIONS:
            raise Conflict("receipt_not_a_post", batch_id=report.batch_id)
        return await self.sign(claims_of(report, await reports.find_hash(database, report.batch_id), self.issuer))

    async def list_keys(self) -> list[dict[str, str]]:
        """Return the public keys as JSON Web Keys, those of the past too."""
        own = {self._signer.key_id: self._signer.public_key} if self._signer else {}
        stored = {row.key_id: row.public_key for row in await receipt_keys.list_all(self._database)}
        return [to_jwk(key_id, public_key) for key_id, public_key in (own | stored).items()]

    async def _store_key(self, signer: "ReceiptSigner") -> None:
        """Store the public key once. The batch is accepted already, so a failure must not fail its receipt."""
        if self._is_key_stored:
            return
        try:
            await receipt_keys.insert_missing(self._database, signer.key_id, signer.public_key)
            self._is_key_stored = True
        except IntegraHubError as error:
            _log.warning("public key of receipts not stored", action="store_receipt_key", error=str(error))
