"""`receipt verify` works offline: it compares a file with a receipt, under the keys of a file."""

import gzip
import hashlib
import json
import sys
from pathlib import Path
from uuid import UUID

import pytest
import zstandard

from integrahub.cli import main
from integrahub.domain.batches import LoadType
from integrahub.domain.views.receipt import ReceiptClaims, to_jwk
from integrahub.secrets.receipt_signing import ReceiptSigner

SIGNER = ReceiptSigner(bytes(range(32)))
TEXT = '[{"PRODUCTID": 1, "TITLE": "Ácido fólico"}]'
BODY = TEXT.encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    claims = ReceiptClaims(
        iss="https://hub.example",
        jti=UUID(int=7),
        cnpj="05927228000145",
        load_type=LoadType.FULL,
        sha256=hashlib.sha256(BODY).hexdigest(),
        bytes=len(BODY),
        received_at="2026-03-01T10:00:00.000Z",
    )
    (tmp_path / "receipt").write_text(SIGNER.sign(claims) + "\n")
    (tmp_path / "answer.json").write_text(json.dumps({"batch_id": "x", "receipt": SIGNER.sign(claims)}))
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [to_jwk(SIGNER.key_id, SIGNER.public_key)]}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _verify(file: str, receipt: str = "receipt", keys: str = "jwks.json") -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["integrahub", "receipt", "verify", file, "--receipt", receipt, "--keys", keys])
        return main()


@pytest.mark.parametrize(
    "content",
    [BODY, gzip.compress(BODY), zstandard.compress(BODY), TEXT.encode("windows-1252")],
    ids=["plain", "gzip", "zstd", "windows-1252"],
)
def test_the_posted_file_verifies_as_it_is_stored(folder: Path, content: bytes) -> None:
    (folder / "catalogue").write_bytes(content)
    assert _verify("catalogue") == 0
    assert _verify("catalogue", "answer.json") == 0
    assert _verify("catalogue", (folder / "receipt").read_text()) == 0


def test_another_file_or_a_changed_receipt_or_other_keys_do_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "catalogue").write_bytes(BODY)
    (folder / "other").write_bytes(BODY.replace(b"1", b"2"))
    assert _verify("other") == 1
    assert "is for 45 bytes" in capsys.readouterr().err.replace("\n", " ")
    assert _verify("catalogue", (folder / "receipt").read_text().strip()[:-4] + "AAAA") == 1
    other = ReceiptSigner(bytes(32))
    (folder / "others.json").write_text(json.dumps({"keys": [to_jwk(other.key_id, other.public_key)]}))
    assert _verify("catalogue", keys="others.json") == 1
    assert _verify("catalogue", keys="absent.json") == 1
    (folder / "bad.json").write_text("{}")
    assert _verify("catalogue", "bad.json") == 1
