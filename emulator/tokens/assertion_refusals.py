"""What the token endpoint refuses about a client's assertion: status, OAuth error, code, words.

The words are Entra's, as public reports of its answers quote them; what it does not say follows
after them. Sources, by code:

- 700211, 401 invalid_client: https://github.com/Azure/azure-workload-identity/issues/1350;
  700212 and 700213 are of the same form
- 7002138 (only the case differs): https://github.com/Azure/login/issues/515
- 7000272 (the issuer publishes no such key): .../azure-workload-identity/issues/1232
- 90061 (400 invalid_request): .../azure-workload-identity/pull/608; 501661 has the same words:
  https://github.com/Azure/login/issues/283. Here 90061 is an issuer that can't be fetched, 501661
  one whose documents are of no use.
- 700222: https://github.com/AzureAD/microsoft-identity-web/issues/2519
- 700024, 401: https://github.com/risingwavelabs/risingwave/issues/17123
- 5002738 (the algorithm): https://github.com/AzureAD/microsoft-identity-web/issues/3467
- 700027 (certificates): https://github.com/Azure/azure-sdk-for-net/issues/29007
- 700021, 700023, 50048: https://learn.microsoft.com/entra/identity-platform/certificate-credentials

Never answered, only asked for as a failure on demand: 70021, which older answers have instead of
700211 to 700213; 7002137, which is about the subjects of Entra's own tokens; 50013, which is about
assertions of users.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from emulator.calls.refusal import TokenRefusal
from emulator.tokens.refusals import shown

_FEDERATION: Final = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_CERTIFICATES: Final = "https://learn.microsoft.com/entra/identity-platform/certificate-credentials"
_BREAKING: Final = (
    "https://learn.microsoft.com/en-us/entra/identity-platform/reference-breaking-changes"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
"""Of the years 1 to 9999."""


def bad_token(why: str) -> TokenRefusal:
    """Return the refusal of what is no token that could be looked at."""
    return TokenRefusal(
        400, "invalid_request", 50027, f"JWT token is invalid or malformed. Here: {why}."
    )


def bad_type() -> TokenRefusal:
    """Return the refusal of a token that says it is something else."""
    return TokenRefusal(
        400,
        "invalid_request",
        5002727,
        "Invalid JWT header type specified, must be 'JWT' or 'http://openid.net/specs/jwt/1.0'.",
    )


def unsupported_algorithm(algorithm: str) -> TokenRefusal:
    """Return the refusal of a signature of another kind."""
    return TokenRefusal(
        400,
        "invalid_request",
        5002738,
        f"Invalid JWT token. '{shown(algorithm)}' is not a supported signature algorithm.",
    )


def no_key_named() -> TokenRefusal:
    """Return the refusal of a token that does not say who signed it."""
    return TokenRefusal(
        400,
        "invalid_request",
        5002723,
        "Invalid JWT token. No certificate SHA-256 thumbprint, certificate SHA-1 thumbprint nor"
        " keyId specified in token header.",
    )


def no_credentials(client_id: str, name: str) -> TokenRefusal:
    """Return the refusal for an identity that nothing federates with."""
    return TokenRefusal(
        401,
        "invalid_client",
        70025,
        f"The client '{client_id}'({name}) has no configured federated identity credentials.",
    )


def no_match(number: int, what: str, value: str) -> TokenRefusal:
    """Return the refusal of an issuer (700211), audience (700212) or subject (700213)."""
    return TokenRefusal(
        401,
        "invalid_client",
        number,
        f"{_unmatched(what, value)} Check your federated identity credential Subject, Audience and"
        f" Issuer against the presented assertion. {_FEDERATION}",
    )


def other_case(subject: str) -> TokenRefusal:
    """Return the refusal of a subject that would fit if case did not count."""
    return TokenRefusal(
        401,
        "invalid_client",
        7002138,
        f"{_unmatched('subject', subject)} The subject matches with case-insensitive comparison,"
        " but not with case-sensitive comparison. Check your federated identity credential"
        " Subject, Audience and Issuer against the presented assertion. See documentation at:"
        f" {_FEDERATION}. See breaking change notification and remediation at:"
        f" {_BREAKING}#august-2024.",
    )


def _unmatched(what: str, value: str) -> str:
    return (
        "No matching federated identity record found for presented assertion"
        f" {what} '{shown(value)}'."
    )


def own_issuer() -> TokenRefusal:
    """Return the refusal of a token that Entra itself issued."""
    return TokenRefusal(
        401,
        "invalid_client",
        700222,
        "AAD-issued tokens may not be used for federated identity flows.",
    )


def outside_validity(now: float, begins: float, expires: float) -> TokenRefusal:
    """Return the refusal of a token before or after its time. All in seconds since the epoch."""
    return TokenRefusal(
        401,
        "invalid_client",
        700024,
        f"Client assertion is not within its valid time range. Current time: {_moment(now)},"
        f" assertion valid from {_moment(begins)}, expiry time of assertion {_moment(expires)}."
        f" Review the documentation at {_CERTIFICATES} .",
    )


def unreachable(detail: str) -> TokenRefusal:
    """Return the refusal where an issuer's documents can't be fetched."""
    return TokenRefusal(
        400, "invalid_request", 90061, f"Request to External OIDC endpoint failed. Here: {detail}."
    )


def unusable(detail: str) -> TokenRefusal:
    """Return the refusal where an issuer's documents are there, and of no use."""
    return TokenRefusal(
        400, "invalid_request", 501661, f"Request to External OIDC endpoint failed. Here: {detail}."
    )


def unknown_key(kid: str, issuer: str) -> TokenRefusal:
    """Return the refusal of a key that an issuer does not publish."""
    return TokenRefusal(
        401,
        "invalid_client",
        7000272,
        f"The certificate with identifier {shown(kid)} used to sign the federated credential could"
        f" not be found in the metadata of identity provider {shown(issuer)}. Please validate that"
        " your Identity Provider's metadata exposes the key used to sign the incoming token.",
    )


def bad_signature(key: str, found: str = "") -> TokenRefusal:
    """Return the refusal of a signature that is not of the key that the token names."""
    more = f", Found key '{found}'" if found else ""
    return TokenRefusal(
        401,
        "invalid_client",
        700027,
        "Client assertion contains an invalid signature. [Reason - The provided signature value did"
        f" not match the expected signature value., Thumbprint of key used by client:"
        f" '{shown(key)}'{more}].",
    )


def unregistered_certificate(thumbprint: str, client_id: str) -> TokenRefusal:
    """Return the refusal of a certificate that the application does not have."""
    return TokenRefusal(
        401,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on"
        f" application. [Reason - The key was not found., Thumbprint of key used by client:"
        f" '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph"
        f" to see configured keys for app Id '{client_id}'].",
    )


def expired_certificate(thumbprint: str, validity: str) -> TokenRefusal:
    """Return the refusal of a certificate that is over, or not yet valid."""
    return TokenRefusal(
        401,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is expired on"
        f" application. [Reason - The key used is expired., Thumbprint of key used by client:"
        f" '{thumbprint}', Found key '{validity}'].",
    )


def other_client() -> TokenRefusal:
    """Return the refusal of an assertion that another client made."""
    return TokenRefusal(
        401,
        "invalid_client",
        700021,
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the"
        f" documentation at {_CERTIFICATES} .",
    )


def other_subject() -> TokenRefusal:
    """Return the refusal of an assertion of a client about somebody else."""
    return TokenRefusal(
        401,
        "invalid_client",
        50048,
        "Subject must match the issuer claim in the client assertion. Review the documentation at"
        f" {_CERTIFICATES} .",
    )


def other_audience() -> TokenRefusal:
    """Return the refusal of an assertion of a client that is for another token service."""
    return TokenRefusal(
        401,
        "invalid_client",
        700023,
        "Client assertion audience claim does not match Realm issuer. Review the documentation at"
        f" {_CERTIFICATES} .",
    )


def _moment(seconds: float) -> str:
    """Write a time as Entra does; what no calendar has becomes its nearest end."""
    within = min(max(seconds, _FIRST_SECOND), _LAST_SECOND)
    moment = _EPOCH + timedelta(seconds=within)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "0Z"
