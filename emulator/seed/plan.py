"""What of a seed has to be made: a plan of steps, from the seed and what is there. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

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
from emulator.directory.rules import breach
from emulator.seed import schema
from emulator.seed.certificates import split_certificates
from identity.faults import Fault, Faults


@dataclass(frozen=True, slots=True)
class Held:
    """A credential and whose it is."""

    holder_key: str
    credential: Credential


Row = (
    Tenant | Subscription | Application | ServicePrincipal | ManagedIdentity | Held | RoleAssignment
)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a seed, to be made."""

    key: str
    """What the entry is known by from one start to the next: `applications/<app id>`."""
    rows: tuple[Row, ...]

    @property
    def kind(self) -> str:
        """The seed's list that it is from; credentials count as one of their own."""
        return self.key.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed adds to a directory, and what it can't."""

    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    """Entries that contradict what is there, by their paths."""


def plan(seed: schema.Seed, directory: Directory, planted: Collection[str] = ()) -> Plan:
    """Say what of a seed is not there yet; derived ids are the same in every run.

    `planted` are keys of entries to leave out though they may be gone: they were made before,
    and somebody has removed them since.
    """
    faults = Faults()
    planning = _Planning(directory, planted, faults)
    steps = tuple(planning.steps(seed))
    return Plan(steps, tuple(faults))


class _Planning:
    """One pass over a seed."""

    def __init__(self, directory: Directory, planted: Collection[str], faults: Faults) -> None:
        self._directory = directory
        self._planted = planted
        self._faults = faults
        self._principals = {
            row.app_id.lower(): row.object_id for row in directory.principals.values()
        }

    def steps(self, seed: schema.Seed) -> Iterator[Step]:
        for tenant in seed.tenants:
            row = Tenant(tenant.id, tenant.display_name)
            yield from self._new(f"tenants/{row.id}", self._directory.tenants.get(row.id), row)
        yield from self._subscriptions(seed)
        for index, application in enumerate(seed.applications):
            yield from self._application(f"applications[{index}]", application)
        for index, identity in enumerate(seed.managed_identities):
            yield from self._identity(f"managedIdentities[{index}]", identity)
        for assignment in seed.role_assignments:
            yield from self._assignment(assignment)

    def _new(self, key: str, found: object | None, *rows: Row) -> Iterator[Step]:
        key = key.lower()
        if found is None and key not in self._planted:
            yield Step(key, rows)

    def _subscriptions(self, seed: schema.Seed) -> Iterator[Step]:
        listed = {
            entry.id.lower(): Subscription(entry.id, entry.tenant, entry.display_name)
            for entry in seed.subscriptions
        }
        for entry in seed.managed_identities:
            name = entry.parts[0]
            listed.setdefault(name.lower(), Subscription(name, entry.tenant))
        for row in listed.values():
            found = self._directory.subscriptions.get(row.id)
            yield from self._new(f"subscriptions/{row.id}", found, row)

    def _application(self, where: str, entry: schema.Application) -> Iterator[Step]:
        row = _application(entry)
        found = self._directory.holder(entry.app_id)
        if found is None and self._directory.applications.get(row.object_id) is not None:
            self._faults.add(f"{where}.objectId", row.object_id, "one that no application has")
            return
        if found is not None and not self._is_same(row, found):
            self._faults.add(f"{where}.appId", entry.app_id, f"one that is not {_what(found)}")
            return
        principal = _principal(row)
        step = [*self._new(f"applications/{row.app_id}", found, row, principal)]
        self._principals |= {row.app_id.lower(): principal.object_id for _ in step}
        yield from step
        if step or found:
            yield from self._credentials(where, entry.federated_identity_credentials, found or row)

    def _identity(self, where: str, entry: schema.ManagedIdentity) -> Iterator[Step]:
        row = _identity(entry)
        found = self._directory.holder(entry.client_id)
        other = self._directory.identities.get(row.key)
        if found is not None and not self._is_same(row, found):
            self._faults.add(
                f"{where}.clientId", entry.client_id, f"one that is not {_what(found)}"
            )
            return
        if found is None and other is not None:
            words = f"one that has not the client id {other.client_id}"
            self._faults.add(f"{where}.resourceId", entry.resource_id, words)
            return
        subscription = self._directory.subscriptions.get(row.subscription)
        if subscription is not None and subscription.tenant.lower() != row.tenant.lower():
            words = f"{subscription.tenant}, to which its subscription belongs"
            self._faults.add(f"{where}.tenant", entry.tenant, words)
            return
        step = [*self._new(f"managedIdentities/{row.client_id}", found, row)]
        self._principals |= {row.client_id.lower(): row.principal_id for _ in step}
        yield from step
        if step or found:
            yield from self._credentials(where, entry.federated_identity_credentials, found or row)

    def _credentials(
        self, where: str, entries: Sequence[schema.Credential], holder: Holder
    ) -> Iterator[Step]:
        table = self._directory.credentials(holder.key)
        held = table.values()
        for index, entry in enumerate(entries):
            row = _credential(entry, holder)
            key = f"credentials/{holder.client_id}/{row.name}"
            for step in self._new(key, table.get(row.name), Held(holder.key, row)):
                if (broken := breach(row, held)) is not None:
                    place = f"{where}.federatedIdentityCredentials[{index}]"
                    self._faults.add(place, None, f"{broken.words}, for {holder.display_name}")
                    continue
                held.append(row)
                yield step

    def _assignment(self, entry: schema.RoleAssignment) -> Iterator[Step]:
        role = role_named(entry.role)
        assert role is not None  # noqa: S101 - the schema has read it
        principal = self._principals.get(entry.principal.lower(), entry.principal)
        row = RoleAssignment(
            name=stable_id("assignment", entry.scope, role.id, principal),
            scope=entry.scope,
            principal_id=principal,
            role_definition=role.id,
        )
        # Known by what the seed says: the principal may be gone, and its object id with it.
        key = f"roleAssignments/{entry.scope}/{role.id}/{entry.principal}"
        yield from self._new(key, self._directory.assignments.get(row.id), row)

    def _is_same(self, wanted: Holder, found: Holder) -> bool:
        if isinstance(wanted, ManagedIdentity):
            return isinstance(found, ManagedIdentity) and found.key == wanted.key
        return isinstance(found, Application) and found.tenant.lower() == wanted.tenant.lower()


def _what(found: Holder) -> str:
    if isinstance(found, ManagedIdentity):
        return f"the managed identity {found.resource_id}"
    return f"an application of the tenant {found.tenant}"


def _application(entry: schema.Application) -> Application:
    secrets: tuple[Secret, ...] = ()
    if entry.secret is not None:
        secrets = (Secret(stable_id("secret", entry.app_id), entry.secret),)
    return Application(
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


def _principal(row: Application) -> ServicePrincipal:
    return ServicePrincipal(
        object_id=stable_id("principal", row.tenant, row.app_id),
        app_id=row.app_id,
        tenant=row.tenant,
        display_name=row.display_name,
    )


def _identity(entry: schema.ManagedIdentity) -> ManagedIdentity:
    subscription, group, name = entry.parts
    return ManagedIdentity(
        subscription=subscription,
        group=group,
        name=name,
        client_id=entry.client_id,
        principal_id=entry.principal_id or stable_id("principal", entry.tenant, entry.client_id),
        tenant=entry.tenant,
        location=entry.location,
        permissions=None if entry.permissions is None else tuple(entry.permissions),
    )


def _credential(entry: schema.Credential, holder: Holder) -> Credential:
    return Credential(
        id=stable_id("credential", holder.key, entry.name),
        name=entry.name,
        issuer=entry.issuer,
        subject=entry.subject,
        audiences=tuple(entry.audiences),
        description=entry.description,
    )
