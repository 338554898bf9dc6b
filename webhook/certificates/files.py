"""Files mode: somebody else makes the certificate, cert-manager say, and it stands in a folder.

The folder is read again every few seconds, whole: three small files in memory cost less than the
thought of what their times might mean. Kubernetes swaps all files of a mounted Secret at once (a
symlink), but they are opened one after the other here: a new certificate may come with an old key.
Such a pair is not served; the next reading finds the whole one.
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhook.certificates import pem
from webhook.certificates.clock import Clock
from webhook.certificates.contexts import PeerCertificate, context_with, rehearse
from webhook.certificates.errors import FilesUnreadable, Unusable
from webhook.certificates.inspection import CLOCK_SKEW, authorities, begin_of, end_of, names_of
from webhook.certificates.slot import Slot
from webhook.config.settings import CertificateConfig

INTERVAL: Final = 5.0
"""Seconds between two readings; the kubelet itself takes a minute to bring a change."""

_CERTIFICATE: Final = "tls.crt"
_KEY: Final = "tls.key"
_CA: Final = "ca.crt"

_log = logging.getLogger("azwi.webhook.certificates")


@dataclass(frozen=True, slots=True)
class _Files:
    certificate: bytes
    key: bytes = field(repr=False)
    ca: bytes
    """Empty where there is no such file: the chain is then not checked."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    context: ssl.SSLContext
    begin: float
    end: float
    ca_end: float | None
    warning: str


class CertificateFiles:
    """Serves `tls.crt` and `tls.key` of a folder, checked against `ca.crt` where that is there."""

    def __init__(
        self,
        config: CertificateConfig,
        *,
        min_version: str = "1.3",
        interval: float = INTERVAL,
        clock: Clock | None = None,
    ) -> None:
        """Read the folder; raises `FilesUnreadable` if there is nothing that can be served."""
        self.trouble = ""
        """Why the files as they are now are not served, in words; else empty."""
        self.rotations: dict[str, int] = {}
        """None: somebody else rotates."""
        self.rejected = 0
        """How many versions of the files could not be served."""
        self._config = config
        self._interval = interval
        self._clock = clock or Clock()
        self._slot = Slot(min_version)
        try:
            self._files = self._read()
            self._loaded = self._load(self._files)
        except (OSError, Unusable) as error:
            where = f"the certificate in {config.directory}"
            raise FilesUnreadable(f"{where}: {_words(error)}") from None
        self._take(self._loaded)

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """For the listener, for the life of the process."""
        return self._slot.ssl_context

    @property
    def ready(self) -> bool:
        """Tell whether what is served is valid; whether API servers trust it is not known here."""
        return not self.problem

    @property
    def problem(self) -> str:
        """Why this replica is not ready, in words; empty if it is."""
        if self._clock.now() < self._loaded.end:
            return ""
        return self.trouble or "the serving certificate has run out"

    def expiries(self) -> dict[str, float]:
        """Return when the serving certificate (and its CA) ends, in seconds since 1970."""
        ends = {"serving": self._loaded.end}
        return ends if self._loaded.ca_end is None else {"ca": self._loaded.ca_end, **ends}

    async def wait_ready(self) -> None:
        """Return at once: a folder without a good certificate is an error from the start."""

    async def run(self) -> None:
        """Read the folder again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            self.reread()

    async def retire(self) -> None:
        """Do nothing: nobody waits for this replica's word."""

    def reread(self) -> None:
        """Read the folder once; what can't be served is not, and the one before stays."""
        try:
            files = self._read()
            if files == self._files and not self.trouble:
                return
            loaded = self._load(files)
        except (OSError, Unusable) as error:
            self._refuse(_words(error))
            return
        self._files, self.trouble = files, ""
        self._take(loaded)

    def _refuse(self, why: str) -> None:
        trouble = f"the certificate in {self._config.directory}: {why}"
        if trouble != self.trouble:
            self.rejected += 1
            _log.warning("certificate files are not served", extra={"error": trouble})
        self.trouble = trouble

    def _take(self, loaded: _Loaded) -> None:
        self._loaded = loaded
        self._slot.put(loaded.context)
        if loaded.warning:
            _log.warning("API servers may refuse the certificate", extra={"error": loaded.warning})
        _log.info("serving a certificate from files", extra={"path": str(self._config.directory)})

    def _read(self) -> _Files:
        folder = self._config.directory
        try:
            ca = (folder / _CA).read_bytes()
        except FileNotFoundError:
            ca = b""
        return _Files(_bytes(folder / _CERTIFICATE), _bytes(folder / _KEY), ca)

    def _load(self, files: _Files) -> _Loaded:
        """Make a context of the files and try it out; raises `Unusable`."""
        context = context_with(files.certificate, files.key, self._slot.min_version)
        trust = _trust(files)
        seen = rehearse(context, trust, name=None, partial=True)
        loaded = _Loaded(
            context=context,
            begin=begin_of(seen),
            end=end_of(seen),
            ca_end=_end_of_ca(context, files.ca),
            warning=self._name_fault(context, trust, seen),
        )
        now = self._clock.now()
        if loaded.end <= now:
            raise Unusable(f"{_CERTIFICATE} has run out")
        if loaded.begin - CLOCK_SKEW > now:
            raise Unusable(f"{_CERTIFICATE} is not valid yet")
        return loaded

    def _name_fault(self, context: ssl.SSLContext, trust: str, seen: PeerCertificate) -> str:
        """Say so if API servers would not find the Service's name; a URL may name another."""
        try:
            rehearse(context, trust, name=self._config.dns_name, partial=True)
        except Unusable:
            names = ", ".join(sorted(names_of(seen))) or "no name"
            return f"{_CERTIFICATE} is for {names}, not for {self._config.dns_name}"
        return ""


def _trust(files: _Files) -> str:
    """Return what the chain is checked against: `ca.crt`, or the certificate itself."""
    if files.ca.strip():
        found, where = "".join(_split(files.ca)), _CA
    else:
        found, where = next(iter(_split(files.certificate)), ""), _CERTIFICATE
    if not found:
        raise Unusable(f"{where} holds no certificate that is readable PEM")
    return found


def _split(content: bytes) -> list[str]:
    """Split what stands in a file, with the label, too, that OpenSSL calls old and takes."""
    return pem.split(content.replace(b" X509 CERTIFICATE-----", b" CERTIFICATE-----"))


def _end_of_ca(context: ssl.SSLContext, ca: bytes) -> float | None:
    for authority in authorities("".join(_split(ca)).encode()):
        try:
            rehearse(context, authority.pem, name=None, partial=True)
        except Unusable:
            continue
        return authority.not_after
    return None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path.name} can't be read: {error.strerror}") from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)
