"""Resource Manager's refusals, in its own words, each at one place.

Sources: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations#errors,
https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
"""

from typing import Final

from emulator.arm.kinds import CREDENTIALS, IDENTITIES
from emulator.bearer import Caller, Flaw
from emulator.calls.refusal import Refusal
from emulator.directory import SLOTS
from emulator.directory.rules import Breach, Broken

UNBELIEVED: Final = {
    Flaw.MISSING: (
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.",
    ),
    Flaw.MALFORMED: ("InvalidAuthenticationToken", "The access token is invalid."),
    Flaw.EXPIRED: (
        "ExpiredAuthenticationToken",
        "The access token expiry UTC time is earlier than current UTC time.",
    ),
    Flaw.EARLY: ("InvalidAuthenticationToken", "The access token is not yet valid."),
    Flaw.AUDIENCE: (
        "InvalidAuthenticationTokenAudience",
        (
            "The access token has been obtained for wrong audience or resource. It should exactly"
            " match with one of the allowed audiences 'https://management.core.windows.net/',"
            "'https://management.core.windows.net','https://management.azure.com/',"
            "'https://management.azure.com', or be the emulator's own address."
        ),
    ),
}


def wrong_tenant(caller: Caller, tenant: str, origin: str) -> Refusal:
    """Say that a token is of another tenant than the subscription."""
    return Refusal(
        401,
        "InvalidAuthenticationTokenTenant",
        f"The access token is from the wrong issuer 'https://sts.windows.net/{caller.tenant}/'. It"
        f" must match the tenant 'https://sts.windows.net/{tenant}/' associated with this"
        f" subscription. Please use the authority (URL) '{origin}/{tenant}' to get the token.",
        {"WWW-Authenticate": challenge(origin, tenant, "the access token is of another tenant")},
    )


def challenge(origin: str, tenant: str, why: str) -> str:
    """Return a WWW-Authenticate header: SDKs learn a subscription's tenant from it."""
    return (
        f'Bearer authorization_uri="{origin}/{tenant}", error="invalid_token",'
        f' error_description="{why}"'
    )


def not_allowed(caller: Caller, action: str, scope: str) -> Refusal:
    """Say that no role of the caller's lets it do this here."""
    return Refusal(
        403,
        "AuthorizationFailed",
        f"The client '{caller.client_id}' with object id '{caller.object_id}' does not have"
        f" authorization to perform action '{action}' over scope '{scope or '/'}' or the scope is"
        " invalid. If access was recently granted, please refresh your credentials.",
    )


def subscription_malformed(written: str) -> Refusal:
    """Say that a subscription's id is no GUID."""
    return Refusal(
        400,
        "InvalidSubscriptionId",
        f"The provided subscription identifier '{written[:100]}' is malformed or invalid.",
    )


def subscription_absent(written: str) -> Refusal:
    """Say that there is no such subscription."""
    return Refusal(404, "SubscriptionNotFound", f"The subscription '{written}' could not be found.")


def identity_absent(group: str, name: str) -> Refusal:
    """Say that there is no such managed identity."""
    return _absent(f"{IDENTITIES.full}/{name}", group)


def credential_absent(group: str, identity: str, name: str) -> Refusal:
    """Say that a managed identity has no such credential."""
    return _absent(f"{CREDENTIALS.full}/{identity}/{name}", group)


def _absent(what: str, group: str) -> Refusal:
    return Refusal(
        404,
        "ResourceNotFound",
        f"The Resource '{what}' under resource group '{group}' was not found. For more details"
        " please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def parent_absent(verb: str, parent: str) -> Refusal:
    """Say that the managed identity that credentials would be of is not there."""
    return Refusal(
        404,
        "ParentResourceNotFound",
        f"Failed to perform '{verb}' on resource(s) of type '{CREDENTIALS.name}', because the"
        f" parent resource '{parent}' could not be found.",
    )


def region_without_credentials() -> Refusal:
    """Say that managed identities of this region can't have federated credentials."""
    return Refusal(
        405,
        "MethodNotAllowed",
        "The request format was unexpected: Support for federated identity credentials not"
        " enabled.",
        {"Allow": "GET, DELETE"},
    )


def credential_without(field: str) -> Refusal:
    """Say that a credential's properties are not all there; `field` may be empty."""
    if not field:
        return _bad("Federated Identity Credential from HTTP body has empty properties.")
    return _bad(
        "The request format was unexpected. Federated Identity Credential must specify 'issuer',"
        f" 'subject' and 'audience': '{field}' is missing or no text."
    )


def credential_breach(breach: Breach, name: str) -> Refusal:
    """Say which limit a credential breaks."""
    match breach.rule:
        case Broken.NAME:
            words = f"Federated Identity Credential name '{name[:200]}' is invalid: {breach.words}."
        case Broken.AUDIENCES:
            words = "Federated identity credentials must have exactly one audience."
        case Broken.MISSING:
            return credential_without(breach.field)
        case Broken.PAIR_TAKEN:
            words = "Issuer and subject combination already exists for this Managed Identity."
        case Broken.SLOTS:
            words = (
                f"Too many federated identity credentials: at most {SLOTS} can be added to a"
                " managed identity."
            )
        case _:
            words = f"The request format was unexpected: {breach.words}."
    return _bad(words)


def _bad(words: str) -> Refusal:
    return Refusal(400, "BadRequest", words)


def invalid(words: str) -> Refusal:
    """Say what is wrong with a body."""
    return Refusal(400, "InvalidRequestContent", f"The request content was invalid: {words}.")


def location_missing() -> Refusal:
    """Say that a managed identity has to be somewhere."""
    return Refusal(
        400, "LocationRequired", "The location property is required for this definition."
    )


def location_fixed(name: str, group: str, there: str, wanted: str) -> Refusal:
    """Say that a managed identity can't be moved."""
    return Refusal(
        409,
        "InvalidResourceLocation",
        f"The resource '{name}' already exists in location '{there}' in resource group '{group}'. A"
        f" resource with the same name cannot be created in location '{wanted[:100]}'. Please"
        " select a new resource name.",
    )


def name_invalid(name: str, rule: str) -> Refusal:
    """Say that nothing can have this name."""
    return Refusal(
        400, "InvalidResourceName", f"The resource name '{name[:200]}' is invalid: {rule}."
    )
