"""Certificate for development, signed by a CA of the data folder."""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from integrahub.secrets.secret_files import CA_FILE

_YEAR = timedelta(days=365)
_NAMES = ("localhost",)
_ADDRESSES = ("127.0.0.1", "::1")


def ensure_development_certificate(folder: Path) -> tuple[Path, Path]:
    """Return certificate and key files for localhost; create them, and the CA file, if missing or about to expire."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not _is_valid(certificate):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        signing, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority = _create_ca(signing)
        signed = _sign(own, authority, signing)
        _write(folder / CA_FILE, _pem(authority))
        _write(key, own.private_bytes(*_PLAIN_KEY, serialization.NoEncryption()))
        _write(certificate, _pem(signed) + _pem(authority))
    return certificate, key


_PLAIN_KEY = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


def _is_valid(certificate: Path) -> bool:
    """Return whether the certificate exists and is valid for another week."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return loaded.not_valid_after_utc > datetime.now(UTC) + timedelta(days=7)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate_builder(subject: str, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _YEAR)


def _create_ca(signing: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = "IntegraHub development authority"
    builder = _certificate_builder(name, _name(name), signing.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(signing.public_key()), critical=False)
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    return builder.add_extension(x509.KeyUsage(**usage), critical=True).sign(signing, hashes.SHA256())


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _sign(
    own: ec.EllipticCurvePrivateKey, authority: x509.Certificate, signing: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    named: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
    named += [x509.IPAddress(ip_address(address)) for address in _ADDRESSES]
    builder = _certificate_builder("localhost", authority.subject, own.public_key())
    builder = builder.add_extension(x509.SubjectAlternativeName(named), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
    )
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signing, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    """Replace the file atomically; only its owner may read it."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    os.replace(fresh, path)
