"""Configuration of S3, parsed from `s3://bucket?endpoint=...&region=...&path_style=...`."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from integrahub.domain.errors import ConfigurationError

_PARAMETERS = {"endpoint", "region", "path_style"}
_EXAMPLE = "s3://integrahub-batches?endpoint=http://minio:9000"


@dataclass(frozen=True, slots=True)
class S3Config:
    """A bucket and how to reach it. `endpoint` None: AWS.

    Without keys the AWS credential chain applies: environment, profile, role, metadata. `authority` is a PEM file with
    the CA of the endpoint; None: the CAs of the system.
    """

    bucket: str
    endpoint: str | None
    region: str
    path_style: bool
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    authority: Path | None = None


def s3_config(url: str, access_key: str | None, secret_key: str | None, authority: Path | None = None) -> S3Config:
    """Parse a STORAGE_URL. Raise ConfigurationError if it is invalid or has unknown parameters."""
    parts = urlsplit(url)
    params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if not parts.hostname or parts.path not in ("", "/") or params.keys() - _PARAMETERS:
        raise ConfigurationError(
            f"INTEGRAHUB_STORAGE_URL is {url!r}; expected a bucket and optionally {', '.join(sorted(_PARAMETERS))}: "
            f"{_EXAMPLE}"
        )
    if (access_key is None) != (secret_key is None):
        raise ConfigurationError(
            "INTEGRAHUB_STORAGE_ACCESS_KEY and INTEGRAHUB_STORAGE_SECRET_KEY belong together; only one of them is set."
        )
    endpoint = params.get("endpoint") or None
    style = params.get("path_style", "true" if endpoint else "false").lower()
    region = params.get("region") or "us-east-1"
    path_style = style in ("true", "1", "yes")
    return S3Config(parts.hostname, endpoint, region, path_style, access_key, secret_key, authority)
