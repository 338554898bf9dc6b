"""What the token endpoint refuses about a request and its client: status, OAuth error, code, words.

The words are Entra's, as public reports of its answers quote them; sentences that it does not say
follow after them, where they help. 400 is a request that is wrong in itself (`invalid_request`,
`invalid_scope`, `unauthorized_client`), 401 a client that failed to prove who it is
(`invalid_client`). Sources, beside the error codes' own page
(https://learn.microsoft.com/entra/identity-platform/reference-error-codes):

- 401 and invalid_client for a secret: https://github.com/Azure/sap-automation/issues/418
- 50059 for `common`: https://github.com/MicrosoftDocs/azure-docs/issues/24064
- 900023: https://github.com/MicrosoftDocs/azure-docs/issues/100978

Assertions have a file of their own (`assertion_refusals`). Not told apart here: clouds, so that
900382 (a resource of another cloud) is never answered.
"""

from typing import Final

from emulator.calls.refusal import TokenRefusal

_LONGEST: Final = 600
"""Characters of what a caller sent that an answer repeats."""
_WRONG_TENANT: Final = (
    "This can happen if the application has not been installed by the administrator of the tenant"
    " or consented to by any user in the tenant. You {may} have sent your authentication request to"
    " the wrong tenant."
)


def shown(text: str) -> str:
    """Cut what a caller sent to what an answer repeats."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def malformed(detail: str) -> TokenRefusal:
    """Return the refusal of what can't be read as a request for a token."""
    return TokenRefusal(
        400,
        "invalid_request",
        9002313,
        f"Invalid request. Request is malformed or invalid. {detail}",
    )


def missing(parameter: str) -> TokenRefusal:
    """Return the refusal of a form without something; one that is no form has nothing."""
    return TokenRefusal(
        400,
        "invalid_request",
        900144,
        f"The request body must contain the following parameter: '{parameter}'.",
    )


def duplicated(parameter: str) -> TokenRefusal:
    """Return the refusal of a form with something twice."""
    return TokenRefusal(
        400,
        "invalid_request",
        9000411,
        f"The request is not properly formatted. The parameter '{shown(parameter)}' is duplicated.",
    )


def resource_not_supported() -> TokenRefusal:
    """Return the refusal of version 1's parameter at an endpoint of version 2."""
    return TokenRefusal(
        400, "invalid_request", 901002, "The 'resource' request parameter is not supported."
    )


def wrong_method(method: str, allowed: str) -> TokenRefusal:
    """Return the refusal of a method that an address of the token service does not have."""
    return TokenRefusal(
        405,
        "invalid_request",
        900561,
        f"The endpoint only accepts {allowed} requests. Received a {method} request.",
    )


def unsupported_grant(grant: str) -> TokenRefusal:
    """Return the refusal of another grant than client_credentials."""
    return TokenRefusal(
        400,
        "unsupported_grant_type",
        70003,
        f"The app requested an unsupported grant type '{shown(grant)}'.",
    )


def malformed_tenant(name: str) -> TokenRefusal:
    """Return the refusal of what can be no tenant's name."""
    return TokenRefusal(
        400,
        "invalid_request",
        900023,
        f"Specified tenant identifier '{shown(name)}' is neither a valid DNS name, nor a valid"
        " external domain.",
    )


def unknown_tenant(name: str) -> TokenRefusal:
    """Return the refusal of a tenant that is not there."""
    return TokenRefusal(
        400,
        "invalid_request",
        90002,
        f"Tenant '{shown(name)}' not found. Check to make sure you have the correct tenant ID and"
        " are signing into the correct cloud. Check with your subscription administrator, this may"
        " happen if there are no active subscriptions for the tenant.",
    )


def no_tenant() -> TokenRefusal:
    """Return the refusal of `common` and the like, where one tenant must be meant."""
    return TokenRefusal(
        400,
        "invalid_request",
        50059,
        "No tenant-identifying information found in either the request or implied by any provided"
        " credentials.",
    )


def unknown_application(client_id: str, tenant: str) -> TokenRefusal:
    """Return the refusal of a client that a tenant does not know."""
    return TokenRefusal(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{shown(client_id)}' was not found in the directory"
        f" '{tenant}'. {_WRONG_TENANT.format(may='may')}",
    )


def no_principal(client_id: str, tenant_id: str) -> TokenRefusal:
    """Return the refusal of an application that has no service principal in its own tenant."""
    return TokenRefusal(
        401,
        "invalid_client",
        7000229,
        f"The client application {client_id} is missing service principal in the tenant"
        f" {tenant_id}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
    )


def scope_without_default(scope: str) -> TokenRefusal:
    """Return the refusal of a scope that this grant can't have."""
    return TokenRefusal(
        400,
        "invalid_scope",
        1002012,
        f"The provided value for scope {shown(scope)} is not valid. Client credential flows must"
        " have a scope value with /.default suffixed to the resource identifier (application ID"
        " URI).",
    )


def bad_scope(scope: str) -> TokenRefusal:
    """Return the refusal of a scope that names no resource, or several."""
    return TokenRefusal(
        400,
        "invalid_scope",
        70011,
        "The provided value for the input parameter 'scope' is not valid. The scope"
        f" {shown(scope)} is not valid.",
    )


def unknown_resource(name: str, tenant: str) -> TokenRefusal:
    """Return the refusal of a resource that a tenant does not know."""
    return TokenRefusal(
        400,
        "invalid_resource",
        500011,
        f"The resource principal named {shown(name)} was not found in the tenant named {tenant}."
        f" {_WRONG_TENANT.format(may='might')}",
    )


def no_proof() -> TokenRefusal:
    """Return the refusal of a client that proves nothing."""
    return TokenRefusal(
        401,
        "invalid_client",
        7000216,
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials'"
        " grant type.",
    )


def wrong_secret(client_id: str) -> TokenRefusal:
    """Return the refusal of a secret that the application does not have."""
    return TokenRefusal(
        401,
        "invalid_client",
        7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client"
        f" secret value, not the client secret ID, for a secret added to app '{client_id}'.",
    )


def expired_secret(client_id: str) -> TokenRefusal:
    """Return the refusal of a secret that was the application's."""
    return TokenRefusal(
        401,
        "invalid_client",
        7000222,
        f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal"
        " to create new keys for your app: https://aka.ms/NewClientSecret, or consider using"
        " certificate credentials for added security: https://aka.ms/certCreds.",
    )


def unknown_instance(origin: str) -> TokenRefusal:
    """Return the refusal to vouch for another authority than the emulator."""
    return TokenRefusal(
        400,
        "invalid_instance",
        50049,
        f"Unknown or invalid instance. This one vouches for {origin} only.",
    )
