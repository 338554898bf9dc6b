"""What an admin grants: a ClusterRole that names identities, bound to a ServiceAccount."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.demo.errors import DemoFailed
from hack.demo.manifests import Object, read_objects, the_only

GROUP = "azure.workload.identity"
RESOURCE = "identities"
VERB = "federate"


@dataclass(frozen=True, slots=True)
class Grant:
    """The two objects that make a grant."""

    path: Path
    role: Object
    binding: Object

    @property
    def client_ids(self) -> tuple[str, ...]:
        """The identities that are granted."""
        return tuple(
            name for rule in _rules(self.role) for name in map(str, rule.get("resourceNames", ()))
        )

    def check(self, namespace: str, account: str, client_id: str) -> None:
        """Raise DemoFailed unless it grants the identity, and another one, to the ServiceAccount.

        The controller says what is wrong with a grant, too; here it is found at once.
        """
        subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
        if subject not in self.binding.get("subjects", ()):
            raise DemoFailed(
                f"{self.path}: expected a binding to ServiceAccount {account} of namespace"
                f" {namespace}, found {self.binding.get('subjects')}"
            )
        others = set(self.client_ids) - {client_id}
        if client_id not in self.client_ids or not others:
            raise DemoFailed(
                f"{self.path}: expected the identity {client_id}, and another one to change to,"
                f" found {', '.join(self.client_ids) or 'none'}"
            )


def read_grant(path: Path) -> Grant:
    """Read a grant; DemoFailed if it is no ClusterRole with a ClusterRoleBinding."""
    objects = read_objects(path)
    roles = [one for one in objects if one.get("kind") == "ClusterRole" and _rules(one)]
    bindings = [one for one in objects if one.get("kind") == "ClusterRoleBinding"]
    return Grant(
        path,
        role=the_only(roles, f"one ClusterRole with verb {VERB} on {RESOURCE}.{GROUP}", path),
        binding=the_only(bindings, "one ClusterRoleBinding", path),
    )


def _rules(role: Object) -> list[dict[str, Any]]:
    return [
        rule
        for rule in role.get("rules") or ()
        if GROUP in rule.get("apiGroups", ())
        and RESOURCE in rule.get("resources", ())
        and VERB in rule.get("verbs", ())
    ]
