"""What the sentences are played with: objects, conditions, Events, credentials."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from hack.controller import Addresses
from tests.cluster.api import Json, Refused
from tests.cluster.controller.faults.seed import CONTROLLER, SECRET, TENANT
from tests.cluster.controller.faults.world import World
from tests.cluster.controller.installed import RBAC, fics

_REMOVED = "removed, and still known"
Credential = dict[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """A world, and short words for what people do and see in it."""

    world: World

    @property
    def namespace(self) -> str:
        """The users' one."""
        return self.world.shop.namespace

    # What people do.

    def account(self, name: str, annotations: Mapping[str, str | None]) -> Json:
        """Make a ServiceAccount, or change its annotations, given without their prefix."""
        full = {f"azure.workload.identity/{key}": text for key, text in annotations.items()}
        metadata = {"annotations": full}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        try:
            return self.world.api.merge(f"{path}/{name}", {"metadata": metadata})
        except Refused as refused:
            if refused.code != 404:
                raise
            return self.world.api.post(path, {"metadata": {"name": name, **metadata}})

    def read_account(self, name: str) -> Json:
        """Read a ServiceAccount."""
        return self.world.api.get(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}")

    def write(self, name: str, spec: Json) -> Json:
        """Write an object by hand."""
        body = {
            "apiVersion": "azure.workload.identity/v1alpha1",
            "kind": "FederatedIdentityCredential",
            "metadata": {"name": name},
            "spec": spec,
        }
        return self.world.api.post(fics(self.namespace), body)

    def change(self, name: str, spec: Json) -> Json:
        """Change an object's spec."""
        return self.world.api.merge(f"{fics(self.namespace)}/{name}", {"spec": spec})

    def delete(self, name: str) -> None:
        """Delete an object."""
        self.world.api.delete(f"{fics(self.namespace)}/{name}")

    def seed(self, client_id: str, *credentials: Json) -> None:
        """Have an application in Entra, with credentials that somebody else made."""
        application = {
            "appId": client_id,
            "displayName": "seeded",
            "tenant": TENANT,
            "federatedIdentityCredentials": list(credentials),
        }
        self.world.entra.admin("POST", "/seed", {"applications": [application]})

    def grant_all(self, client_ids: list[str]) -> str:
        """Grant identities to every ServiceAccount of the namespace; return what to withdraw."""
        name = f"azwi-all-{self.namespace}"
        rule = {
            "apiGroups": ["azure.workload.identity"],
            "resources": ["identities"],
            "resourceNames": client_ids,
            "verbs": ["federate"],
        }
        group = {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Group",
            "name": f"system:serviceaccounts:{self.namespace}",
        }
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        api = self.world.api
        api.post(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
        binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [group]}
        api.post(f"{RBAC}/clusterrolebindings", binding)
        return name

    def withdraw_all(self, name: str) -> None:
        """Withdraw what `grant_all` granted."""
        for plural in ("clusterrolebindings", "clusterroles"):
            self.world.api.delete(f"{RBAC}/{plural}/{name}")

    def remove_in_entra(self, client_id: str, name: str) -> None:
        """Remove an application's credential as somebody does in the portal."""
        entra = self.world.entra.http
        token = entra.post(
            f"/{TENANT}/oauth2/v2.0/token",
            data={
                "client_id": CONTROLLER,
                "client_secret": SECRET,
                "grant_type": "client_credentials",
                "scope": "https://graph.microsoft.com/.default",
            },
        ).json()["access_token"]
        path = f"/v1.0/applications(appId='{client_id}')/federatedIdentityCredentials/{name}"
        answer = entra.delete(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204, answer.text

    def path(self, name: str) -> str:
        """Where an object is."""
        return f"{fics(self.namespace)}/{name}"

    def issuer(self) -> str:
        """The cluster's."""
        return str(self.world.api.get("/.well-known/openid-configuration")["issuer"])

    # What people see.

    def objects(self) -> list[Json]:
        """All objects of the namespace."""
        found: list[Json] = self.world.api.get(fics(self.namespace))["items"]
        return found

    def of(self, account: str) -> Json | None:
        """The object that was made for a ServiceAccount; None: there is none, or are several."""
        found = [one for one in self.objects() if one["spec"].get("serviceAccountName") == account]
        return found[0] if len(found) == 1 else None

    def by_client_id(self, client_id: str) -> Json | None:
        """The object that names an identity."""
        found = [one for one in self.objects() if one["spec"]["identity"]["clientId"] == client_id]
        return found[0] if found else None

    def held(self) -> int:
        """How many removals the controller says that it holds."""
        told = self.world.controller.wait_said(Addresses.told_in)
        with httpx.Client(trust_env=False) as http:
            text = http.get(f"{told.metrics}/metrics").text
        (line,) = re.findall(r"^azwi_controller_removals_held ([0-9.]+)$", text, re.MULTILINE)
        return int(float(line))

    def pass_a_second(self, name: str) -> None:
        """Wait until the API server's clock says another second than when an object was made."""
        made = (self.named(name) or {})["metadata"]["creationTimestamp"]
        made_at = datetime.fromisoformat(made)

        def later() -> bool:
            date = parsedate_to_datetime(self.world.api.http.get("/version").headers["Date"])
            return date > made_at

        self.world.until(later, "the next second")

    def named(self, name: str) -> Json | None:
        """An object by name."""
        return next((one for one in self.objects() if one["metadata"]["name"] == name), None)

    def until_told(
        self, find: Callable[[], Json | None], kind: str, reason: str, *, status: str = ""
    ) -> Json:
        """Wait until an object's condition has a reason; return the object."""
        found: list[Json] = []

        def reached() -> bool:
            body = find()
            told = condition(body, kind) if body else {}
            if body and told.get("reason") == reason and status in {"", told.get("status")}:
                found.append(body)
            return bool(found)

        self.world.until(reached, f"{kind} is {reason}; objects: {self._told()}")
        return found[0]

    def until_ready(self, account: str) -> Json:
        """Wait until a ServiceAccount's only object is ready."""
        return self.until_told(lambda: self.of(account), "Ready", "Ready", status="True")

    def credentials(self, client_id: str) -> list[Credential]:
        """What stands on an identity."""
        state = self.world.entra.admin("GET", "/state")
        rows = {row["appId"]: row for row in state["applications"]}
        rows |= {row["clientId"]: row for row in state["managedIdentities"]}
        return [
            one
            for one in rows[client_id]["federatedIdentityCredentials"]
            if one["known"] != _REMOVED
        ]

    def subjects(self, client_id: str) -> list[str]:
        """Whom an identity trusts: the last part of each subject."""
        return sorted(one["subject"].rsplit(":", 1)[-1] for one in self.credentials(client_id))

    def until_subjects(self, client_id: str, *wanted: str) -> None:
        """Wait until an identity trusts exactly these."""
        self.world.until(
            lambda: self.subjects(client_id) == sorted(wanted),
            f"{client_id} trusts {wanted}; it trusts {self.subjects(client_id)}",
        )

    def events(self, kind: str, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and message of the Events of something."""
        path = f"/api/v1/namespaces/{self.namespace}/events"
        return [
            (one["type"], one["reason"], one["message"])
            for one in self.world.api.get(path)["items"]
            if (one["involvedObject"]["kind"], one["involvedObject"]["name"]) == (kind, name)
        ]

    def until_event(self, kind: str, name: str, reason: str) -> tuple[str, str, str]:
        """Wait until there is an Event; return it."""
        found: list[tuple[str, str, str]] = []

        def reached() -> bool:
            found.extend(one for one in self.events(kind, name) if one[1] == reason)
            return bool(found)

        self.world.until(reached, f"an Event {reason}; there are {self.events(kind, name)}")
        return found[0]

    def resyncs(self, count: int) -> None:
        """Wait until everything was listed so often anew."""
        done = self._lists()
        self.world.ledger.wait(lambda _: self._lists() >= done + count, seconds=60)

    def writes(self, pattern: str, *methods: str) -> int:
        """Count the calls of these methods to paths that match."""
        wanted = methods or ("POST", "PUT", "PATCH", "DELETE")
        return self.world.ledger.count(
            lambda call: call.method in wanted and re.search(pattern, call.path) is not None
        )

    def _lists(self) -> int:
        return self.world.ledger.count(
            lambda call: call.path.endswith("/v1alpha1/federatedidentitycredentials")
        )

    def _told(self) -> list[Any]:
        return [
            (
                one["metadata"]["name"],
                [
                    (c["type"], c["status"], c["reason"])
                    for c in one.get("status", {}).get("conditions", [])
                ],
            )
            for one in self.objects()
        ]


def condition(body: Json, kind: str) -> Json:
    """A condition that was told of the present spec; empty if it was not."""
    for one in body.get("status", {}).get("conditions", []):
        fresh = one.get("observedGeneration") == body["metadata"]["generation"]
        if one["type"] == kind and fresh:
            found: Json = one
            return found
    return {}
