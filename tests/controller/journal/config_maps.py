"""ConfigMaps as an API server keeps them: resource versions, conflicts, failures on demand."""

import asyncio
import copy
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from controller.journal import Journal, Options
from controller.kube.errors import AlreadyExists, Changed, KubeError, NotFound
from entra.model import Identity, Kind, ResourceId
from entra.pacing import Pace

NAMESPACE = "azwi-system"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
NOW = 1_800_000_000.0
_COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


def client_id(number: int, digit: str = "3") -> str:
    return f"{digit}0000000-0000-4000-8000-{number:012d}"


def application(number: int, digit: str = "3", name: str = "billing") -> Identity:
    return Identity(Kind.APPLICATION, client_id(number, digit), TENANT, TENANT, None, name)


def managed(number: int, digit: str = "3") -> Identity:
    where = ResourceId("sub", "group", f"identity-{number}")
    return Identity(
        Kind.MANAGED_IDENTITY, client_id(number, digit), TENANT, TENANT, where, where.name
    )


@dataclass(frozen=True)
class Failure:
    """One call that fails, before or after it took effect."""

    method: str
    error: KubeError
    after: bool = False


class Stop:
    """Holds the next call of a method before it takes effect, until it may go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()


class ConfigMaps:
    """Stateful. Calls of several askers interleave as the seed says, if there is one."""

    def __init__(self, seed: int | None = None) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        """Method and name, `merge azwi-controller-3`, in the order in which they came."""
        self.failures: deque[Failure] = deque()
        """The next one of a method fails its next call."""
        self.meanwhile: deque[Callable[[], None]] = deque()
        """What others do just before the next write."""
        self._stops: dict[str, Stop] = {}
        self._version = 100
        self._chance = random.Random(seed) if seed is not None else None

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("get")]

    def stop(self, method: str) -> Stop:
        self._stops[method] = Stop()
        return self._stops[method]

    def data(self, name: str) -> dict[str, str]:
        found: dict[str, str] = self.objects[name].get("data", {})
        return found

    def put(self, name: str, **fields: Any) -> None:
        """Write as somebody else does: `data`, `annotations`."""
        found = self.objects.setdefault(name, {"metadata": {"name": name}, "data": {}})
        found["data"] = {**found.get("data", {}), **fields.get("data", {})}
        metadata = found["metadata"]
        metadata["annotations"] = {
            **metadata.get("annotations", {}),
            **fields.get("annotations", {}),
        }
        self._touch(found)

    async def get(self, path: str) -> dict[str, Any]:
        name = _name(path)
        await self._called("get", name)
        found = self._found(name)
        self._maybe_fail("get", after=True)
        return found

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path == _COLLECTION
        name = body["metadata"]["name"]
        await self._called("create", name)
        if name in self.objects:
            raise AlreadyExists(f"{name} is there")
        self.objects[name] = copy.deepcopy(body)
        self._touch(self.objects[name])
        self._maybe_fail("create", after=True)
        return self._found(name)

    async def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name = _name(path)
        await self._called("merge", name)
        found = self._found(name)
        version = body["metadata"].pop("resourceVersion")
        if version != found["metadata"]["resourceVersion"]:
            raise Changed(f"{name} was changed")
        merged = _merged(found, body)
        self.objects[name] = merged
        self._touch(merged)
        self._maybe_fail("merge", after=True)
        return self._found(name)

    def _found(self, name: str) -> dict[str, Any]:
        if name not in self.objects:
            raise NotFound(f"there is no {name}")
        return copy.deepcopy(self.objects[name])

    def _touch(self, found: dict[str, Any]) -> None:
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)

    async def _called(self, method: str, name: str) -> None:
        self.calls.append(f"{method} {name}")
        if stop := self._stops.pop(method, None):
            stop.reached.set()
            await stop.go_on.wait()
        for _ in range(self._chance.randrange(4) if self._chance else 1):
            await asyncio.sleep(0)
        if method != "get" and self.meanwhile:
            self.meanwhile.popleft()()
        self._maybe_fail(method, after=False)

    def _maybe_fail(self, method: str, *, after: bool) -> None:
        failure = self.failures[0] if self.failures else None
        if failure and failure.method == method and failure.after is after:
            self.failures.popleft()
            raise failure.error


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _name(path: str) -> str:
    assert path.startswith(f"{_COLLECTION}/"), path
    return path.removeprefix(f"{_COLLECTION}/")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


async def at_once(_seconds: float) -> None:
    """Wait no longer than it takes the others to do something."""
    await asyncio.sleep(0)


async def loaded(
    api: ConfigMaps, clock: Callable[[], float] | None = None, options: Options | None = None
) -> Journal:
    options = replace(options or Options(), pace=Pace(sleep=at_once, chance=lambda: 1.0))
    journal = Journal(api, NAMESPACE, clock or Clock(), options)
    await journal.load()
    api.calls.clear()
    return journal
