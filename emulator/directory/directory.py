"""All tables, and the ways to find a row by what callers know of it."""

import uuid
from collections.abc import Iterator
from typing import Any

from emulator.directory.model import (
    Application,
    Credential,
    Holder,
    ManagedIdentity,
    RoleAssignment,
    ServicePrincipal,
    Subscription,
    Tenant,
)
from emulator.directory.table import Listener, Table


class Directory:
    """The state of the emulator. Writes take the moment at which they happen."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self.tenants: Table[Tenant] = Table("tenants", listener)
        self.subscriptions: Table[Subscription] = Table("subscriptions", listener)
        self.applications: Table[Application] = Table("applications", listener)
        self.principals: Table[ServicePrincipal] = Table("principals", listener)
        self.identities: Table[ManagedIdentity] = Table("identities", listener)
        self.assignments: Table[RoleAssignment] = Table("assignments", listener)
        self._credentials: dict[str, Table[Credential]] = {}
        self._holders: dict[str, tuple[str, str]] = {}
        """By client id: the table and key of its application or managed identity."""
        self._principals: dict[tuple[str, str], str] = {}
        """By tenant and client id: the object id of the service principal."""

    def put_application(self, application: Application, moment: float) -> None:
        """Make or change an application."""
        self.applications.put(application.object_id, application, moment)
        self._holders[application.app_id.lower()] = ("applications", application.key)

    def put_identity(self, identity: ManagedIdentity, moment: float) -> None:
        """Make or change a managed identity, and the service principal that goes with it."""
        self.identities.put(identity.key, identity, moment)
        self._holders[identity.client_id.lower()] = ("identities", identity.key)
        self.put_principal(
            ServicePrincipal(
                object_id=identity.principal_id,
                app_id=identity.client_id,
                tenant=identity.tenant,
                display_name=identity.name,
                type="ManagedIdentity",
                alternative_names=("isExplicit=True", identity.resource_id),
            ),
            moment,
        )

    def put_principal(self, principal: ServicePrincipal, moment: float) -> None:
        """Make or change a service principal."""
        self.principals.put(principal.object_id, principal, moment)
        self._principals[principal.tenant.lower(), principal.app_id.lower()] = principal.object_id

    def delete_application(self, application: Application, moment: float) -> None:
        """Remove an application with its credentials and its service principals."""
        self.applications.delete(application.key, moment)
        self._holders.pop(application.app_id.lower(), None)
        self.credentials(application.key).clear(moment)
        for principal in self.principals.values():
            if principal.app_id.lower() == application.app_id.lower():
                self.delete_principal(principal, moment)

    def delete_identity(self, identity: ManagedIdentity, moment: float) -> None:
        """Remove a managed identity with its credentials and its service principal."""
        self.identities.delete(identity.key, moment)
        self._holders.pop(identity.client_id.lower(), None)
        self.credentials(identity.key).clear(moment)
        if (principal := self.principals.get(identity.principal_id)) is not None:
            self.delete_principal(principal, moment)

    def delete_principal(self, principal: ServicePrincipal, moment: float) -> None:
        """Remove a service principal, and the roles that it had."""
        self.principals.delete(principal.object_id, moment)
        self._principals.pop((principal.tenant.lower(), principal.app_id.lower()), None)
        for assignment in self.assignments.values():
            if assignment.principal_id.lower() == principal.object_id.lower():
                self.assignments.delete(assignment.id, moment)

    def credentials(self, holder_key: str) -> Table[Credential]:
        """Return the credentials of an identity, by name; the key is that of the holder."""
        key = holder_key.lower()
        table = self._credentials.get(key)
        if table is None:
            table = self._credentials[key] = Table(f"credentials/{key}", self._listener)
        return table

    def forget(self) -> None:
        """Remove everything with its past, as if it had never been."""
        tables: list[Table[Any]] = [
            self.tenants,
            self.subscriptions,
            self.applications,
            self.principals,
            self.identities,
            self.assignments,
            *self._credentials.values(),
        ]
        for table in tables:
            table.forget()
        self._holders.clear()
        self._principals.clear()

    def holder(self, client_id: str) -> Holder | None:
        """Find the application or managed identity of a client id, in any tenant."""
        table, key = self._holders.get(client_id.lower(), ("", ""))
        if table == "applications":
            return self.applications.get(key)
        return self.identities.get(key) if table == "identities" else None

    def holders(self) -> Iterator[Holder]:
        """Go through all who can have credentials."""
        yield from self.applications.values()
        yield from self.identities.values()

    def application(self, app_id: str, at: float | None = None) -> Application | None:
        """Find an application by its app id."""
        if at is not None:
            # The index knows the present only.
            rows = self.applications.values(at)
            return next((row for row in rows if row.app_id.lower() == app_id.lower()), None)
        table, key = self._holders.get(app_id.lower(), ("", ""))
        return self.applications.get(key) if table == "applications" else None

    def principal(
        self, tenant: str, client_id: str, at: float | None = None
    ) -> ServicePrincipal | None:
        """Find the service principal of a client id in a tenant."""
        wanted = (tenant.lower(), client_id.lower())
        if at is not None:
            rows = self.principals.values(at)
            return next((r for r in rows if (r.tenant.lower(), r.app_id.lower()) == wanted), None)
        object_id = self._principals.get(wanted)
        return None if object_id is None else self.principals.get(object_id)


def new_id() -> str:
    """Make an id as Entra does."""
    return str(uuid.uuid4())


def stable_id(*parts: str) -> str:
    """Derive an id from names, so that a seed gives the same ids in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "azwi-emulator/" + "/".join(map(str.lower, parts))))
