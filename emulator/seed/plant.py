"""Putting a seed's objects into the directory. What is there already stays as it is."""

from pathlib import Path

from emulator.arm.roles import role_named
from emulator.directory import (
    Application,
    Credential,
    Directory,
    Holder,
    ManagedIdentity,
    RoleAssignment,
    Secret,
    ServicePrincipal,
    Subscription,
    Tenant,
)
from emulator.directory.directory import stable_id
from emulator.seed import schema
from emulator.seed.certificates import split_certificates
from emulator.tokens.issuers import Reach


def plant(seed: schema.Seed, directory: Directory, moment: float) -> None:
    """Make what is not there yet, as of a moment; derived ids are the same in every run."""
    for tenant in seed.tenants:
        if directory.tenants.get(tenant.id) is None:
            directory.tenants.put(tenant.id, Tenant(tenant.id, tenant.display_name), moment)
    for subscription in seed.subscriptions:
        row = Subscription(subscription.id, subscription.tenant, subscription.display_name)
        if directory.subscriptions.get(row.id) is None:
            directory.subscriptions.put(row.id, row, moment)
    for application in seed.applications:
        if directory.holder(application.app_id) is None:
            _plant_application(application, directory, moment)
    for identity in seed.managed_identities:
        if directory.holder(identity.client_id) is None:
            _plant_identity(identity, directory, moment)
    for assignment in seed.role_assignments:
        _plant_assignment(assignment, directory, moment)


def reaches(seed: schema.Seed, folder: Path) -> list[Reach]:
    """Return how a seed's issuers are reached; files are relative to the folder."""
    return [
        Reach(
            issuer=entry.issuer,
            url=entry.reach,
            ca=None if entry.ca is None else folder / entry.ca,
            token_file=None if entry.token_file is None else folder / entry.token_file,
        )
        for entry in seed.issuers
    ]


def _plant_application(entry: schema.Application, directory: Directory, moment: float) -> None:
    secrets: tuple[Secret, ...] = ()
    if entry.secret is not None:
        secrets = (Secret(stable_id("secret", entry.app_id), entry.secret),)
    application = Application(
        object_id=entry.object_id or stable_id("application", entry.app_id),
        app_id=entry.app_id,
        tenant=entry.tenant,
        display_name=entry.display_name,
        secrets=secrets,
        owners=() if entry.owner is None else (entry.owner,),
        permissions=None if entry.permissions is None else tuple(entry.permissions),
        identifier_uris=tuple(entry.identifier_uris),
        token_version=entry.requested_access_token_version,
        certificates=() if entry.certificate is None else split_certificates(entry.certificate),
    )
    directory.put_application(application, moment)
    directory.put_principal(
        ServicePrincipal(
            object_id=stable_id("principal", entry.tenant, entry.app_id),
            app_id=entry.app_id,
            tenant=entry.tenant,
            display_name=entry.display_name,
        ),
        moment,
    )
    _plant_credentials(application, entry.federated_identity_credentials, directory, moment)


def _plant_identity(entry: schema.ManagedIdentity, directory: Directory, moment: float) -> None:
    parts = schema.split_resource_id(entry.resource_id)
    assert parts is not None  # noqa: S101 - the schema has read it
    subscription, group, name = parts
    if directory.subscriptions.get(subscription) is None:
        directory.subscriptions.put(subscription, Subscription(subscription, entry.tenant), moment)
    identity = ManagedIdentity(
        subscription=subscription,
        group=group,
        name=name,
        client_id=entry.client_id,
        principal_id=entry.principal_id or stable_id("principal", entry.tenant, entry.client_id),
        tenant=entry.tenant,
        location=entry.location,
        permissions=None if entry.permissions is None else tuple(entry.permissions),
    )
    directory.put_identity(identity, moment)
    _plant_credentials(identity, entry.federated_identity_credentials, directory, moment)


def _plant_credentials(
    holder: Holder, entries: list[schema.Credential], directory: Directory, moment: float
) -> None:
    for entry in entries:
        credential = Credential(
            id=stable_id("credential", holder.key, entry.name),
            name=entry.name,
            issuer=entry.issuer,
            subject=entry.subject,
            audiences=tuple(entry.audiences),
            description=entry.description,
        )
        directory.credentials(holder.key).put(entry.name, credential, moment)


def _plant_assignment(entry: schema.RoleAssignment, directory: Directory, moment: float) -> None:
    role = role_named(entry.role)
    assert role is not None  # noqa: S101 - the schema has read it
    principal = entry.principal
    for row in directory.principals.values():
        if row.app_id.lower() == entry.principal.lower():
            principal = row.object_id
    assignment = RoleAssignment(
        name=stable_id("assignment", entry.scope, role.id, principal),
        scope=entry.scope,
        principal_id=principal,
        role_definition=role.id,
    )
    directory.assignments.put(assignment.id, assignment, moment)
