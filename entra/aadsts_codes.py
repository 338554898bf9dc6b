"""What each AADSTS code means, in words for the person who annotates ServiceAccounts. Data only.

Sources: each code has a page at https://login.microsoftonline.com/error?code=<number>; most are
listed at https://learn.microsoft.com/entra/identity-platform/reference-error-codes; what is in
neither is written out beside the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from entra.errors import EntraError, Invalid, Misconfigured, Throttled, Unauthenticated, Unavailable


class Class(Enum):
    """What a refusal means for whoever asked."""

    PROPAGATING = "propagating"
    """Within 5 minutes of a write it may pass by itself; at any other time, CONFIGURATION."""
    CONFIGURATION = "configuration"
    """Somebody has to change the tenant, the identity, its credentials or the issuer."""
    TRANSIENT = "transient"
    """It passes by itself."""
    OURS = "ours"
    """What we sent is wrong or too old: the assertion, or the request."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code in words."""

    group: Class
    error: type[EntraError]
    """What it is raised as; a PROPAGATING one as NotPropagated while the write is recent."""
    wrong: str
    remedy: str


def _propagating(wrong: str, remedy: str) -> Meaning:
    return Meaning(Class.PROPAGATING, Misconfigured, wrong, remedy)


def _configuration(wrong: str, remedy: str, error: type[EntraError] = Misconfigured) -> Meaning:
    return Meaning(Class.CONFIGURATION, error, wrong, remedy)


def _transient(wrong: str, remedy: str, error: type[EntraError] = Unavailable) -> Meaning:
    return Meaning(Class.TRANSIENT, error, wrong, remedy)


def _ours(wrong: str, remedy: str, error: type[EntraError] = Invalid) -> Meaning:
    return Meaning(Class.OURS, error, wrong, remedy)


_NO_MATCH: Final = "compare it with the identity's federated credentials, letter by letter"
_FIND_APPLICATION: Final = (
    "check the annotations client-id and tenant-id, and that the identity was not deleted"
)
_REACH_ISSUER: Final = (
    "the issuer's /.well-known/openid-configuration and its keys must be reachable from the"
    " internet over HTTPS, with a certificate of a public CA"
)
_ASK_ADMIN: Final = "an administrator of the tenant has to allow it by its policies"
_NEW_SECRET: Final = "make a new secret for the application and write it to the file"

MEANINGS: Final[Mapping[int, Meaning]] = {
    # The assertion matches no federated credential.
    70021: _propagating(
        "no federated credential of the identity matches the ServiceAccount's token",
        "compare issuer, subject and audience of both, letter by letter",
    ),
    700211: _propagating(
        "no federated credential of the identity has the token's issuer",
        _NO_MATCH + ", the issuer's trailing slash included",
    ),
    700212: _propagating(
        "no federated credential of the identity has the token's audience",
        _NO_MATCH + "; clouds other than the public one document audiences of their own",
    ),
    700213: _propagating(
        "no federated credential of the identity has the token's subject",
        _NO_MATCH + ": system:serviceaccount:<namespace>:<name>",
    ),
    70025: _propagating(
        "the identity has no federated credentials at all",
        "create one for the ServiceAccount, or check the annotation client-id",
    ),
    7002137: _configuration(
        "the token's subject is not that of the federated credential", _NO_MATCH
    ),
    7002138: _configuration(
        "the token's subject differs from the federated credential's in upper and lower case",
        "write the subject anew as it stands in the token; case counts",
    ),
    # Policies of the tenant. 700236: https://learn.microsoft.com/answers/questions/2139753
    700222: _configuration(
        "a token that Entra ID issued may not serve as the assertion here",
        "use a ServiceAccount's token, from an issuer other than Entra ID",
    ),
    700223: _configuration("the tenant's policy constrains or disables federation", _ASK_ADMIN),
    700238: _configuration("the tenant's policy constrains or disables federation", _ASK_ADMIN),
    700236: _configuration("the tenant does not take tokens of this issuer", _ASK_ADMIN),
    700229: _configuration(
        "the assertion speaks for a user, and only those of applications are taken",
        "use a ServiceAccount's token",
    ),
    # Tenant, application and cloud.
    700016: _configuration("the tenant has no application of this client id", _FIND_APPLICATION),
    700011: _configuration("the tenant has no application of this client id", _FIND_APPLICATION),
    70001: _configuration(
        "the application is disabled, or not in the tenant",
        _FIND_APPLICATION + "; enable it if it is disabled",
    ),
    7000112: _configuration("the application is disabled", "enable its service principal"),
    7000229: _configuration(
        "the application has no service principal in the tenant",
        "create one: az ad sp create --id <client id>",
    ),
    90002: _configuration(
        "there is no such tenant in this cloud",
        "check the tenant id, and that the authority host is that of the tenant's cloud",
    ),
    900023: _configuration("the tenant id is none", "give the tenant's UUID or domain name"),
    50059: _configuration("the request names no tenant", "give a tenant id"),
    90019: _configuration("the request names no tenant", "give a tenant id"),
    90038: _configuration(
        "the tenant belongs to another cloud", "use the authority host of the tenant's cloud"
    ),
    900382: _configuration(
        "the identity and the resource are in different clouds",
        "use an identity and an authority host of the resource's cloud",
    ),
    900432: _configuration(
        "the identity and the resource are in different clouds",
        "use an identity and an authority host of the resource's cloud",
    ),
    500011: _configuration(
        "the tenant does not know the resource that the token is asked for",
        "check the scope, and that the resource's application is in this tenant",
    ),
    50001: _configuration(
        "the resource that the token is asked for is disabled or does not exist",
        "check the scope",
    ),
    53003: _configuration(
        "the tenant's Conditional Access blocks this identity",
        "an administrator finds the policy in the sign-in logs of service principals",
    ),
    530032: _configuration("a security policy of the tenant blocks this identity", _ASK_ADMIN),
    700025: _configuration(
        "the application is a public client, which has no credentials",
        "turn off its setting to allow public client flows",
    ),
    # Credentials of our own.
    7000215: _configuration("the client secret is wrong", _NEW_SECRET, Unauthenticated),
    70002: _configuration("the client secret is wrong", _NEW_SECRET, Unauthenticated),
    7000222: _configuration("the client secret has expired", _NEW_SECRET, Unauthenticated),
    50012: _configuration(
        "the certificate or the assertion signed by it is not accepted",
        "upload the certificate to the application, and check that it has not expired",
        Unauthenticated,
    ),
    700030: _configuration(
        "the certificate's subject name is not allowed for this application",
        "upload the certificate itself, or allow its subject name",
        Unauthenticated,
    ),
    # The issuer's documents. 7000272: https://github.com/Azure/azure-workload-identity/issues/1232
    7000272: _configuration(
        "the issuer does not publish the key that the token is signed with",
        "publish the API server's key in the issuer's JWKS; after a rotation of keys, both",
    ),
    # 50166: https://github.com/Azure/azure-workload-identity/issues/642
    90061: _transient("Entra ID could not fetch the issuer's documents", _REACH_ISSUER),
    501661: _transient("Entra ID could not fetch the issuer's documents", _REACH_ISSUER),
    50166: _transient("Entra ID could not fetch the issuer's documents", _REACH_ISSUER),
    # Troubles of the service.
    50033: _transient("Entra ID failed", "it passes by itself"),
    90006: _transient("Entra ID is unavailable", "it passes by itself"),
    90012: _transient("Entra ID did not manage it in time", "it passes by itself"),
    90024: _transient("Entra ID is too busy", "it passes by itself", Throttled),
    90033: _transient("Entra ID's directory is unavailable", "it passes by itself"),
    90055: _transient("the tenant sends too many requests", "it passes by itself", Throttled),
    90090: _transient("Entra ID is unavailable", "it passes by itself"),
    90091: _transient("Entra ID can't reach its directory", "it passes by itself"),
    50196: _transient(
        "the same token was asked for too often",
        "find out who asks for it without keeping it",
        Throttled,
    ),
    # What we sent.
    700024: _ours(
        "the assertion is outside of its validity",
        "check the node's clock, and that the token file is being renewed",
    ),
    500133: _ours(
        "the assertion is outside of its validity",
        "check the node's clock, and that the token file is being renewed",
    ),
    50027: _ours("the assertion is not a valid JWT", "use the ServiceAccount's token as it is"),
    50013: _ours("the assertion is not valid", "use the ServiceAccount's token as it is"),
    700027: _ours(
        "the assertion's signature does not fit the keys that Entra ID knows",
        "if keys were rotated lately, ask again in some minutes; else check the issuer's JWKS, or"
        " that the certificate is uploaded to the application",
    ),
    # 5002738: https://github.com/AzureAD/microsoft-identity-web/issues/3467
    5002738: _ours(
        "the assertion is signed by an algorithm that Entra ID does not take",
        "let the issuer sign with RSA (RS256)",
    ),
    # https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    50048: _ours("the assertion is not about the application", "report this as a bug"),
    700021: _ours("the assertion is another application's", "report this as a bug"),
    700023: _ours("the assertion is for another token service", "check the authority host"),
    7000216: _ours("no credential was sent", "report this as a bug"),
    7000218: _ours("no credential was sent", "report this as a bug"),
    1002012: _ours("the scope does not end with /.default", "ask for <resource>/.default"),
    70011: _ours("the scope is not valid", "ask for <resource>/.default"),
    28002: _ours("the scope is not valid", "ask for <resource>/.default"),
    900144: _ours("the request lacks a parameter", "report this as a bug"),
    9002313: _ours("the request is malformed", "report this as a bug"),
    5002723: _ours("the assertion is not a valid JWT", "use the ServiceAccount's token as it is"),
    5002727: _ours("the assertion is not a valid JWT", "use the ServiceAccount's token as it is"),
    9000411: _ours("the request has a parameter twice", "report this as a bug"),
    901002: _ours("the request has a parameter of version 1", "report this as a bug"),
    70003: _ours("the kind of grant is not supported", "report this as a bug"),
    900561: _ours("the token endpoint was not asked by POST", "report this as a bug"),
    50049: _configuration(
        "the authority does not know the instance it was asked about",
        "check the authority host and the cloud",
    ),
}

STALE_ASSERTION: Final = frozenset({700024, 500133})
"""A fresh assertion helps, once."""
