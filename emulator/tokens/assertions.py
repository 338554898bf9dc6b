"""A client assertion read, and a federated one matched with the credentials of its client. Pure.

Nobody publishes the order of Entra's checks. Here it is: the token's form, then whether the
client has credentials, then issuer, audience and subject as the codes 700211 to 700213 count them,
then the times; what is fetched from an issuer is for a token that fits in all of these. Matching
precedes fetching in https://github.com/Azure/azure-workload-identity/issues/616, where nobody could
have fetched the issuer, and it precedes 700222: Entra's own tokens get 700211, too, where no
credential names their issuer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from emulator.directory import Credential
from emulator.tokens import assertion_refusals as refusals
from emulator.tokens.jws import Jws, NotATokenError, take_apart

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW: Final = 300.0
"""Seconds by which clocks may differ."""

_TYPES: Final = {"jwt", "http://openid.net/specs/jwt/1.0"}
_ENTRA: Final = (
    "https://sts.windows.net/",
    "https://login.microsoftonline.",
    "https://login.windows.net/",
    "https://login.microsoft.com/",
    "https://login.partner.microsoftonline.cn/",
    "https://login.chinacloudapi.cn/",
)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a token says, in the types that its claims must have. Not believed yet."""

    token: Jws = field(repr=False)
    algorithm: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    begins: float
    """Seconds since the epoch, as `expires`; 0 where the token does not say."""
    expires: float

    @property
    def is_federated(self) -> bool:
        """Whether its issuer is another party: the client itself goes by its id, no address."""
        return "://" in self.issuer

    def check_times(self, now: float) -> None:
        """Check the validity, give or take five minutes. Raises TokenRefusal.

        When it was issued (`iat`) does not matter: answers that quote the range show none of it.
        """
        if not self.begins - SKEW <= now <= self.expires + SKEW:
            raise refusals.outside_validity(now, self.begins, self.expires)


def read(text: str) -> Assertion:
    """Take an assertion apart. Raises TokenRefusal."""
    try:
        token = take_apart(text)
        claims = token.claims
        found = Assertion(
            token=token,
            algorithm=_text(token.header, "alg"),
            issuer=_text(claims, "iss"),
            subject=_text(claims, "sub"),
            audiences=_audiences(claims),
            begins=_seconds(claims, "nbf", 0.0),
            expires=_seconds(claims, "exp", None),
        )
        _seconds(claims, "iat", 0.0)
        kind = token.header.get("typ", "JWT")
    except NotATokenError as error:
        raise refusals.bad_token(str(error)) from error
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise refusals.bad_type()
    return found


def signing_key(assertion: Assertion) -> str:
    """Return the id of the key that a federated assertion is signed with. Raises TokenRefusal."""
    if assertion.algorithm != "RS256":
        raise refusals.unsupported_algorithm(assertion.algorithm)
    kid = assertion.token.header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise refusals.no_key_named()
    return kid


def match(assertion: Assertion, credentials: Sequence[Credential], own_issuers: str) -> Credential:
    """Return the credential that fits, letter by letter. Raises TokenRefusal.

    `own_issuers` is what the issuers of the emulator's own tokens begin with.
    """
    fitting = [one for one in credentials if one.issuer == assertion.issuer]
    if not fitting:
        raise refusals.no_match(700211, "issuer", assertion.issuer)
    fitting = [one for one in fitting if not set(one.audiences).isdisjoint(assertion.audiences)]
    if not fitting:
        raise refusals.no_match(700212, "audience", ", ".join(assertion.audiences))
    found = next((one for one in fitting if one.subject == assertion.subject), None)
    if found is None:
        subjects = {one.subject.lower() for one in fitting}
        if assertion.subject.lower() in subjects:
            raise refusals.other_case(assertion.subject)
        raise refusals.no_match(700213, "subject", assertion.subject)
    if assertion.issuer.startswith((*_ENTRA, own_issuers)):
        raise refusals.own_issuer()
    return found


def _text(fields: Any, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise NotATokenError(f"it has no {name}")
    return value


def _audiences(claims: Any) -> tuple[str, ...]:
    value = claims.get("aud")
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise NotATokenError("it has no aud")
    if not all(isinstance(one, str) for one in listed):
        raise NotATokenError("its aud is not of texts")
    return tuple(listed)


def _seconds(claims: Any, name: str, missing: float | None) -> float:
    """Return a NumericDate (RFC 7519, 2): a number, however large; never a bool or a text."""
    value = claims.get(name, missing)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotATokenError(
            f"its {name} is not a number" if name in claims else f"it has no {name}"
        )
    return float(value)
