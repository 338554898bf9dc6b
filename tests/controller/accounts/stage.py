"""ServiceAccounts and the objects made for them, as an API server would keep them."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.accounts.plan import Change, Make, Remove, Step, plan_objects
from controller.model import ClusterIdentity, Key
from controller.store import AccountRecord, Record
from controller.store.accounts import account_record
from controller.store.objects import record_from
from identity.credential_names import cluster_tag

ISSUER = "https://issuer.example/"
CLUSTER = ClusterIdentity(ISSUER, cluster_tag(ISSUER))
AUDIENCE = "api://AzureADTokenExchange"
KEY = Key("shop", "app")
PREFIX = "azure.workload.identity/"


def account(uid: str = "sa-1", *, name: str = "app", **annotations: str) -> AccountRecord:
    """Return a ServiceAccount; `client_id="x"` stands for `azure.workload.identity/client-id`."""
    written = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    return account_record(
        {
            "metadata": {
                "namespace": "shop",
                "name": name,
                "uid": uid,
                "resourceVersion": "1",
                "annotations": written,
            }
        }
    )


def patched(target: Any, patch: Any) -> Any:
    """Apply a merge patch as RFC 7396 has it: section 2, word by word."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


@dataclass
class Namespace:
    """Objects by name; what is removed goes only when `let_go` is called."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    @property
    def records(self) -> list[Record]:
        return [record_from(body, CLUSTER) for body in self.objects.values()]

    def take(self, step: Step) -> None:
        match step:
            case Make(name, body):
                assert name not in self.objects, "made although it is there"
                self.made += 1
                whole = copy.deepcopy(body)
                whole["metadata"] |= {
                    "uid": f"fic-{self.made}",
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                    "generation": 1,
                    "resourceVersion": str(self.made),
                }
                self.objects[name] = whole
            case Change(name, uid, spec):
                assert self.objects[name]["metadata"]["uid"] == uid
                self.objects[name]["spec"] = patched(self.objects[name]["spec"], spec)
            case Remove(name, uid):
                assert self.objects[name]["metadata"]["uid"] == uid
                self.objects[name]["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"

    def let_go(self) -> None:
        """Take all finalizers off."""
        self.objects = {
            name: body
            for name, body in self.objects.items()
            if "deletionTimestamp" not in body["metadata"]
        }

    def planned(self, one: AccountRecord | None) -> list[Step]:
        of_account = [record for record in self.records if record.wish.made_for == KEY.name]
        return plan_objects(KEY, one, of_account, AUDIENCE)

    def bring_to(self, one: AccountRecord | None) -> list[Step]:
        """Take all steps; return them."""
        steps = self.planned(one)
        for step in steps:
            self.take(step)
        return steps
