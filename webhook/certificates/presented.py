"""What this replica presents to API servers, and whether they trust it."""

import logging
from collections.abc import Callable
from typing import Final

from webhook.certificates.inspection import Authority, Serving
from webhook.certificates.secret import Contents
from webhook.certificates.sightings import Sightings
from webhook.certificates.slot import Slot
from webhook.config.settings import CertificateConfig

_ESTABLISHED: Final = 3600.0 + 300.0
"""A CA of the original is taken for trusted when it is older than this: it begins an hour before
it was made, and the original publishes it within seconds."""

_log = logging.getLogger("azwi.webhook.certificates")


class Presented:
    """The certificate in the listener's slot: when it changes, and whether it makes ready."""

    def __init__(
        self, config: CertificateConfig, now: Callable[[], float], min_version: str
    ) -> None:
        self.slot = Slot(min_version)
        self.serving: Serving | None = None
        self.trusted: tuple[Authority, ...] = ()
        """The authorities in `caBundle`, as last read."""
        self._config = config
        self._now = now
        """The time as API servers have it, who are the ones that judge: seconds since 1970."""
        self._proven = False

    @property
    def authority(self) -> Authority | None:
        """Return whom clients of this replica must trust."""
        return self.serving.authority if self.serving else None

    @property
    def problem(self) -> str:
        """Why API servers would not trust what is presented, in words; empty if they do."""
        if self.serving is None:
            return "there is no serving certificate yet"
        if not self.serving.alive(self._now()):
            return "the serving certificate has run out"
        if self.serving.authority not in self.trusted:
            where = self._config.configuration_name
            return f"caBundle in {where} lacks the serving certificate's CA"
        if not self._proven:
            return "waiting until every API server has learnt of a new CA"
        return ""

    def take_in(
        self, contents: Contents, trusted: tuple[Authority, ...], seen: Sightings, at: float
    ) -> None:
        """Go by what was just read: serve from it, and see whether that is trusted."""
        self.trusted = trusted
        self._adopt(contents, seen, at)
        self._proven = self._proven or self._is_settled(contents, seen, at)

    def _adopt(self, contents: Contents, seen: Sightings, at: float) -> None:
        """Serve the Secret's certificate, as soon as every API server trusts its CA.

        One that serves something good goes by what it saw itself; one that serves nothing has
        nothing to lose, and is not ready before the CA is settled.
        """
        new, now = contents.serving, self._now()
        if new is None or not new.alive(now):
            return
        if self.serving is not None:
            if new.fingerprint == self.serving.fingerprint:
                return
            same = new.authority == self.serving.authority  # whoever trusts the old one ...
            trusted = seen.trusted_for(new.authority.fingerprint, at) or 0.0
            if self.serving.alive(now) and not same and trusted < self._config.trust_delay:
                return
        self.slot.put(new.context)
        self.serving = new
        _log.info(
            "serving a new certificate",
            extra={"fingerprint": new.fingerprint, "ca": new.authority.fingerprint},
        )

    def _is_settled(self, contents: Contents, seen: Sightings, at: float) -> bool:
        """Tell whether every API server trusts what is served: by a note, by sight, or by age."""
        authority = self.authority
        if authority is None or authority not in self.trusted:
            return False
        settled = contents.notes.settled
        if settled is None:
            if self._now() - authority.not_before >= _ESTABLISHED:
                return True
        elif authority.fingerprint in settled:
            return True
        return (seen.trusted_for(authority.fingerprint, at) or 0.0) >= self._config.trust_delay
