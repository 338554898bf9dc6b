"""A controller between a real API server and the emulator, each behind a gateway."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hack.cluster import Cluster
from hack.controller import LISTENING, Addresses
from tests.cluster.api import Api, a_namespace, api_of
from tests.cluster.controller.faults import hasty
from tests.cluster.controller.faults.entra import Entra, entra_behind
from tests.cluster.controller.faults.seed import CONTROLLER, SECRET, SUBSCRIPTION, TENANT
from tests.cluster.controller.faults.shop import Shop
from tests.cluster.controller.installed import a_controller, install, kubeconfig_of
from tests.gateway import Gateway, Gateways, Ledger, Upstream, gateways, write_kubeconfig
from tests.gateway.nursery import Child, Nursery

_HASTY: Final = f"{hasty.__name__}:{hasty.set_up.__name__}"
_PATIENCE: Final = 45.0
_LOOK_SECONDS: Final = 0.1
WATCHES: Final = 4
"""ServiceAccounts, our objects, ClusterRoles and their bindings."""
Wanted = Mapping[str, Sequence[str]]
"""By client id: the ServiceAccounts that are to have a credential there."""


@dataclass(frozen=True, slots=True)
class Route:
    """One controller's way to the API server and to Entra."""

    kube: Gateway
    entra: Gateway
    kubeconfig: Path

    @property
    def gates(self) -> tuple[Gateway, Gateway]:
        """Both of them."""
        return self.kube, self.entra


@dataclass(slots=True)
class World:
    """All there is; each test begins with an empty one (`fresh`)."""

    cluster: Cluster
    api: Api
    namespace: str
    """The controller's own."""
    user: str
    folder: Path
    gates: Gateways
    routes: Mapping[str, Route]
    """By the name that a controller has in the Lease."""
    entra: Entra
    nursery: Nursery
    shop: Shop
    controllers: list[Child] = field(default_factory=list)
    flags: Sequence[str] = ()
    """Of every controller, until the world is fresh."""

    @property
    def kube(self) -> Gateway:
        """Before the API server, of the controller `one`."""
        return self.routes["one"].kube

    @property
    def entra_gate(self) -> Gateway:
        """Before the emulator, of the controller `one`."""
        return self.routes["one"].entra

    @property
    def ledger(self) -> Ledger:
        """All calls of all controllers."""
        return self.gates.ledger

    @property
    def controller(self) -> Child:
        """The one that was started last."""
        return self.controllers[-1]

    def start(
        self, name: str = "one", *flags: str, first: Sequence[str] = (), without: str = ""
    ) -> Child:
        """Start a controller, known to the Lease as `name`; returns at once."""
        safeguard = [f"tests.cluster.controller.faults.without:{without}"] if without else []
        child = self.nursery.start(
            [*self._flags(name), *self.flags, *flags], name=name, first=[_HASTY, *safeguard, *first]
        )
        self.controllers.append(child)
        return child

    def start_ready(self, name: str = "one", *flags: str, without: str = "") -> Child:
        """Start one, and wait until it is ready."""
        child = self.start(name, *flags, without=without)
        self.until_ready()
        return child

    def until_ready(self) -> None:
        """Wait until the controller that was started last is ready."""
        self.controller.wait_said(Addresses.told_in)
        self.until(self.is_ready, "the controller is ready")

    def is_ready(self) -> bool:
        """Tell whether the controller that was started last is ready, and watches all it should."""
        # What costs nothing comes first: this is asked after every call that anybody makes.
        if self.kube.under_way(lambda call: call.kind == "watch") != WATCHES:
            return False
        told = Addresses.told_in(self.controller.said())
        return told is not None and told.readiness()[0] == 200

    def until(self, reached: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> None:
        """Wait for something that a look tells; looked whenever a controller calls anybody."""
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds:.0f} s: {what}; {self.report()}")
            self.ledger.pause(_LOOK_SECONDS)

    def until_credentials(self, wanted: Wanted, seconds: float = _PATIENCE) -> None:
        """Wait until exactly these credentials stand in Entra."""
        subjects = self.subjects(wanted)
        self.until(lambda: self.entra.credentials() == subjects, f"{wanted}", seconds)

    def until_settled(self, wanted: Wanted, seconds: float = _PATIENCE) -> None:
        """Wait until exactly these stand, their objects say so, and nothing more is called."""
        self.until_credentials(wanted, seconds)
        having = {(who, client_id) for client_id, there in wanted.items() for who in there}
        self.until(lambda: self._told(having), f"the objects say: {having}", seconds)
        self.ledger.quiet(0.2, within=seconds)
        assert self.entra.credentials() == self.subjects(wanted)

    def subjects(self, wanted: Wanted) -> dict[str, Counter[str]]:
        """What is to stand in Entra."""
        return {
            client_id: Counter(map(self.shop.subject, accounts))
            for client_id, accounts in wanted.items()
            if accounts
        }

    def lost_and_left(self, wanted: Wanted) -> tuple[int, int]:
        """Count what is missing in Entra, and what is there and should not be."""
        there, subjects = self.entra.credentials(), self.subjects(wanted)
        lost = sum((subjects[one] - there.get(one, Counter())).total() for one in subjects)
        left = sum((there[one] - subjects.get(one, Counter())).total() for one in there)
        return lost, left

    def wrong(self, wanted: Wanted) -> int:
        """Count what is lost and left, and the objects that don't say what is so."""
        having = {(who, client_id) for client_id, there in wanted.items() for who in there}
        ready = {key for key, reason in self.shop.ready().items() if reason == "Ready"}
        return sum(self.lost_and_left(wanted)) + len(ready ^ having)

    def wrong_after(self, wanted: Wanted, seconds: float) -> int:
        """Wait until nothing is wrong, but no longer than so; return what is wrong then."""
        end = time.monotonic() + seconds
        while (wrong := self.wrong(wanted)) and time.monotonic() < end:
            self.ledger.pause(_LOOK_SECONDS)
        return wrong

    def fresh(self) -> None:
        """Begin anew: no controller, nothing in Entra, nothing wished, nothing remembered."""
        for route in self.routes.values():
            for gate in route.gates:
                gate.clear()
                gate.flow()
        self.flags = ()
        self.empty()

    def empty(self) -> None:
        """The same, with all rules of the gateways as they are."""
        self.stop_all()
        self.shop.clear()
        self.entra.reset()
        own = f"namespaces/{self.namespace}"
        for path in (f"/api/v1/{own}/configmaps", f"/apis/coordination.k8s.io/v1/{own}/leases"):
            for body in self.api.get(path)["items"]:
                if body["metadata"]["name"] != "kube-root-ca.crt":
                    self.api.delete(f"{path}/{body['metadata']['name']}")
        self.ledger.forget()

    def stop_all(self) -> None:
        """End all controllers, without a farewell."""
        for child in self.controllers:
            child.kill()
        self.controllers.clear()

    def report(self) -> str:
        """Say how things stand, for a failure."""
        calls = "\n  ".join(f"{call} {call.status} {call.fate.value}" for call in self.ledger.calls)
        logs = "\n".join(f"--- {one.log.name}\n{one.tail(30)}" for one in self.controllers)
        return (
            f"Entra has {self.entra.credentials()}; objects {self.shop.ready()};"
            f" last calls\n  {calls[-3000:]}\n{logs[-6000:]}"
        )

    def _told(self, having: set[tuple[str, str]]) -> bool:
        """Whether those that have a credential say so, and all others say why not."""
        ready = self.shop.ready()
        return {key for key, reason in ready.items() if reason == "Ready"} == having and all(
            ready.values()
        )

    def _flags(self, name: str) -> list[str]:
        route = self.routes[name]
        gate, audience = route.entra.url, self.entra_gate.url  # the emulator knows itself by one
        return [
            *LISTENING,
            *hasty.FLAGS,
            f"--kubeconfig={route.kubeconfig}",
            f"--namespace={self.namespace}",
            f"--tenant-id={TENANT}",
            f"--subscriptions={SUBSCRIPTION}",
            f"--authority-host={gate}",
            f"--graph-url={gate}",
            f"--resource-manager-url={gate}",
            f"--graph-audience={audience}",
            f"--resource-manager-audience={audience}",
            f"--ca-file={self.folder / 'ca.crt'}",
            "--sign-in=client-secret",
            f"--client-id={CONTROLLER}",
            f"--client-secret-file={self.folder / 'secret'}",
            f"--lease-identity={name}",
        ]


@contextmanager
def a_world(cluster: Cluster, nursery: Nursery, folder: Path) -> Iterator[World]:
    """Make one, with its own namespaces and its own emulator."""
    with ExitStack() as stack:
        api = stack.enter_context(api_of(cluster))
        install(api)
        namespace = stack.enter_context(a_namespace(api, "azwi"))
        shop = Shop(api, stack.enter_context(a_namespace(api, "shop")))
        user = stack.enter_context(a_controller(api, namespace))
        gates = stack.enter_context(gateways())
        own = kubeconfig_of(cluster, api, user, folder)
        upstream = Upstream.of_kubeconfig(own)
        routes = {
            "one": _route(gates, upstream, folder),
            "two": _route(gates, upstream, folder, "-two"),
        }
        entra = stack.enter_context(entra_behind([one.entra for one in routes.values()], folder))
        (folder / "ca.crt").write_bytes(gates.authority)
        (folder / "secret").write_text(SECRET)
        world = World(cluster, api, namespace, user, folder, gates, routes, entra, nursery, shop)
        try:
            yield world
        finally:
            world.stop_all()
            shop.clear()


def _route(gates: Gateways, upstream: Upstream, folder: Path, suffix: str = "") -> Route:
    kube = gates.to(upstream, f"kube{suffix}")
    kubeconfig = write_kubeconfig(folder / f"kubeconfig{suffix}", kube.url, gates.authority)
    return Route(kube, gates.to(name=f"entra{suffix}"), kubeconfig)
