"""TLS certificate whose context is reloaded when its files change."""

import asyncio
import ssl
from pathlib import Path

import structlog

from integrahub.domain.errors import ConfigurationError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all good
_LOOK = 2.0  # seconds between looks at the files
_log = structlog.get_logger()


class Certificate:
    """A certificate and its key, in PEM files. ConfigurationError when they cannot be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._marks()
        self.context = self._fresh()

    def _fresh(self) -> ssl.SSLContext:
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
                f"TLS_CERT and TLS_KEY ({names}) cannot be used: {error}. Expected a PEM certificate, with its chain, "
                "and its key without a password."
            ) from error
        return context

    def _marks(self) -> list[tuple[int, int]]:
        try:
            return [(path.stat().st_mtime_ns, path.stat().st_ino) for path in self._files]
        except OSError:
            return []

    def renew(self) -> bool:
        """Load the files again when they changed, unless they do not fit; connections that are open stay."""
        marks = self._marks()
        if not marks or marks == self._seen:
            return False
        try:
            self._fresh()
        except ConfigurationError as error:
            _log.error("the new certificate is not used", action="renew_certificate", error=str(error))
            return False
        self.context.load_cert_chain(*self._files)
        self._seen = marks
        _log.info("the certificate was renewed", action="renew_certificate", path=str(self._files[0]))
        return True

    async def keep_renewed(self) -> None:
        """Look at the files until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            self.renew()
