"""What Resource Manager answers with, in its own spelling.

Source: https://github.com/Azure/azure-rest-api-specs (specification/msi, authorization, resources)
"""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from emulator.arm.kinds import CREDENTIALS, IDENTITIES, ROLE_ASSIGNMENTS, ROLE_DEFINITIONS
from emulator.arm.roles import Role
from emulator.directory import Credential, ManagedIdentity, RoleAssignment, Subscription


class Shape(BaseModel):
    """Camel case outside; what is None is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class ErrorDetail(Shape):
    """What went wrong."""

    code: str
    message: str


class ErrorBody(Shape):
    """A refusal."""

    error: ErrorDetail


class SubscriptionBody(Shape):
    """A subscription."""

    id: str
    subscription_id: str
    tenant_id: str
    display_name: str
    state: str = "Enabled"
    authorization_source: str = "RoleBased"


class Count(Shape):
    """How many there are."""

    type: str
    value: int


class SubscriptionList(Shape):
    """Subscriptions."""

    value: list[SubscriptionBody]
    count: Count


class IdentityProperties(Shape):
    """What the service sets."""

    tenant_id: str
    principal_id: str
    client_id: str


class IdentityBody(Shape):
    """A user-assigned managed identity."""

    id: str
    name: str
    type: str = IDENTITIES.full
    location: str
    tags: dict[str, str]
    properties: IdentityProperties


class IdentityList(Shape):
    """A page of managed identities."""

    value: list[IdentityBody]
    next_link: str | None = None


class CredentialProperties(Shape):
    """Whose tokens are believed."""

    issuer: str
    subject: str
    audiences: list[str]


class CredentialBody(Shape):
    """A federated identity credential."""

    id: str
    name: str
    type: str = CREDENTIALS.full
    properties: CredentialProperties


class CredentialList(Shape):
    """A page of federated identity credentials."""

    value: list[CredentialBody]
    next_link: str | None = None


class Permission(Shape):
    """What a role allows."""

    actions: list[str]
    not_actions: list[str]
    data_actions: list[str]
    not_data_actions: list[str]


class RoleDefinitionProperties(Shape):
    """A role."""

    role_name: str
    type: str = "BuiltInRole"
    description: str
    assignable_scopes: list[str]
    permissions: list[Permission]


class RoleDefinitionBody(Shape):
    """A role definition."""

    id: str
    name: str
    type: str = ROLE_DEFINITIONS.full
    properties: RoleDefinitionProperties


class RoleDefinitionList(Shape):
    """Role definitions."""

    value: list[RoleDefinitionBody]


class RoleAssignmentProperties(Shape):
    """Who has which role where."""

    role_definition_id: str
    principal_id: str
    principal_type: str
    scope: str


class RoleAssignmentBody(Shape):
    """A role assignment."""

    id: str
    name: str
    type: str = ROLE_ASSIGNMENTS.full
    properties: RoleAssignmentProperties


class RoleAssignmentList(Shape):
    """A page of role assignments."""

    value: list[RoleAssignmentBody]
    next_link: str | None = None


def subscription_body(row: Subscription) -> SubscriptionBody:
    """Tell a subscription."""
    return SubscriptionBody(
        id=f"/subscriptions/{row.id}",
        subscription_id=row.id,
        tenant_id=row.tenant,
        display_name=row.display_name or row.id,
    )


def identity_body(row: ManagedIdentity) -> IdentityBody:
    """Tell a managed identity."""
    return IdentityBody(
        id=row.resource_id,
        name=row.name,
        location=row.location,
        tags=row.tags,
        properties=IdentityProperties(
            tenant_id=row.tenant, principal_id=row.principal_id, client_id=row.client_id
        ),
    )


def credential_body(holder: ManagedIdentity, row: Credential) -> CredentialBody:
    """Tell a federated credential. It has no description here: Graph alone knows one."""
    return CredentialBody(
        id=f"{holder.resource_id}/federatedIdentityCredentials/{row.name}",
        name=row.name,
        properties=CredentialProperties(
            issuer=row.issuer, subject=row.subject, audiences=list(row.audiences)
        ),
    )


def definition_id(scope: str, role: str) -> str:
    """Return a role definition's id; built-in ones are the same in every subscription."""
    parts = scope.split("/")
    root = "/".join(parts[:3]) if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""
    return f"{root}/providers/{ROLE_DEFINITIONS.full}/{role}"


def definition_body(scope: str, role: Role) -> RoleDefinitionBody:
    """Tell a role definition, as it is seen from a scope."""
    permission = Permission(
        actions=list(role.actions),
        not_actions=list(role.not_actions),
        data_actions=list(role.data_actions),
        not_data_actions=[],
    )
    return RoleDefinitionBody(
        id=definition_id(scope, role.id),
        name=role.id,
        properties=RoleDefinitionProperties(
            role_name=role.name,
            description=role.description,
            assignable_scopes=["/"],
            permissions=[permission],
        ),
    )


def assignment_body(row: RoleAssignment) -> RoleAssignmentBody:
    """Tell a role assignment."""
    return RoleAssignmentBody(
        id=row.id,
        name=row.name,
        properties=RoleAssignmentProperties(
            role_definition_id=definition_id(row.scope, row.role_definition),
            principal_id=row.principal_id,
            principal_type=row.principal_type,
            scope=row.scope,
        ),
    )
