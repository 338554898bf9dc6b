"""What the webhook's replicas serve: by their metrics, since not all can be reached from here."""

import re
from typing import Final

from cryptography import x509

from tests.e2e.release import Release

_EXPIRY: Final = re.compile(
    r'^azwi_certificate_expiry_timestamp_seconds\{kind="serving"\} (\S+)$', re.MULTILINE
)


def all_serve(release: Release, certificate: bytes) -> bool:
    """Tell whether each replica serves this one (PEM): certificates of a test end at odd times."""
    wanted = x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp()
    told = [_EXPIRY.search(text) for text in release.metrics()]
    return bool(told) and all(found and float(found.group(1)) == wanted for found in told)
