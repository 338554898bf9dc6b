"""Where things are in the Kubernetes API, and the RBAC rule that opens each place."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Place:
    """One path of the API: a collection, an object, or something outside of resources."""

    path: str
    group: str = ""
    resource: str = ""
    """Plural name, `serviceaccounts/token` for a subresource; empty for `/version` and the like."""
    namespace: str | None = None
    name: str | None = None
    only: str | None = None
    """The one name that a rule for this place can be limited to."""

    def rule(self, verb: str) -> str:
        """Return the RBAC rule that grants a verb here, and the kind of role that can hold it."""
        if not self.resource:
            return f'{{nonResourceURLs: ["{self.path}"], verbs: ["{verb}"]}} in a ClusterRole'
        names = f'resourceNames: ["{self.only}"], ' if self.only and verb != "create" else ""
        resources = f'apiGroups: ["{self.group}"], resources: ["{self.resource}"]'
        rule = f'{{{resources}, {names}verbs: ["{verb}"]}}'
        if self.namespace is None:
            return f"{rule} in a ClusterRole"
        return f"{rule} in a ClusterRole, or in a Role of namespace {self.namespace}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, by its plural name."""

    plural: str
    group: str = ""
    """Empty for the core group."""
    version: str = "v1"
    known_by_name: bool = False
    """Nobody here wants more than objects of names known beforehand: rules can be as narrow."""

    def all(self, namespace: str | None = None) -> Place:
        """Return the collection: of a namespace, or of the whole cluster."""
        return Place(
            path=self._path(namespace), group=self.group, resource=self.plural, namespace=namespace
        )

    def watched(self, name: str, namespace: str | None = None) -> Place:
        """Return the collection, of which one object is asked for by `metadata.name` alone.

        Such a list or watch is granted by a rule with that name among its `resourceNames`. Source:
        https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
        """
        return replace(self.all(namespace), only=name)

    def named(self, name: str, namespace: str | None = None, subresource: str = "") -> Place:
        """Return one object, or a subresource of it (`token`, `status`).

        No object is named `..`, and a path with such a name would lead elsewhere: ValueError.
        """
        if name in {"", ".", ".."}:
            raise ValueError(f"no object is named {name!r}")
        path = f"{self._path(namespace)}/{quote(name, safe='')}"
        return Place(
            path=f"{path}/{subresource}" if subresource else path,
            group=self.group,
            resource=f"{self.plural}/{subresource}" if subresource else self.plural,
            namespace=namespace,
            name=name,
            only=name if self.known_by_name else None,
        )

    def _path(self, namespace: str | None) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
        return f"{root}{within}/{self.plural}"


SERVICE_ACCOUNTS: Final = Resource("serviceaccounts")
SECRETS: Final = Resource("secrets", known_by_name=True)
MUTATING_WEBHOOKS: Final = Resource(
    "mutatingwebhookconfigurations", "admissionregistration.k8s.io", known_by_name=True
)
VERSION: Final = Place("/version")
"""Says which release the API server is of; open to every user."""
