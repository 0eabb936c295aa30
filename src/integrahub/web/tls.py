"""TLS certificate, reloaded when its files change."""

import asyncio
import ssl
from pathlib import Path

import structlog

from integrahub.domain.errors import ConfigurationError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; all of TLS 1.3 are allowed
_RELOAD_INTERVAL_SECONDS = 2.0
_log = structlog.get_logger()


class Certificate:
    """A certificate and its key, from PEM files. Raise ConfigurationError if they are not usable."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._loaded = self._file_versions()
        self.context = self._load()

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            names = " and ".join(map(str, self._files))
            raise ConfigurationError(
                f"INTEGRAHUB_TLS_CERT and INTEGRAHUB_TLS_KEY ({names}) are not usable: {error}. Expected a PEM "
                "certificate, with its chain, and its key without a password."
            ) from error
        return context

    def _file_versions(self) -> list[tuple[int, int]]:
        try:
            return [(path.stat().st_mtime_ns, path.stat().st_ino) for path in self._files]
        except OSError:
            return []

    def renew(self) -> bool:
        """Reload the files if they changed and are usable; open connections are kept. Return whether it did."""
        versions = self._file_versions()
        if not versions or versions == self._loaded:
            return False
        try:
            self._load()
        except ConfigurationError as error:
            _log.error(
                "new certificate is not usable, keeping the old one", action="renew_certificate", error=str(error)
            )
            return False
        self.context.load_cert_chain(*self._files)
        self._loaded = versions
        _log.info("certificate renewed", action="renew_certificate", path=str(self._files[0]))
        return True

    async def keep_renewed(self) -> None:
        """Check the files at an interval until cancelled."""
        while True:
            await asyncio.sleep(_RELOAD_INTERVAL_SECONDS)
            self.renew()
