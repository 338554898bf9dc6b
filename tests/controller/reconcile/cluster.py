"""An API server in memory, with the methods of `controller.kube.Kube`. It fails on demand.

    cluster = Cluster()
    cluster.fail("PATCH .*/status", Unavailable("no"), times=2)
    stop = cluster.stop("PATCH .*/pay$")      # holds that call until `stop.go_on` is set

What it knows of Kubernetes: uids, resource versions, generations, the status subresource,
preconditions, finalizers, and reviews of access.
"""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.kube import AlreadyExists, Changed, Invalid, KubeError, NotFound, Page
from controller.kube.paths import SUBJECT_ACCESS_REVIEWS
from tests.controller.accounts.stage import patched

Object = dict[str, Any]
MADE_AT = "2026-01-01T00:00:00Z"


@dataclass
class Fault:
    """What happens to the next calls whose `METHOD path` matches."""

    pattern: str
    error: BaseException
    times: int
    after: bool


class Stop:
    """Holds a call before it takes effect."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()


@dataclass
class Cluster:
    """Stateful; `told` hears of every change, as a watch does."""

    objects: dict[str, Object] = field(default_factory=dict)
    granted: set[tuple[str, str, str]] = field(default_factory=set)
    """User, or the first group where there is none; verb; client id."""
    calls: list[str] = field(default_factory=list)
    told: Callable[[str, Object], None] = lambda _kind, _body: None
    takes: float = 0.0
    """Seconds of each call."""
    running: int = 0
    most_at_once: int = 0
    page: int = 2
    _faults: list[Fault] = field(default_factory=list)
    _stops: list[Stop] = field(default_factory=list)
    _version: int = 100
    _uids: int = 0

    def fail(
        self, pattern: str, error: BaseException, *, times: int = 1, after: bool = False
    ) -> None:
        self._faults.append(Fault(pattern, error, times, after))

    def well_again(self) -> None:
        self._faults.clear()

    def stop(self, pattern: str) -> Stop:
        stop = Stop(pattern)
        self._stops.append(stop)
        return stop

    def count(self, pattern: str) -> int:
        return sum(re.search(pattern, call) is not None for call in self.calls)

    def put(self, path: str, **parts: Any) -> Object:
        """Make or change an object as somebody else does; parts are merged in."""
        there = self.objects.get(path)
        if there is None:
            body = self._new(path, parts)
            kind = "ADDED"
        else:
            body, kind = self._written(there, patched(there, parts)), "MODIFIED"
        self._keep(path, body, kind)
        return copy.deepcopy(body)

    def remove(self, path: str) -> None:
        """Delete an object as somebody else does; finalizers are waited for."""
        there = self.objects[path]
        metadata = there["metadata"]
        if metadata.get("finalizers"):
            if "deletionTimestamp" not in metadata:
                changed = copy.deepcopy(there)
                changed["metadata"]["deletionTimestamp"] = MADE_AT
                changed["metadata"]["generation"] += 1
                self._keep(path, self._versioned(changed), "MODIFIED")
            return
        del self.objects[path]
        self.told("DELETED", copy.deepcopy(self._versioned(there)))

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        async with self._call("GET", path):
            return copy.deepcopy(self._there(path))

    async def pages(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        metadata_only: bool = False,
    ) -> AsyncIterator[Page]:
        version = str(self._version)
        prefix, _, plural = path.rpartition("/")
        whole = re.compile(rf"{re.escape(prefix)}(/namespaces/[^/]+)?/{plural}/[^/]+")
        found = [copy.deepcopy(one) for at, one in self.objects.items() if whole.fullmatch(at)]
        for start in range(0, max(1, len(found)), self.page):
            async with self._call("LIST", path):
                page = Page(found[start : start + self.page], version)
            yield page

    async def create(self, path: str, body: Object) -> Object:
        async with self._call("POST", path):
            if path == SUBJECT_ACCESS_REVIEWS:
                return self._reviewed(body)
            name = body["metadata"]["name"]
            if f"{path}/{name}" in self.objects:
                raise AlreadyExists(f"{name} is there")
            made = self._new(f"{path}/{name}", body)
            self._keep(f"{path}/{name}", made, "ADDED")
            return copy.deepcopy(made)

    async def merge(self, path: str, body: Object) -> Object:
        async with self._call("PATCH", path):
            at = path.removesuffix("/status")
            there = self._there(at)
            self._check(there, body.get("metadata", {}))
            if path.endswith("/status"):
                body = {"status": body["status"]}
            wanted = patched(there, body)
            added = set(wanted["metadata"].get("finalizers", ())) - set(
                there["metadata"].get("finalizers", ())
            )
            going = "deletionTimestamp" in there["metadata"]
            if going and added:
                raise Invalid("no new finalizers can be added if the object is being deleted")
            written = self._written(there, wanted)
            if going and not written["metadata"].get("finalizers"):
                del self.objects[at]
                self.told("DELETED", copy.deepcopy(written))
            else:
                self._keep(at, written, "MODIFIED")
            return copy.deepcopy(written)

    async def delete(self, path: str, *, uid: str = "", resource_version: str = "") -> bool:
        async with self._call("DELETE", path):
            if path not in self.objects:
                return False
            self._check(
                self.objects[path], {"uid": uid or None, "resourceVersion": resource_version}
            )
            self.remove(path)
            return True

    def _call(self, method: str, path: str) -> "_Call":
        return _Call(self, f"{method} {path}")

    def _there(self, path: str) -> Object:
        if path not in self.objects:
            raise NotFound(f"{path} is not there")
        return self.objects[path]

    def _new(self, path: str, parts: Mapping[str, Any]) -> Object:
        self._uids += 1
        name = path.rsplit("/", 1)[1]
        match = re.search("/namespaces/([^/]+)/", path)
        body = patched({}, parts)
        body["metadata"] = {
            "creationTimestamp": f"2026-01-01T00:{self._uids // 60 % 60:02}:{self._uids % 60:02}Z",
            **body.get("metadata", {}),
            "name": name,
            "namespace": match[1] if match else "",
            "uid": f"uid-{self._uids}",
            "generation": 1,
        }
        return self._versioned(body)

    def _written(self, before: Object, after: Object) -> Object:
        if before == after:
            return before
        if before.get("spec") != after.get("spec"):
            after["metadata"]["generation"] = before["metadata"]["generation"] + 1
        return self._versioned(after)

    def _versioned(self, body: Object) -> Object:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        return body

    def _keep(self, path: str, body: Object, kind: str) -> None:
        self.objects[path] = body
        self.told(kind, copy.deepcopy(body))

    def _check(self, there: Object, asked: Mapping[str, Any]) -> None:
        for name in ("uid", "resourceVersion"):
            wanted = asked.get(name)
            if wanted and wanted != there["metadata"][name]:
                raise Changed(f"{name} is {there['metadata'][name]}, and not {wanted}")

    def _reviewed(self, body: Object) -> Object:
        spec = body["spec"]
        wanted = spec["resourceAttributes"]
        who = {spec.get("user"), *spec["groups"]}
        allowed = any(
            (one, wanted["verb"], wanted["name"]) in self.granted for one in who if one is not None
        )
        return {**body, "status": {"allowed": allowed}}

    def fault(self, call: str, *, after: bool) -> None:
        for fault in self._faults:
            if fault.times and fault.after is after and re.search(fault.pattern, call):
                fault.times -= 1
                raise fault.error

    async def done(self, call: str) -> None:
        """Hear of a call that took effect, and is not answered yet."""

    async def held(self, call: str) -> None:
        for stop in self._stops:
            if re.search(stop.pattern, call):
                self._stops.remove(stop)
                stop.reached.set()
                await stop.go_on.wait()
                return


@dataclass
class _Call:
    cluster: Cluster
    call: str

    async def __aenter__(self) -> None:
        cluster = self.cluster
        cluster.calls.append(self.call)
        assert len(cluster.calls) < 50_000, "a storm"
        cluster.running += 1
        cluster.most_at_once = max(cluster.most_at_once, cluster.running)
        try:
            await asyncio.sleep(cluster.takes)
            await cluster.held(self.call)
            cluster.fault(self.call, after=False)
        except BaseException:
            cluster.running -= 1
            raise

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self.cluster.running -= 1
        if error is None:
            self.cluster.fault(self.call, after=True)
            await self.cluster.done(self.call)


__all__ = ["Cluster", "KubeError", "Stop"]
