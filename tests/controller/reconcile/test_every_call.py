"""Every outbound call fails, or is the last thing a process does: nothing is lost by any of them.

The calls are counted by the test itself in a run without trouble. Each then meets its trouble
before it takes effect or after: an error, or the end of the process, and another one takes over.
"""

import asyncio
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import httpx
import pytest

from controller.kube import Changed, Forbidden, Unavailable, Unreachable
from controller.names import FINALIZER
from entra.model import Identity
from tests.controller.reconcile.cluster import Cluster
from tests.controller.reconcile.stage import Stage
from tests.fakes.entra_services import FakeServices, refusal
from tests.fakes.virtual_time import VirtualTimeLoop


class End(Exception):  # noqa: N818 - of a process, not of a call
    """The process is dead."""


@dataclass
class Trouble:
    """What the n-th call meets."""

    at: int = -1
    after: bool = False
    dies: bool = False
    kube: Callable[[], BaseException] = lambda: Unavailable("status 500")
    entra: Callable[[], httpx.Response] = field(
        default_factory=lambda: refusal(503, "serviceNotAvailable")
    )
    calls: int = 0
    met: str = ""
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def comes(self, call: str, *, after: bool) -> bool:
        """Tell whether it is here; who dies never comes back."""
        if not after:
            self.calls += 1
        if self.met or self.calls != self.at or after is not self.after:
            return False
        self.met = call
        if self.dies:
            self.dead.set()
            await asyncio.Event().wait()
        return True


class TroubledServices(FakeServices):
    """Looks at each write: the journal knows the identity, and the object has our finalizer."""

    def __init__(self, trouble: Trouble, cluster: Cluster) -> None:
        super().__init__()
        self.trouble = trouble
        self.cluster = cluster
        self.broken: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = f"{request.method} {request.url.path}"
        if await self.trouble.comes(call, after=False):
            return self.trouble.entra()
        if request.method in {"POST", "PUT"}:
            self._look(request)
        done = await super().handle_async_request(request)
        return self.trouble.entra() if await self.trouble.comes(call, after=True) else done

    def _look(self, request: httpx.Request) -> None:
        keeper = next(
            kept for path, kept in self.keepers.items() if request.url.path.lower().startswith(path)
        )
        client_id = keeper.identity.client_id
        journal = f"/api/v1/namespaces/azwi-system/configmaps/azwi-controller-{client_id[0]}"
        if client_id not in self.cluster.objects.get(journal, {}).get("data", {}):
            self.broken.append(f"{request.url.path}: the journal does not know the identity")
        subject = re.search("system:serviceaccount:shop:([a-z]+)", request.content.decode())
        assert subject is not None
        objects = [
            body
            for path, body in self.cluster.objects.items()
            if "federatedidentitycredentials" in path
            and body["spec"].get("serviceAccountName") == subject[1]
        ]
        if not any(FINALIZER in body["metadata"].get("finalizers", ()) for body in objects):
            self.broken.append(f"{request.url.path}: no object has the finalizer")


class TroubledCluster(Cluster):
    trouble: Trouble

    async def held(self, call: str) -> None:
        await super().held(call)
        if await self.trouble.comes(call, after=False):
            raise self.trouble.kube()

    async def done(self, call: str) -> None:
        if await self.trouble.comes(call, after=True):
            raise self.trouble.kube()


@dataclass
class Play:
    """A few minutes of a cluster's life, and what is to stand at its end."""

    trouble: Trouble
    cluster: TroubledCluster = field(default_factory=TroubledCluster)
    services: TroubledServices = field(init=False)
    app: Identity = field(init=False)
    managed: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.cluster.trouble = self.trouble
        self.services = TroubledServices(self.trouble, self.cluster)
        self.app = self.services.application("billing")
        self.managed = self.services.managed_identity("storage")
        self.services.put(
            self.app, "by-hand", "https://issuer.example/", "system:serviceaccount:shop:adopts"
        )

    async def acts(self) -> None:
        acts = [self._first, self._second, self._third]
        for act in acts:
            await self._through(act)
        await self._through(lambda _: None, seconds=2500)

    async def _through(self, act: Callable[[Stage], None], seconds: float = 150) -> None:
        stage = await self._begun()
        if stage is None:
            return await self._through(act, seconds)
        act(stage)
        async with stage.running(resync=60):
            dead = asyncio.create_task(self.trouble.dead.wait())
            await asyncio.wait({dead}, timeout=seconds)
            dead.cancel()
        if self.trouble.dead.is_set():
            self.trouble.dead.clear()
            return await self._through(lambda _: None, seconds)
        return None

    async def _begun(self) -> Stage | None:
        """Begin, as often as it takes; None: it died on the way."""
        while True:
            begins = asyncio.create_task(Stage.opened(self.cluster, self.services))
            dead = asyncio.create_task(self.trouble.dead.wait())
            await asyncio.wait({begins, dead}, return_when=asyncio.FIRST_COMPLETED)
            dead.cancel()
            if not begins.done():
                begins.cancel()
                await asyncio.wait({begins})
                self.trouble.dead.clear()
                return None
            if begins.exception() is None:
                return begins.result()

    def _first(self, stage: Stage) -> None:
        for name in ("pay", "stays", "goes", "loses", "adopts", "kept"):
            stage.grant(self.app, name)
        stage.grant(self.app, "kept", verb="retain")
        stage.grant(self.managed, "moves")
        stage.grant(self.app, "moves")
        stage.annotate("stays", client_id=self.app.client_id)
        stage.annotate("moves", identity_resource_id=str(self.managed.resource))
        stage.annotate("pay", client_id=self.app.client_id)
        stage.write("goes", self.app)
        stage.write("loses", self.app)
        stage.write("adopts", self.app)
        stage.write("kept", self.app, deletionPolicy="Retain")
        stage.write("poor", self.app)

    def _second(self, stage: Stage) -> None:
        stage.delete("goes")
        stage.delete("kept")
        stage.delete("adopts")
        stage.withdraw(self.app, "loses")
        stage.annotate("moves", identity_resource_id=None, client_id=self.app.client_id)

    def _third(self, stage: Stage) -> None:
        stage.annotate("pay", federate="false")
        stage.write("goes", self.app)

    def check(self) -> None:
        assert not self.services.broken
        stood = {
            identity.name: sorted(
                one["subject"].rsplit(":", 1)[1] for one in self.services.there(identity).values()
            )
            for identity in (self.app, self.managed)
        }
        wanted = {"billing": ["adopts", "goes", "kept", "moves", "stays"], "storage": []}
        assert stood == wanted, self.trouble
        assert "by-hand" in self.services.there(self.app)
        objects = {
            body["spec"]["serviceAccountName"]: body["status"]["conditions"][-1]["reason"]
            for path, body in self.cluster.objects.items()
            if "federatedidentitycredentials" in path
        }
        assert objects == {
            "goes": "Ready",
            "loses": "NotGranted",
            "moves": "Ready",
            "poor": "NotGranted",
            "stays": "Ready",
        }, self.trouble


class Way(Enum):
    """What a call meets."""

    FAILS = "fails"
    FAILS_ANSWER_LOST = "fails, its answer lost"
    REFUSED = "is refused"
    CONFLICTS = "conflicts"
    DIES_BEFORE = "is the last, not done"
    DIES_AFTER = "is the last, done"


def trouble(way: Way, at: int) -> Trouble:
    match way:
        case Way.FAILS:
            return Trouble(at)
        case Way.FAILS_ANSWER_LOST:
            return Trouble(at, after=True, kube=lambda: Unreachable("no answer"))
        case Way.REFUSED:
            denied = refusal(403, "Authorization_RequestDenied")
            return Trouble(at, kube=lambda: Forbidden("no"), entra=denied)
        case Way.CONFLICTS:
            return Trouble(at, kube=lambda: Changed("changed"), entra=refusal(409, "Conflict"))
        case Way.DIES_BEFORE:
            return Trouble(at, dies=True)
        case Way.DIES_AFTER:
            return Trouble(at, dies=True, after=True)


async def played(one: Trouble) -> int:
    play = Play(one)
    await play.acts()
    play.check()
    return one.calls


def in_virtual_time(one: Trouble) -> int:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(played(one))


@pytest.mark.parametrize("way", Way, ids=lambda way: way.value)
def test_whatever_a_call_meets_the_end_is_the_same(way: Way) -> None:
    """Some of the calls, others each time; AZWI_EVERY_CALL=1 takes all."""
    calls = in_virtual_time(Trouble())
    assert calls > 200
    chosen = list(range(1, 330))
    if not os.environ.get("AZWI_EVERY_CALL"):
        seed = int(os.environ.get("AZWI_SEED", "0")) or random.randrange(1, 10**9)
        print(f"AZWI_SEED={seed}")  # noqa: T201 - told where the test fails
        chosen = random.Random(seed).sample(chosen, 10)
    for at in chosen:
        in_virtual_time(trouble(way, at))
