"""Errors of a proof as reasons and words: the one place where they become that. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controller.kube.errors import (
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Terminating,
    Transient,
    Unauthenticated,
)
from controller.probe.verification import Result, Verification
from entra import errors as entra

_BY_CODE: Final[Mapping[int, str]] = {
    # The token matches no credential.
    70021: "CredentialMismatch",
    700211: "IssuerMismatch",
    700212: "AudienceMismatch",
    700213: "SubjectMismatch",
    7002137: "SubjectMismatch",
    7002138: "SubjectCaseMismatch",
    70025: "NoCredentials",
    # Tenant, application and cloud.
    700016: "ApplicationNotFound",
    700011: "ApplicationNotFound",
    70001: "ApplicationNotFound",
    7000112: "ApplicationDisabled",
    7000229: "NoServicePrincipal",
    700025: "PublicClient",
    90002: "TenantNotFound",
    900023: "TenantNotFound",
    90038: "WrongCloud",
    900382: "WrongCloud",
    900432: "WrongCloud",
    500011: "ResourceNotFound",
    50001: "ResourceNotFound",
    # Policies of the tenant.
    53003: "BlockedByPolicy",
    530032: "BlockedByPolicy",
    700222: "BlockedByPolicy",
    700223: "BlockedByPolicy",
    700229: "BlockedByPolicy",
    700236: "BlockedByPolicy",
    700238: "BlockedByPolicy",
    # The issuer and its keys.
    90061: "IssuerUnreachable",
    50166: "IssuerUnreachable",
    7000272: "SigningKeyUnknown",
    700027: "SigningKeyUnknown",
    5002738: "SigningAlgorithm",
    # Time.
    700024: "ClockOff",
    500133: "ClockOff",
}
"""By AADSTS code (`entra.aadsts_codes` has their words); others are told by their error's type."""

_BY_ERROR: Final[Mapping[type[entra.EntraError], str]] = {
    entra.NotPropagated: "NotPropagated",
    entra.Unreachable: "EntraUnreachable",
    entra.Throttled: "EntraThrottled",
    entra.Transient: "EntraUnavailable",
    entra.Misconfigured: "Misconfigured",
    entra.EntraError: "RefusedByEntra",
}

_CODE: Final = re.compile(r"AADSTS(\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token was asked for."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"the ServiceAccount {self.namespace}/{self.name}"


def refused_by_entra(error: entra.EntraError, at: float) -> Verification:
    """Return what a failed exchange says.

    A credential that is not known yet is no refusal; an issuer that Entra ID can't reach is one,
    since it does not pass by itself for most who meet it.
    """
    found = _CODE.fullmatch(error.trace.code)
    reason = _BY_CODE.get(int(found[1]), "") if found else ""
    unknown = isinstance(error, entra.Transient) and reason != "IssuerUnreachable"
    if unknown:
        reason = ""  # whatever it says, it may pass
    elif isinstance(error, entra.Invalid) and not error.trace.service:
        reason = "Invalid"  # it was not even sent
    advice = f"; {error.advice}" if error.advice and error.advice not in error.message else ""
    return Verification(
        Result.UNKNOWN if unknown else Result.REFUSED,
        reason or next(_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR),
        f"{error.message}{advice}",
        at,
        code=error.trace.code,
        request_id=error.trace.request_id,
    )


def no_token(error: KubeError, account: Account, at: float) -> Verification:
    """Return what it says that the API server gave no token of the ServiceAccount."""
    refused = Result.REFUSED
    match error:
        case NotFound():
            words = f"{account} is not there; make it, or remove what is asked for it"
            return Verification(refused, "NoServiceAccount", words, at)
        case Terminating():
            words = f"the namespace {account.namespace} is being deleted: it gives no more tokens"
            return Verification(Result.UNKNOWN, "NamespaceTerminating", words, at)
        case Forbidden():
            return Verification(refused, "TokenRefused", _forbidden(error, account), at)
        case Invalid():
            words = f"the API server gives no token of {account}: {error}"
            return Verification(refused, "TokenRefused", words, at)
        case Unauthenticated():
            words = f"the API server does not know the controller: {error}"
        case Transient():
            words = f"the API server gives no token of {account} now; it is asked again: {error}"
        case _:
            words = f"the API server gives no token of {account}: {error}"
    return Verification(Result.UNKNOWN, "ApiServerUnavailable", words, at)


def not_probed(namespace: str, at: float) -> Verification:
    """Return what it says that nobody's tokens are asked for in a namespace."""
    words = f"ServiceAccounts of the namespace {namespace} are not probed (--probe-namespaces)"
    return Verification(Result.UNKNOWN, "NotProbed", words, at)


def _forbidden(error: KubeError, account: Account) -> str:
    return (
        f"the controller may not ask for tokens of {account}; an administrator grants its own"
        f" ServiceAccount, by a Role in the namespace {account.namespace}, verb create on"
        f" serviceaccounts/token of the core API group, or looks which policy refuses it: {error}"
    )
