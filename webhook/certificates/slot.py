"""The listener's SSL context, and the certificate that stands in it.

Loading a certificate into a live context keeps the old one when the type of its key changes (a
context holds one for each type, and clients that take either get whichever OpenSSL prefers). So the
listener's context has none at all: each handshake is given the present one's, whole and fresh.
"""

import ssl

from webhook.certificates.contexts import blank_context


class Slot:
    """Holds what is presented from now on; connections that are open keep what they began with."""

    def __init__(self, min_version: str) -> None:
        self.min_version = min_version
        self.ssl_context = blank_context(min_version)
        """For the listener, for the life of the process. Versions and tickets are taken from it,
        the certificate from the context in the slot."""
        self._present: ssl.SSLContext | None = None
        self.ssl_context.sni_callback = self._choose

    def put(self, context: ssl.SSLContext) -> None:
        """Present this one's certificate from now on."""
        self._present = context

    def _choose(
        self, connection: ssl.SSLObject, _name: str | None, _outer: ssl.SSLContext
    ) -> int | None:
        """Give a handshake its certificate; OpenSSL calls this with and without a server's name."""
        if self._present is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._present
        return None
