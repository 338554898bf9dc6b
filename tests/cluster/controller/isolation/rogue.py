"""Who has every right in a namespace, and none beyond it."""

from dataclasses import dataclass
from typing import Any, Final

from identity.names import PREFIX
from tests.cluster.api import Api, Json, Refused
from tests.cluster.controller.faults.shop import Shop
from tests.cluster.controller.installed import RBAC, fics
from tests.cluster.controller.objects import a_fic

FINALIZER: Final = "azure.workload.identity/federated-identity-credential"
GITHUB: Final = "https://token.actions.githubusercontent.com"
REPOSITORY: Final = "repo:contoso/shop:ref:refs/heads/main"
_RBAC_GROUP: Final = "rbac.authorization.k8s.io"


@dataclass(slots=True)
class Rogue:
    """The admin of a namespace."""

    api: Api
    """With its own rights only."""
    granted: Shop
    """Its namespace, in the hands of the cluster's admin."""

    @property
    def namespace(self) -> str:
        """Its own."""
        return self.granted.namespace

    def subject(self, account: str = "web") -> str:
        """What Entra knows a ServiceAccount of its namespace by."""
        return self.granted.subject(account)

    def annotate(self, account: str = "web", **annotations: str) -> None:
        """Annotate a ServiceAccount; underscores stand for dashes. It is made if need be."""
        full = {PREFIX + name.replace("_", "-"): text for name, text in annotations.items()}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        body: Json = {"metadata": {"annotations": full}}
        try:
            self.api.merge(f"{path}/{account}", body)
        except Refused as refused:
            if refused.code != 404:
                raise
            body["metadata"]["name"] = account
            self.api.post(path, body)

    def write(self, name: str = "web", *, metadata: Json | None = None, **spec: Any) -> Json:
        """Write an object by hand."""
        body = a_fic(name, **spec)
        body["metadata"].update(metadata or {})
        return self.api.post(fics(self.namespace), body)

    def write_foreign(
        self, name: str, client_id: str, *, metadata: Json | None = None, **spec: Any
    ) -> Json:
        """Write one for the tokens of another issuer."""
        whole = {"issuer": GITHUB, "subject": REPOSITORY, **spec}
        return self.write(
            name,
            metadata=metadata,
            serviceAccountName=None,
            identity={"clientId": client_id},
            **whole,
        )

    def path(self, name: str = "web") -> str:
        """Where an object of its namespace is."""
        return f"{fics(self.namespace)}/{name}"

    def take_off_finalizers(self, name: str) -> None:
        """So that an object can go at once."""
        self.api.merge(self.path(name), {"metadata": {"finalizers": None}})

    def delete(self, name: str) -> None:
        """Delete an object."""
        self.api.delete(self.path(name))

    def bind(self, kind: str, role: str) -> None:
        """Bind a role to all ServiceAccounts of the namespace, by a RoleBinding."""
        group = f"system:serviceaccounts:{self.namespace}"
        body = {
            "metadata": {"name": "taken"},
            "roleRef": {"apiGroup": _RBAC_GROUP, "kind": kind, "name": role},
            "subjects": [{"kind": "Group", "apiGroup": _RBAC_GROUP, "name": group}],
        }
        self.api.post(f"{RBAC}/namespaces/{self.namespace}/rolebindings", body)

    def unbind(self) -> None:
        """Undo that."""
        self.api.http.delete(f"{RBAC}/namespaces/{self.namespace}/rolebindings/taken")
