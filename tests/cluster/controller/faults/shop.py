"""What people do in the cluster: ServiceAccounts, annotations, grants; and what they are told."""

from dataclasses import dataclass, field
from typing import Any, Final

from identity.names import CLIENT_ID
from tests.cluster.api import Api, Json, Refused
from tests.cluster.controller.installed import GROUP, RBAC, fics

_MERGE: Final = {"Content-Type": "application/merge-patch+json"}


@dataclass(slots=True)
class Shop:
    """A namespace, whose ServiceAccounts are granted identities by an admin."""

    api: Api
    namespace: str
    _granted: set[str] = field(default_factory=set)

    def subject(self, account: str) -> str:
        """What Entra knows a ServiceAccount by."""
        return f"system:serviceaccount:{self.namespace}:{account}"

    def grant(self, account: str, client_id: str, *verbs: str) -> None:
        """As an admin of the cluster does."""
        name = self._name(account, client_id)
        rule = {
            "apiGroups": [GROUP],
            "resources": ["identities"],
            "resourceNames": [client_id],
            "verbs": list(verbs) or ["federate"],
        }
        self.api.post(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
        self._granted.add(name)
        self.bind(account, client_id)

    def bind(self, account: str, client_id: str) -> None:
        """Make the binding of a grant, anew."""
        name = self._name(account, client_id)
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        who = {"kind": "ServiceAccount", "name": account, "namespace": self.namespace}
        body = {"metadata": {"name": name}, "roleRef": role, "subjects": [who]}
        self.api.post(f"{RBAC}/clusterrolebindings", body)

    def withdraw(self, account: str, client_id: str) -> None:
        """Delete the binding of a grant."""
        self.api.delete(f"{RBAC}/clusterrolebindings/{self._name(account, client_id)}")

    def stir(self, name: str) -> None:
        """Make a ClusterRole of our API group that is bound to nobody, and delete it."""
        rule = {"apiGroups": [GROUP], "resources": ["identities"], "verbs": ["stir"]}
        self.api.post(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
        self.api.delete(f"{RBAC}/clusterroles/{name}")

    def annotate(self, account: str, client_id: str | None) -> None:
        """Name an identity in a ServiceAccount's annotation; it is made if it is not there."""
        metadata = {"annotations": {CLIENT_ID: client_id}}
        try:
            self.api.merge(f"{self._accounts}/{account}", {"metadata": metadata})
        except Refused as refused:
            if refused.code != 404:
                raise
            self.api.post(self._accounts, {"metadata": {"name": account, **metadata}})

    def delete(self, account: str) -> None:
        """Delete a ServiceAccount."""
        self.api.delete(f"{self._accounts}/{account}")

    def objects(self) -> list[Json]:
        """All objects in the namespace."""
        found: list[Json] = self.api.get(fics(self.namespace))["items"]
        return found

    def ready(self) -> dict[tuple[str, str], str]:
        """Which objects say that they are ready: by ServiceAccount and client id, with the reason.

        The reason is empty where nothing is said yet, or where it was said of an earlier spec.
        """
        found = {}
        for body in self.objects():
            spec = body["spec"]
            key = (spec.get("serviceAccountName", ""), spec["identity"].get("clientId", ""))
            found[key] = _ready(body)
        return found

    def clear(self) -> None:
        """Remove all of it, without the controller's help."""
        for name in self._granted:
            for plural in ("clusterrolebindings", "clusterroles"):
                self.api.http.delete(f"{RBAC}/{plural}/{name}")
        self._granted.clear()
        for body in self.api.get(self._accounts)["items"]:
            if body["metadata"]["name"] != "default":
                self.delete(body["metadata"]["name"])
        for body in self.objects():
            path = f"{fics(self.namespace)}/{body['metadata']['name']}"
            self.api.http.delete(path)
            self.api.http.patch(path, content=b'{"metadata":{"finalizers":null}}', headers=_MERGE)

    def _name(self, account: str, client_id: str) -> str:
        return f"azwi-{self.namespace}-{account}-{client_id}"

    @property
    def _accounts(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/serviceaccounts"


def _ready(body: Json) -> str:
    conditions: list[dict[str, Any]] = body.get("status", {}).get("conditions", [])
    for one in conditions:
        if one["type"] == "Ready":
            fresh = one.get("observedGeneration") == body["metadata"]["generation"]
            if not fresh:
                return ""
            return "Ready" if one["status"] == "True" else str(one["reason"])
    return ""
