"""A Lease on a server that keeps it as an API server does, and fails on demand."""

import asyncio
import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller.kube import AlreadyExists, Changed, NotFound, Unavailable, Unreachable

Object = dict[str, Any]


@dataclass
class LeaseServer:
    """What all contenders share. Of the Lease there is one, or none."""

    stored: Object | None = None
    version: int = 0
    writes: list[Object] = field(default_factory=list)
    removed_at: float = 0.0

    def put(self, body: Object) -> Object:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version), "uid": "u"}
        self.stored = {**copy.deepcopy(body), "metadata": metadata}
        self.writes.append(self.stored)
        return copy.deepcopy(self.stored)

    def remove(self, *, at_most_every: float = 0.0) -> None:
        now = asyncio.get_running_loop().time()
        if now - self.removed_at >= at_most_every:
            self.stored = None
            self.removed_at = now

    @property
    def holder(self) -> str:
        return self.spec["holderIdentity"] if self.stored else "(no Lease)"

    @property
    def spec(self) -> Object:
        assert self.stored is not None
        spec: Object = self.stored["spec"]
        return spec


@dataclass
class Wire:
    """One contender's way to the server, with its own failures."""

    server: LeaseServer
    down: bool = False
    """Nothing arrives."""
    answers_lost: bool = False
    """Everything arrives and is done, and no answer comes back."""
    refusing: bool = False
    """The server answers 503."""
    delay: Callable[[], float] = lambda: 0.01
    hang: float = 10.0
    """Seconds until a call without an answer is given up."""
    calls: list[str] = field(default_factory=list)
    arrives_anyway: bool = False
    """What was sent arrives even if its sender has given it up."""
    frozen: asyncio.Event | None = None
    """Set by a test: answers are held back until the event is set, as for a stopped process."""

    async def get(self, path: str) -> Object:
        return await self._call("GET", path, self._read)

    async def create(self, path: str, body: Object) -> Object:
        return await self._call("POST", path, lambda: self._create(body))

    async def replace(self, path: str, body: Object) -> Object:
        return await self._call("PUT", path, lambda: self._replace(body))

    async def _call(self, method: str, path: str, act: Callable[[], Object]) -> Object:
        self.calls.append(method)
        if self.arrives_anyway:
            return await asyncio.shield(asyncio.create_task(self._arrive(path, act)))
        return await self._arrive(path, act)

    async def _arrive(self, path: str, act: Callable[[], Object]) -> Object:
        assert "/apis/coordination.k8s.io/v1/namespaces/azwi/leases" in path
        await asyncio.sleep(self.delay())
        if self.down:
            await asyncio.sleep(self.hang)
            raise Unreachable("no answer")
        if self.refusing:
            raise Unavailable("503", status=503)
        try:
            answer = act()
        finally:
            if self.frozen is not None:
                await self.frozen.wait()
        await asyncio.sleep(self.delay())
        if self.answers_lost:
            raise Unreachable("the connection broke")
        return answer

    def _read(self) -> Object:
        if self.server.stored is None:
            raise NotFound("no such Lease", status=404)
        return copy.deepcopy(self.server.stored)

    def _create(self, body: Object) -> Object:
        if self.server.stored is not None:
            raise AlreadyExists("it is there", status=409)
        return self.server.put(body)

    def _replace(self, body: Object) -> Object:
        stored = self.server.stored
        if stored is None:
            raise NotFound("no such Lease", status=404)
        if body["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
            raise Changed("the object has been modified", status=409)
        return self.server.put(body)


def weather(chance: random.Random, wire: Wire) -> None:
    """Let the wire fail in another way than before, or not at all."""
    wire.down, wire.answers_lost, wire.refusing = (chance.random() < 0.3 for _ in range(3))
    slow = chance.choice([0.02, 0.5, 4.0])
    wire.delay = lambda: chance.uniform(0, slow)
