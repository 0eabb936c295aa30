"""Where objects rest in S3, read from `s3://bucket?endpoint=...&region=...&path_style=...`."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from integrahub.domain.errors import ConfigurationError

_KNOWN = {"endpoint", "region", "path_style"}
_EXAMPLE = "s3://integrahub-batches?endpoint=http://minio:9000"


@dataclass(frozen=True, slots=True)
class S3Config:
    """`endpoint` None: AWS itself. Without keys the chain of AWS is asked: environment, profile, role, metadata.

    `authority` is a PEM file of who signed the endpoint's certificate; None: whom the system trusts.
    """

    bucket: str
    endpoint: str | None
    region: str
    path_style: bool
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    authority: Path | None = None


def s3_config(url: str, access_key: str | None, secret_key: str | None, authority: Path | None = None) -> S3Config:
    """The place a STORAGE_URL names; ConfigurationError when it names none, or something not known."""
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if not parts.hostname or parts.path not in ("", "/") or asked.keys() - _KNOWN:
        raise ConfigurationError(
            f"STORAGE_URL is {url!r}; expected a bucket and, if need be, {', '.join(sorted(_KNOWN))}: {_EXAMPLE}"
        )
    if (access_key is None) != (secret_key is None):
        raise ConfigurationError("STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY belong together; only one of them is set.")
    endpoint = asked.get("endpoint") or None
    style = asked.get("path_style", "true" if endpoint else "false").lower()
    region = asked.get("region") or "us-east-1"
    path_style = style in ("true", "1", "yes")
    return S3Config(parts.hostname, endpoint, region, path_style, access_key, secret_key, authority)
