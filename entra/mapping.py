"""What Graph and Resource Manager answer, and the error of ours that it becomes. Pure.

Sources: https://learn.microsoft.com/graph/errors, .../graph/resolve-auth-errors,
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust-user-assigned-managed-identity
(errors of federated credentials); codes that no page has were seen in reports of their users.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from entra.errors import (
    ConcurrentWrite,
    Denied,
    EntraError,
    Invalid,
    LimitReached,
    Misconfigured,
    NameTaken,
    NotFound,
    PairTaken,
    Throttled,
    Trace,
    Unauthenticated,
    Unavailable,
    Unreachable,
    Unsupported,
)

GRAPH: Final = "graph"
RESOURCE_MANAGER: Final = "arm"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: a code, and what it means."""

    service: str
    code: str
    error: type[EntraError]
    advice: str = ""
    """What to do, where the error's own advice does not fit."""
    says: str = ""
    """Part of the message, in lower case, where one code stands for several things."""


RULES: Final = (
    # Two codes of federated credentials stand for more than one thing: there the text decides.
    Rule(
        GRAPH,
        "InvalidFederatedIdentityCredentialValue",
        PairTaken,
        says="combination of issuer and subject",
    ),
    Rule(GRAPH, "InvalidFederatedIdentityCredentialValue", Invalid),
    Rule(GRAPH, "Request_MultipleObjectsWithSameKeyValue", NameTaken),
    Rule(GRAPH, "Request_ResourceNotFound", NotFound),
    Rule(GRAPH, "ResourceNotFound", NotFound),
    Rule(GRAPH, "itemNotFound", NotFound),
    Rule(
        GRAPH,
        "Authorization_RequestDenied",
        Denied,
        advice="grant Application.ReadWrite.OwnedBy, and make this program an owner of the"
        " application (to find identities: Application.Read.All)",
    ),
    Rule(GRAPH, "Authorization_IdentityNotFound", Unauthenticated),
    Rule(GRAPH, "accessDenied", Denied),
    Rule(GRAPH, "InvalidAuthenticationToken", Unauthenticated),
    Rule(GRAPH, "AuthenticationError", Unauthenticated),
    Rule(GRAPH, "Directory_QuotaExceeded", LimitReached),
    Rule(GRAPH, "Directory_ConcurrencyViolation", ConcurrentWrite),
    Rule(GRAPH, "ConcurrencyViolation", ConcurrentWrite),
    Rule(GRAPH, "Request_BadRequest", Invalid),
    Rule(GRAPH, "Request_UnsupportedQuery", Invalid),
    Rule(GRAPH, "BadRequest", Invalid),
    Rule(GRAPH, "Request_ThrottledTemporarily", Throttled),
    Rule(GRAPH, "TooManyRequests", Throttled),
    Rule(GRAPH, "activityLimitReached", Throttled),
    Rule(GRAPH, "Service_InternalServerError", Unavailable),
    Rule(GRAPH, "Directory_ReplicaUnavailable", Unavailable),
    Rule(GRAPH, "serviceNotAvailable", Unavailable),
    Rule(
        RESOURCE_MANAGER,
        "BadRequest",
        PairTaken,
        says="issuer and subject combination already exists",
    ),
    Rule(
        RESOURCE_MANAGER,
        "Conflict",
        PairTaken,
        says="issuer and subject combination already exists",
    ),
    Rule(RESOURCE_MANAGER, "BadRequest", Invalid),
    Rule(RESOURCE_MANAGER, "Conflict", ConcurrentWrite),
    Rule(
        RESOURCE_MANAGER,
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        ConcurrentWrite,
    ),
    Rule(RESOURCE_MANAGER, "AnotherOperationInProgress", ConcurrentWrite),
    Rule(RESOURCE_MANAGER, "ResourceNotFound", NotFound),
    Rule(RESOURCE_MANAGER, "ParentResourceNotFound", NotFound),
    Rule(RESOURCE_MANAGER, "ResourceGroupNotFound", NotFound),
    Rule(RESOURCE_MANAGER, "SubscriptionNotFound", NotFound),
    Rule(RESOURCE_MANAGER, "NotFound", NotFound),
    Rule(
        RESOURCE_MANAGER,
        "AuthorizationFailed",
        Denied,
        advice="grant Microsoft.ManagedIdentity/userAssignedIdentities/read and"
        " .../federatedIdentityCredentials/{read,write,delete} on the managed identity",
    ),
    Rule(RESOURCE_MANAGER, "LinkedAuthorizationFailed", Denied),
    Rule(
        RESOURCE_MANAGER,
        "ScopeLocked",
        Denied,
        advice="take the lock off the managed identity, or off the group or subscription it is in",
    ),
    Rule(
        RESOURCE_MANAGER,
        "RequestDisallowedByPolicy",
        Denied,
        advice="make an exemption in Azure Policy, or use another identity",
    ),
    Rule(RESOURCE_MANAGER, "InvalidAuthenticationToken", Unauthenticated),
    Rule(RESOURCE_MANAGER, "ExpiredAuthenticationToken", Unauthenticated),
    Rule(RESOURCE_MANAGER, "AuthenticationFailed", Unauthenticated),
    Rule(RESOURCE_MANAGER, "AuthenticationFailedMissingToken", Unauthenticated),
    Rule(
        RESOURCE_MANAGER,
        "InvalidAuthenticationTokenTenant",
        Misconfigured,
        advice="sign in at the tenant that the subscription belongs to",
    ),
    Rule(
        RESOURCE_MANAGER,
        "InvalidAuthenticationTokenAudience",
        Misconfigured,
        advice="give the audience that this cloud's Resource Manager expects",
    ),
    Rule(
        RESOURCE_MANAGER,
        "MissingSubscriptionRegistration",
        Misconfigured,
        advice="register the provider Microsoft.ManagedIdentity in the subscription",
    ),
    Rule(
        RESOURCE_MANAGER,
        "ReadOnlyDisabledSubscription",
        Misconfigured,
        advice="enable the subscription",
    ),
    Rule(RESOURCE_MANAGER, "NoRegisteredProviderFound", Unsupported),
    Rule(RESOURCE_MANAGER, "InvalidResourceType", Unsupported),
    Rule(RESOURCE_MANAGER, "InvalidApiVersionParameter", Unsupported),
    Rule(RESOURCE_MANAGER, "UnsupportedApiVersion", Unsupported),
    Rule(RESOURCE_MANAGER, "TooManyRequests", Throttled),
    Rule(RESOURCE_MANAGER, "SubscriptionRequestsThrottled", Throttled),
    Rule(RESOURCE_MANAGER, "TenantRequestsThrottled", Throttled),
    Rule(RESOURCE_MANAGER, "InternalServerError", Unavailable),
    Rule(RESOURCE_MANAGER, "ServerTimeout", Unavailable),
    Rule(RESOURCE_MANAGER, "GatewayTimeout", Unavailable),
)

BY_STATUS: Final[Mapping[int, type[EntraError]]] = {
    401: Unauthenticated,
    403: Denied,
    404: NotFound,
    405: Unsupported,
    407: Unreachable,  # a proxy stands between
    408: Unavailable,
    409: ConcurrentWrite,
    412: ConcurrentWrite,
    421: Unavailable,
    423: ConcurrentWrite,
    425: Unavailable,
    429: Throttled,
    451: Denied,
}
"""For codes that no rule knows; other 4xx are `Invalid`, everything else is `Unavailable`."""

_TOKEN: Final = re.compile(r"eyJ[\w-]+(?:\.[\w-]*)+")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the body of a refusal says."""

    code: str = ""
    message: str = ""


def complaint(body: Mapping[str, Any] | None) -> Complaint:
    """Read `{"error": {"code", "message"}}`, the form of both services; tolerate any other."""
    error = (body or {}).get("error")
    if not isinstance(error, dict):
        return Complaint()
    code, message = error.get("code"), error.get("message")
    return Complaint(
        code if isinstance(code, str) else "", message if isinstance(message, str) else ""
    )


def error_from(
    what: str, told: Complaint, trace: Trace, retry_after: float | None = None
) -> EntraError:
    """Return the error for a refusal; `what` was asked for, `trace` says whom and with what end."""
    rule = _rule(trace.service, told)
    kind = rule.error if rule else _by_status(trace.status or 500)
    words = _TOKEN.sub("(a token)", told.message).rstrip(". ")
    return kind(
        f"{what}: {words or 'refused without a word'}",
        trace=trace,
        retry_after=retry_after,
        advice=(rule and rule.advice) or None,
    )


def _rule(service: str, told: Complaint) -> Rule | None:
    message = told.message.lower()
    for rule in RULES:
        if (rule.service, rule.code.lower()) == (service, told.code.lower()) and (
            rule.says in message
        ):
            return rule
    return None


def _by_status(status: int) -> type[EntraError]:
    if kind := BY_STATUS.get(status):
        return kind
    return Invalid if 400 <= status < 500 else Unavailable
