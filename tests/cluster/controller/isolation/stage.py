"""One attack at a time: with all safeguards it wins nothing, without one it wins."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.api import a_namespace
from tests.cluster.controller.faults.seed import CONTROLLER, SECRET, TENANT
from tests.cluster.controller.faults.shop import Shop, _ready
from tests.cluster.controller.faults.world import World
from tests.cluster.controller.installed import GROUP, RBAC, fics
from tests.cluster.controller.isolation.rogue import Rogue
from tests.cluster.controller.objects import a_fic, foreign
from tests.gateway import Call

_WITHOUT = "tests.cluster.controller.isolation.without"
_SHORT = 2.5
"""Seconds: several times what the controller takes to withdraw something, as it is started here."""


@dataclass(slots=True)
class Stage:
    """A world with a shop that is granted things, and a namespace that is not."""

    world: World
    rogue: Rogue
    beside: Shop
    """Its name is the rogue's with something behind it."""
    without: str = ""
    """The safeguard that the controller is without."""
    _granted: list[str] = field(default_factory=list)

    @property
    def shop(self) -> Shop:
        """Whose identities they are."""
        return self.world.shop

    def start(self, without: str = "", *flags: str) -> None:
        """Start a controller, without a safeguard of `without.py` if one is named."""
        self.without = without
        self.world.start("one", *flags, first=[f"{_WITHOUT}:{without}"] if without else [])
        self.world.until_ready()

    def fresh(self) -> None:
        """Begin anew."""
        self.world.stop_all()
        self.clear()
        self.world.fresh()

    def clear(self) -> None:
        """Remove what anybody made."""
        for name in self._granted:
            for plural in ("clusterrolebindings", "clusterroles"):
                self.world.api.http.delete(f"{RBAC}/{plural}/{name}")
        self._granted.clear()
        self.rogue.unbind()
        self.rogue.granted.clear()
        self.beside.clear()

    # What admins of the cluster do.

    def grant_namespace(self, shop: Shop, client_id: str, *verbs: str) -> None:
        """Grant an identity to all ServiceAccounts of a namespace."""
        name = f"azwi-all-{shop.namespace}-{client_id}"
        rule = {
            "apiGroups": [GROUP],
            "resources": ["identities"],
            "resourceNames": [client_id],
            "verbs": list(verbs),
        }
        group = {
            "kind": "Group",
            "apiGroup": "rbac.authorization.k8s.io",
            "name": f"system:serviceaccounts:{shop.namespace}",
        }
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        api = self.world.api
        self._granted.append(name)
        api.post(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
        binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [group]}
        api.post(f"{RBAC}/clusterrolebindings", binding)

    def withdraw_namespace(self, shop: Shop, client_id: str) -> None:
        """Withdraw that."""
        name = f"azwi-all-{shop.namespace}-{client_id}"
        self.world.api.delete(f"{RBAC}/clusterrolebindings/{name}")

    def in_place(self, account: str, client_id: str) -> None:
        """Have the shop's ServiceAccount federated as it should be."""
        self.shop.grant(account, client_id)
        self.shop.annotate(account, client_id)
        self.until_ready(self.shop, account, client_id)

    def write_for_shop(self, name: str, client_id: str, subject: str, **spec: Any) -> None:
        """Have the shop write an object for the tokens of GitHub, and wait until it is ready."""
        identity = {"clientId": client_id}
        body = a_fic(name, **foreign(subject=subject, identity=identity, **spec))
        self.world.api.post(fics(self.shop.namespace), body)
        self.world.until(lambda: self.reasons(self.shop).get(name) == "Ready", f"{name} is ready")

    def write_beside(self, name: str, client_id: str) -> None:
        """Write an object by hand in the namespace whose name is like the rogue's."""
        body = a_fic(name, identity={"clientId": client_id})
        self.world.api.post(fics(self.beside.namespace), body)

    def make_in_entra(self, client_id: str, name: str, issuer: str, subject: str) -> None:
        """Make a credential of an application by hand."""
        http = self.world.entra.http
        token = http.post(
            f"/{TENANT}/oauth2/v2.0/token",
            data={
                "client_id": CONTROLLER,
                "client_secret": SECRET,
                "grant_type": "client_credentials",
                "scope": "https://graph.microsoft.com/.default",
            },
        ).json()["access_token"]
        answer = http.post(
            f"/v1.0/applications(appId='{client_id}')/federatedIdentityCredentials",
            json={
                "name": name,
                "issuer": issuer,
                "subject": subject,
                "audiences": ["api://AzureADTokenExchange"],
            },
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201, answer.text

    def issuer(self) -> str:
        """The cluster's."""
        return str(self.world.api.get("/.well-known/openid-configuration")["issuer"])

    @contextmanager
    def another_namespace(self) -> Iterator[Shop]:
        """Yield a namespace that may be deleted."""
        with a_namespace(self.world.api, "anew") as namespace:
            shop = Shop(self.world.api, namespace)
            try:
                yield shop
            finally:
                shop.clear()

    def make_anew(self, shop: Shop) -> None:
        """Delete a namespace with force, wait until it is gone, and make one of its name."""
        api, path = self.world.api, f"/api/v1/namespaces/{shop.namespace}"
        for body in shop.objects():
            one = f"{fics(shop.namespace)}/{body['metadata']['name']}"
            api.merge(one, {"metadata": {"finalizers": None}})
        api.delete(path)
        self.world.until(lambda: api.http.get(path).status_code == 404, f"{path} is gone")
        api.post("/api/v1/namespaces", {"metadata": {"name": shop.namespace}})

    # What stands, and what is told.

    def subjects(self, client_id: str) -> list[str]:
        """Whose tokens an identity trusts."""
        return sorted(self.world.entra.credentials().get(client_id, Counter()).elements())

    def reasons(self, shop: Shop) -> dict[str, str]:
        """Of each object of a namespace: `Ready`, why not, or nothing yet, by name."""
        listed = self.world.api.get(fics(shop.namespace))["items"]
        return {body["metadata"]["name"]: _ready(body) for body in listed}

    def synced(self, shop: Shop) -> dict[str, str]:
        """Why the credential of each object of a namespace is as it is, by name."""
        return {
            body["metadata"]["name"]: one["reason"]
            for body in shop.objects()
            for one in body.get("status", {}).get("conditions", ())
            if one["type"] == "Synced"
        }

    def until_ready(self, shop: Shop, account: str, client_id: str) -> None:
        """Wait until an object for a ServiceAccount is ready."""
        self.world.until(
            lambda: shop.ready().get((account, client_id)) == "Ready",
            f"{shop.namespace}/{account} has {client_id}",
        )

    def until_told(self, *expected: str, objects: int = 1) -> None:
        """Wait until all of the rogue's objects, so many, are told one of these reasons."""

        def told() -> bool:
            reasons = self.reasons(self.rogue.granted)
            return len(reasons) >= objects and set(reasons.values()) <= set(expected)

        self.world.until(told, f"the rogue's objects are told {expected}")

    def wins(self, won: Callable[[], bool], *, told: Iterable[str] = ("NotGranted",)) -> bool:
        """Wait until the rogue has won, or its objects are told that they may not; and say which.

        Then everything has come to rest.
        """
        expected = set(told)

        def over() -> bool:
            reasons = self.reasons(self.rogue.granted)
            return won() or bool(reasons and set(reasons.values()) <= expected)

        self.world.until(over, f"the rogue has won, or is told {expected}")
        self.rest()
        return won()

    def until_denied_twice(self, *client_ids: str) -> None:
        """Wait until every denial of the rogue's wishes is certain, and all that follows is done.

        The controller asks again half a second after the first one, as these tests start it.
        """
        asked = f"system:serviceaccounts:{self.rogue.namespace}"

        def certain(calls: list[Call]) -> bool:
            counts = Counter(
                (spec.get("user"), spec["resourceAttributes"]["name"])
                for call in calls
                if call.path.endswith("/subjectaccessreviews")
                for spec in [call.json()["spec"]]
                if asked in spec["groups"]
            )
            seen = {client_id for _, client_id in counts}
            return seen >= set(client_ids) and min(counts.values()) > 1

        self.world.ledger.wait(certain)
        self.rest()

    def rest(self) -> None:
        """Wait until no more is done."""
        self.world.ledger.quiet(0.2, within=30)

    def pass_over(self, client_id: str, account: str = "clock") -> None:
        """Wait until an identity has been worked on after all that has happened."""
        self.in_place(account, client_id)
        self.rest()

    def until_older(self) -> None:
        """Wait until what is written next is younger than all that was: that is told by seconds."""
        get = self.world.api.http.get
        now = get("/version").headers["date"]
        self.world.until(lambda: get("/version").headers["date"] != now, "the next second")

    def until_held(self) -> None:
        """Wait until removals of the rogue's are held, and all others of it are done."""
        held = {"RemovalsHeld", "NamespaceRemovalsHeld"}

        def told() -> bool:
            return set(self.synced(self.rogue.granted).values()) <= held

        self.world.until(told, "what is left of the rogue's is held")
        assert self.rogue.granted.objects(), "nothing is held"
        self.rest()

    def until_gone(self, name: str) -> None:
        """Wait until an object of the rogue's is gone."""
        path = self.rogue.path(name)
        get = self.world.api.http.get
        self.world.until(lambda: get(path).status_code == 404, f"{path} is gone")

    def stays(self, standing: Callable[[], bool]) -> bool:
        """Wait until something does not stand any more; not for long where it is to stay."""
        if not self.without:
            self.world.until(lambda: not standing(), "it goes")
            return False
        end = time.monotonic() + _SHORT
        while standing() and time.monotonic() < end:
            self.world.ledger.pause(0.1)
        return standing()

    def removals(self) -> int:
        """How many credentials were removed."""
        return self.world.ledger.count(
            lambda call: call.gateway == "entra" and call.method == "DELETE"
        )

    def calls_to_entra(self) -> int:
        """How often Entra has been asked for anything."""
        return self.world.ledger.count(lambda call: call.gateway == "entra")


Attack = Callable[[Stage], object]
"""Returns what it won: nothing, by its truth. The controller is running."""


def fends_off(stage: Stage, attack: Attack, safeguard: str, *flags: str) -> None:
    """Play an attack in an empty world, and again without a safeguard: only then it may win."""
    stage.start("", *flags)
    won = attack(stage)
    assert not won, f"it wins {won}: {stage.world.report()}"
    stage.fresh()
    stage.start(safeguard, *flags)
    words = safeguard.replace("_", " ")
    assert attack(stage), f"it would not be seen if '{words}' were missing: {stage.world.report()}"
