"""A client assertion, matched with the federated credentials of an application, then validated.

The order is Entra's as far as it shows: credentials that know the issuer, the issuer's keys, the
signature, the times, the audience, the subject. Source of the codes:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from emulator.calls.refusal import TokenRefusal
from emulator.directory import Credential
from emulator.tokens.issuers import Issuers, Malformed, Unreachable

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW: Final = 300.0
"""Seconds by which clocks may differ."""
_ENTRA: Final = ("https://sts.windows.net/", "https://login.microsoftonline.")


@dataclass(frozen=True, slots=True)
class Assertion:
    """A token's header and claims before they are believed."""

    kid: str
    algorithm: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    claims: dict[str, Any]


def read(token: str) -> Assertion:
    """Take a token apart. Raises TokenRefusal (50027) for what is none."""
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise _malformed("it can't be decoded") from error
    issuer, subject, audience = claims.get("iss"), claims.get("sub"), claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(issuer, str) or not issuer:
        raise _malformed("it has no iss")
    if not isinstance(subject, str) or not subject:
        raise _malformed("it has no sub")
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise _malformed("it has no aud")
    kid = header.get("kid")
    return Assertion(
        kid=kid if isinstance(kid, str) else "",
        algorithm=str(header.get("alg", "")),
        issuer=issuer,
        subject=subject,
        audiences=tuple(audiences),
        claims=claims,
    )


def _malformed(why: str) -> TokenRefusal:
    return TokenRefusal(400, "invalid_request", 50027, f"JWT token is invalid or malformed: {why}.")


def knowing_the_issuer(
    assertion: Assertion, credentials: Sequence[Credential], client_id: str
) -> list[Credential]:
    """Return the credentials that name the assertion's issuer. Raises TokenRefusal."""
    if assertion.issuer.startswith(_ENTRA):
        raise TokenRefusal(
            400,
            "invalid_request",
            700222,
            "Entra-issued tokens may not be used for federated identity credential flows for"
            f" applications or managed identities registered in this tenant (issuer"
            f" '{assertion.issuer}').",
        )
    if not credentials:
        raise TokenRefusal(
            401,
            "invalid_client",
            70025,
            f"The client '{client_id}' has no configured federated identity credentials.",
        )
    found = [one for one in credentials if one.issuer == assertion.issuer]
    if not found:
        raise TokenRefusal(
            401,
            "invalid_client",
            700211,
            "No matching federated identity record found for presented assertion issuer"
            f" '{assertion.issuer}'. Check your federated identity credential Subject, Audience"
            " and Issuer against the presented assertion.",
        )
    return found


async def verify_signature(assertion: Assertion, token: str, issuers: Issuers) -> None:
    """Check who signed. Raises TokenRefusal."""
    if assertion.algorithm != "RS256":
        raise TokenRefusal(
            401,
            "invalid_client",
            700027,
            f"Client assertion failed signature validation: the algorithm is"
            f" '{assertion.algorithm}', only RS256 is supported.",
        )
    key = await _key(assertion, issuers)
    try:
        jwt.api_jws.decode(token, key, algorithms=["RS256"])
    except jwt.InvalidTokenError as error:
        raise TokenRefusal(
            401,
            "invalid_client",
            700027,
            "Client assertion failed signature validation: the signature does not fit the"
            f" issuer's key '{assertion.kid}'.",
        ) from error


async def _key(assertion: Assertion, issuers: Issuers) -> RSAPublicKey:
    try:
        key = await issuers.key(assertion.issuer, assertion.kid)
    except Unreachable as error:
        raise TokenRefusal(
            400,
            "invalid_request",
            90061,
            f"Request to External OIDC endpoint failed: {error}.",
        ) from error
    except Malformed as error:
        raise TokenRefusal(
            400,
            "invalid_request",
            501661,
            f"Unable to resolve the external issuer '{assertion.issuer}': {error}.",
        ) from error
    if key is None:
        raise TokenRefusal(
            401,
            "invalid_client",
            700027,
            "Client assertion failed signature validation: the key was not found, the issuer"
            f" publishes none with the id '{assertion.kid}' among its first 100 RSA keys.",
        )
    return key


def check_times(assertion: Assertion, now: float) -> None:
    """Check the validity, give or take five minutes. Raises TokenRefusal."""
    expires, begins = assertion.claims.get("exp"), assertion.claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise _malformed("it has no exp")
    if now > expires + SKEW or now < begins - SKEW:
        raise TokenRefusal(
            401,
            "invalid_client",
            700024,
            "Client assertion is not within its valid time range. Current time:"
            f" {int(now)}, assertion valid from {int(begins)}, expiry time of assertion"
            f" {int(expires)} (seconds since 1970).",
        )


def match(assertion: Assertion, credentials: Sequence[Credential]) -> Credential:
    """Return the credential that fits, case-exactly. Raises TokenRefusal."""
    fitting = [one for one in credentials if set(one.audiences) & set(assertion.audiences)]
    if not fitting:
        raise TokenRefusal(
            401,
            "invalid_client",
            700212,
            "No matching federated identity record found for presented assertion audience"
            f" '{', '.join(assertion.audiences)}'. Check your federated identity credential"
            " Subject, Audience and Issuer against the presented assertion.",
        )
    for credential in fitting:
        if credential.subject == assertion.subject:
            return credential
    for credential in fitting:
        if credential.subject.lower() == assertion.subject.lower():
            raise TokenRefusal(
                401,
                "invalid_client",
                7002138,
                "No matching federated identity record found for presented assertion subject"
                f" '{assertion.subject}'. The subject differs only in case from the record's"
                f" '{credential.subject}': the comparison is case-sensitive.",
            )
    raise TokenRefusal(
        401,
        "invalid_client",
        700213,
        "No matching federated identity record found for presented assertion subject"
        f" '{assertion.subject}'. Check your federated identity credential Subject, Audience and"
        " Issuer against the presented assertion.",
    )
