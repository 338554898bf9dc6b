"""Objects as Graph shows them. Pure.

Sources: https://learn.microsoft.com/graph/api/resources/application,
https://learn.microsoft.com/graph/api/resources/serviceprincipal,
https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
"""

from datetime import UTC, datetime
from typing import Any, Final

from emulator.directory import Application, Credential, Secret, ServicePrincipal
from emulator.graph.filters import EQ, STARTS_WITH, Filterable
from emulator.graph.listing import Kind

Json = dict[str, Any]

_HINT: Final = 3
_LONG_ENOUGH: Final = 16
"""Characters of a secret whose first ones may be shown, as Graph does."""

APPLICATIONS: Final = Kind(
    set="applications",
    type="application",
    by=Filterable(
        "Application",
        {"id": (EQ,), "appId": (EQ,), "displayName": (EQ, STARTS_WITH), "signInAudience": (EQ,)},
    ),
    properties=frozenset(
        {
            *("addIns", "api", "appId", "applicationTemplateId", "appRoles", "certification"),
            *("createdDateTime", "deletedDateTime", "description", "disabledByMicrosoftStatus"),
            *("displayName", "groupMembershipClaims", "id", "identifierUris", "info"),
            *("isDeviceOnlyAuthSupported", "isFallbackPublicClient", "keyCredentials", "logo"),
            *("nativeAuthenticationApisEnabled", "notes", "oauth2RequirePostResponse"),
            *("optionalClaims", "parentalControlSettings", "passwordCredentials", "publicClient"),
            *("publisherDomain", "requestSignatureVerification", "requiredResourceAccess"),
            *("samlMetadataUrl", "serviceManagementReference", "signInAudience", "spa", "tags"),
            *("servicePrincipalLockConfiguration", "tokenEncryptionKeyId", "uniqueName"),
            *("verifiedPublisher", "web"),
        }
    ),
)
PRINCIPALS: Final = Kind(
    set="servicePrincipals",
    type="servicePrincipal",
    by=Filterable(
        "ServicePrincipal",
        {
            "id": (EQ,),
            "appId": (EQ,),
            "displayName": (EQ, STARTS_WITH),
            "servicePrincipalType": (EQ,),
        },
    ),
    properties=frozenset(
        {
            *("accountEnabled", "addIns", "alternativeNames", "appDescription", "appDisplayName"),
            *("appId", "applicationTemplateId", "appOwnerOrganizationId", "appRoles", "id"),
            *("appRoleAssignmentRequired", "customSecurityAttributes", "deletedDateTime"),
            *("createdDateTime", "description", "disabledByMicrosoftStatus", "displayName"),
            *("homepage", "info", "keyCredentials", "loginUrl", "logoutUrl", "notes"),
            *("notificationEmailAddresses", "oauth2PermissionScopes", "passwordCredentials"),
            *("preferredSingleSignOnMode", "preferredTokenSigningKeyThumbprint", "replyUrls"),
            *("resourceSpecificApplicationPermissions", "samlSingleSignOnSettings"),
            *("servicePrincipalNames", "servicePrincipalType", "signInAudience", "tags"),
            *("tokenEncryptionKeyId", "verifiedPublisher"),
        }
    ),
)
CREDENTIALS: Final = Kind(
    set="applications('{id}')/federatedIdentityCredentials",
    type="federatedIdentityCredential",
    by=Filterable(
        "FederatedIdentityCredential",
        {"name": (EQ,), "subject": (EQ,)},
        exact=frozenset({"subject"}),
        clauses=1,
    ),
    properties=frozenset({"id", "name", "issuer", "subject", "description", "audiences"}),
)


def application(found: Application) -> Json:
    """Return an application; its secrets are told by their names only."""
    return {
        "id": found.object_id,
        "deletedDateTime": None,
        "appId": found.app_id,
        "createdDateTime": _time(found.created or None),
        "description": None,
        "displayName": found.display_name,
        "identifierUris": list(found.identifier_uris),
        "publisherDomain": None,
        "signInAudience": "AzureADMyOrg",
        "tags": list(found.tags),
        "api": {
            "acceptMappedClaims": None,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": found.token_version,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "keyCredentials": [],
        "passwordCredentials": [password(secret) for secret in found.secrets],
    }


def password(secret: Secret, *, told: bool = False) -> Json:
    """Return a client secret; its text is told once, when it is made."""
    return {
        "customKeyIdentifier": None,
        "displayName": secret.display_name,
        "endDateTime": _time(secret.ends),
        "hint": secret.value[:_HINT] if len(secret.value) >= _LONG_ENOUGH else None,
        "keyId": secret.key_id,
        "secretText": secret.value if told else None,
        "startDateTime": _time(secret.begins),
    }


def principal(found: ServicePrincipal) -> Json:
    """Return a service principal. That of a managed identity belongs to no application."""
    managed = found.type == "ManagedIdentity"
    return {
        "id": found.object_id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": list(found.alternative_names),
        "appDisplayName": None if managed else found.display_name,
        "appId": found.app_id,
        "appOwnerOrganizationId": None if managed else found.tenant,
        "appRoleAssignmentRequired": False,
        "displayName": found.display_name,
        "servicePrincipalNames": [found.app_id],
        "servicePrincipalType": found.type,
        "signInAudience": None if managed else "AzureADMyOrg",
        "tags": list(found.tags),
    }


def credential(found: Credential) -> Json:
    """Return a federated credential."""
    return {
        "id": found.id,
        "name": found.name,
        "issuer": found.issuer,
        "subject": found.subject,
        "description": found.description,
        "audiences": list(found.audiences),
    }


def credentials_of(parent: Application) -> Kind:
    """Return the kind of an application's federated credentials."""
    return Kind(
        set=CREDENTIALS.set.format(id=parent.object_id),
        type=CREDENTIALS.type,
        by=CREDENTIALS.by,
        properties=CREDENTIALS.properties,
    )


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
