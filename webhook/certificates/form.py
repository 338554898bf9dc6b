"""The form of our CA that the original accepts; anything else it replaces in one step."""

from typing import Final

CA_NAME: Final = "azure-workload-identity-ca"
"""Common name and DNS name of our CAs; the original replaces a CA that has no such DNS name."""

CA_ORGANIZATION: Final = "azure-workload-identity"

CA_KEY_HEADER: Final = b"-----BEGIN RSA PRIVATE KEY-----"
"""PKCS#1: the only form of a CA's key that the original reads."""
