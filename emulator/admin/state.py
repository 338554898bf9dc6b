"""Everything that the emulator holds, without its secrets."""

from emulator.admin.shapes import (
    ApplicationTold,
    AssignmentTold,
    CredentialTold,
    IdentityTold,
    IssuerTold,
    PrincipalTold,
    SecretTold,
    State,
    SubscriptionTold,
    TenantTold,
)
from emulator.arm.roles import role_named
from emulator.directory import (
    DEFAULT_PERMISSIONS,
    Application,
    ManagedIdentity,
    RoleAssignment,
    ServicePrincipal,
)
from emulator.overview import Occupied, Slot, look_at
from emulator.tokens.issuers import Reach
from emulator.world import World


def state_of(world: World) -> State:
    """Return it, as it is now; stale reads are for the services."""
    directory = world.directory
    state = State(
        tenants=[
            TenantTold(id=row.id, display_name=row.display_name)
            for row in directory.tenants.values()
        ],
        subscriptions=[
            SubscriptionTold(id=row.id, tenant=row.tenant, display_name=row.display_name)
            for row in directory.subscriptions.values()
        ],
        applications=[],
        managed_identities=[],
        service_principals=[*map(_principal, directory.principals.values())],
        role_assignments=[*map(_assignment, directory.assignments.values())],
        issuers=[*map(issuer_told, world.issuers.reaches())],
    )
    for occupied in look_at(world):
        if isinstance(occupied.holder, ManagedIdentity):
            state.managed_identities.append(_identity(occupied.holder, occupied))
        else:
            state.applications.append(_application(occupied.holder, occupied))
    return state


def issuer_told(reach: Reach) -> IssuerTold:
    """Return how an issuer is reached; of its token only whether there is one."""
    return IssuerTold(
        issuer=reach.issuer,
        reach=reach.url,
        ca=None if reach.ca is None else str(reach.ca),
        token_file=None if reach.token_file is None else str(reach.token_file),
        has_token=reach.token is not None or reach.token_file is not None,
    )


def _application(row: Application, occupied: Occupied) -> ApplicationTold:
    permissions = DEFAULT_PERMISSIONS if row.permissions is None else row.permissions
    return ApplicationTold(
        object_id=row.object_id,
        app_id=row.app_id,
        tenant=row.tenant,
        display_name=row.display_name,
        owners=list(row.owners),
        permissions=list(permissions),
        identifier_uris=list(row.identifier_uris),
        requested_access_token_version=row.token_version,
        secrets=[
            SecretTold(key_id=one.key_id, display_name=one.display_name, ends=one.ends)
            for one in row.secrets
        ],
        certificates=len(row.certificates),
        slots_used=occupied.used,
        federated_identity_credentials=[*map(_credential, occupied.slots)],
    )


def _identity(row: ManagedIdentity, occupied: Occupied) -> IdentityTold:
    return IdentityTold(
        resource_id=row.resource_id,
        client_id=row.client_id,
        principal_id=row.principal_id,
        tenant=row.tenant,
        location=row.location,
        slots_used=occupied.used,
        federated_identity_credentials=[*map(_credential, occupied.slots)],
    )


def _credential(slot: Slot) -> CredentialTold:
    row = slot.credential
    return CredentialTold(
        id=row.id,
        name=row.name,
        issuer=row.issuer,
        subject=row.subject,
        audiences=list(row.audiences),
        description=row.description,
        known=slot.known.value,
        since=slot.since,
        settles_in_seconds=slot.settles_in,
    )


def _principal(row: ServicePrincipal) -> PrincipalTold:
    return PrincipalTold(
        object_id=row.object_id,
        app_id=row.app_id,
        tenant=row.tenant,
        display_name=row.display_name,
        type=row.type,
    )


def _assignment(row: RoleAssignment) -> AssignmentTold:
    role = role_named(row.role_definition)
    return AssignmentTold(
        id=row.id,
        scope=row.scope,
        principal_id=row.principal_id,
        role=row.role_definition if role is None else role.name,
    )
