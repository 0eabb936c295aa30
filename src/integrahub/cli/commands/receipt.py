"""`integrahub receipt`: check signed receipts."""

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer
import zstandard

from integrahub.cli.connect import hub_url, load_trusted
from integrahub.cli.options import AsJson
from integrahub.client import Client
from integrahub.domain.addresses import parse_http_url
from integrahub.domain.parsing.charsets import create_transcoder
from integrahub.domain.views.receipt import ReceiptClaims
from integrahub.secrets.receipt_signing import InvalidReceipt, verify_receipt
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import notify, say, show_facts

app = typer.Typer(help="Signed receipts: verify.", no_args_is_help=True)
_JWKS_PATH = "/.well-known/jwks.json"
_HASHED_BLOCK_BYTES = 1 << 18
_JWS_START = "eyJ"  # `{"` in base64url
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHARSETS = ("utf-8", "windows-1252", "iso-8859-1")  # the hub hashes the UTF-8 form


class _Mismatch(Exception):
    """The receipt is genuine, and belongs to another file."""


@app.callback()
def _group() -> None:
    """Keep `verify` a command, although it is the only one."""


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="the catalogue as it was posted; plain, gzip or zstd", exists=True)],
    receipt: Annotated[
        str, typer.Option("--receipt", metavar="R", help="the receipt, or a file with it or with the whole answer")
    ],
    keys: Annotated[
        str | None, typer.Option("--keys", metavar="URL|FILE", help="public keys; if omitted: those of the hub")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check that the hub signed a receipt, and that it is the receipt of this file. Exit code 1 if not.

    Works offline if the keys are a file.

    Example: integrahub receipt verify catalogue.json --receipt answer.json --keys jwks.json
    """
    try:
        claims = verify_receipt(_read_receipt(receipt), _load_keys(keys))
        _compare(file, claims)
    except (InvalidReceipt, _Mismatch) as error:
        notify(f"Not verified: {error}")
        return 1
    if not as_json:
        say("Verified: the hub received exactly this file.", "green")
    show_facts(msgspec.to_builtins(claims), as_json=as_json)
    return 0


def _read_receipt(given: str) -> str:
    """Return the JWS itself, from the argument or a file; a file may hold the JSON of an answer."""
    if given.strip().startswith(_JWS_START):
        return given.strip()
    try:
        text = Path(given).read_text("utf-8").strip()
    except (OSError, ValueError):
        raise InvalidReceipt(f"{given!r} is neither a receipt nor a file with one") from None
    if not text.startswith("{"):
        return text
    try:
        return str(json.loads(text)["receipt"])
    except (ValueError, KeyError):
        raise InvalidReceipt(f"{given} is JSON without a member `receipt`") from None


def _load_keys(given: str | None) -> Any:
    """Return the JWK set of a file or an address; no key is sent there."""
    if given is not None and "://" not in given:
        try:
            return json.loads(Path(given).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidReceipt(f"the keys in {given} cannot be read: {error}") from None
    settings = Settings()
    base, _, path = (given or hub_url(settings) + _JWKS_PATH).partition("/.well-known/")
    try:
        base = parse_http_url(base)
    except ValueError as error:
        raise typer.BadParameter(f"{given!r}: {error}", param_hint="--keys") from None
    with Client(base, "", trusted=load_trusted(settings)) as client:
        return client.get(f"/.well-known/{path or 'jwks.json'}")


def _compare(file: Path, claims: ReceiptClaims) -> None:
    for charset in _CHARSETS:
        digest, length = _hash(file, charset)
        if (digest, length) == (claims.sha256, claims.bytes):
            return
        if charset == "utf-8":
            found = f"{length} bytes with SHA-256 {digest}"
    signed = f"{claims.bytes} bytes with SHA-256 {claims.sha256}"
    raise _Mismatch(f"the receipt of batch {claims.jti} is for {signed}; {file} has {found}")


def _hash(file: Path, charset: str) -> tuple[str, int]:
    """Return SHA-256 and length of the decoded file, converted to UTF-8 as the hub does."""
    digest, length, transcoder = hashlib.sha256(), 0, create_transcoder(charset)
    convert: Callable[[bytes], bytes] = transcoder.feed if transcoder else lambda block: block
    for block in _read_decoded(file):
        converted = convert(block)
        digest.update(converted)
        length += len(converted)
    rest = transcoder.close() if transcoder else b""
    digest.update(rest)
    return digest.hexdigest(), length + len(rest)


def _read_decoded(file: Path) -> Iterator[bytes]:
    try:
        with _open_decoded(file) as opened:
            while block := opened.read(_HASHED_BLOCK_BYTES):
                yield block
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise _Mismatch(f"{file} cannot be read: {error}") from None


def _open_decoded(file: Path) -> IO[bytes]:
    with file.open("rb") as opened:
        start = opened.read(4)
    if start.startswith(_GZIP):
        return gzip.open(file, "rb")  # type: ignore[return-value]
    if start.startswith(_ZSTD):
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file.open("rb"), closefd=True))
    return file.open("rb")
