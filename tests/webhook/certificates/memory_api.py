"""The two objects in memory, behind what rotation needs of a client: versions, conflicts, watches.

Calls take a random time, before and after they take effect, so that replicas come in each other's
way; they fail on demand.
"""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from webhook.certificates.configuration import with_bundle
from webhook.config.settings import CertificateConfig
from webhook.kube import (
    MUTATING_WEBHOOKS,
    SECRETS,
    AlreadyExists,
    Conflict,
    KubeError,
    NotFound,
    Place,
    Unreachable,
    WatchEvent,
)

Json = dict[str, Any]


class MemoryApi:
    def __init__(self, config: CertificateConfig, *, seed: int = 0, latency: float = 0.02) -> None:
        self.objects: dict[str, Json] = {}
        self.fails: Callable[[str, Place], KubeError | None] = lambda _verb, _place: None
        self.writes: list[str] = []
        """What was written, `update secrets` say."""
        self.on_write: list[Callable[[Place, Json], None]] = []
        self.watching = True
        """False: watches connect and then stay silent."""
        self._config = config
        self._random = random.Random(seed)
        self._latency = latency
        self._version = 0
        self._watchers: list[tuple[Place, asyncio.Queue[WatchEvent | None]]] = []
        self.secret_place = SECRETS.named(config.secret_name, config.namespace)
        self.configuration_place = MUTATING_WEBHOOKS.named(config.configuration_name)

    def add_configuration(self, bundle: bytes = b"") -> None:
        configuration = {
            "metadata": {"name": self._config.configuration_name},
            "webhooks": [
                {"name": "other.example", "clientConfig": {"caBundle": "b3RoZXI="}},
                {"name": self._config.webhook_name, "clientConfig": {}, "failurePolicy": "Fail"},
            ],
        }
        body = with_bundle(configuration, self._config.webhook_name, bundle)
        self._store(self.configuration_place, body)

    def add_secret(self, secret: Json) -> None:
        metadata = {"name": self._config.secret_name, "namespace": self._config.namespace}
        metadata |= secret.get("metadata", {})
        self._store(self.secret_place, {**secret, "metadata": metadata})

    @property
    def secret(self) -> Json:
        return self.objects[self.secret_place.path]

    @property
    def configuration(self) -> Json:
        return self.objects[self.configuration_place.path]

    def remove(self, place: Place) -> None:
        gone = self.objects.pop(place.path)
        self._tell(place, WatchEvent("DELETED", gone))

    def change(self, place: Place, change: Callable[[Json], Json]) -> None:
        """Somebody else writes."""
        self._store(place, change(copy.deepcopy(self.objects[place.path])))

    def break_watches(self) -> None:
        for _, queue in self._watchers:
            queue.put_nowait(None)

    async def get(self, place: Place, /) -> Json:
        async with self._taking_time("get", place):
            if place.path not in self.objects:
                raise NotFound(f"{place.path} not found")
            return copy.deepcopy(self.objects[place.path])

    async def put(self, place: Place, body: Json, /) -> Json:
        async with self._taking_time("update", place):
            if place.path not in self.objects:
                raise NotFound(f"{place.path} not found")
            present = self.objects[place.path]["metadata"]
            if body["metadata"]["resourceVersion"] != present["resourceVersion"]:
                raise Conflict("the object has been modified", status=409)
            self.writes.append(f"update {place.resource}")
            self._store(place, copy.deepcopy(body))
            return copy.deepcopy(self.objects[place.path])

    async def post(self, place: Place, body: Json, /) -> Json:
        async with self._taking_time("create", place):
            if self.secret_place.path in self.objects:
                raise AlreadyExists("the object is there already", status=409)
            self.writes.append(f"create {place.resource}")
            self._store(self.secret_place, copy.deepcopy(body))
        return body

    @asynccontextmanager
    async def watch(
        self, place: Place, /, *, params: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        name = params["fieldSelector"].removeprefix("metadata.name=")
        watched = SECRETS if place.resource == "secrets" else MUTATING_WEBHOOKS
        one = watched.named(name, place.namespace)
        async with self._taking_time("watch", place):
            pass
        entry = (one, asyncio.Queue[WatchEvent | None]())
        self._watchers.append(entry)
        if one.path in self.objects:
            entry[1].put_nowait(WatchEvent("ADDED", self.objects[one.path]))
        try:
            yield self._events(entry[1])
        finally:
            self._watchers.remove(entry)

    async def _events(self, queue: asyncio.Queue[WatchEvent | None]) -> AsyncIterator[WatchEvent]:
        while True:
            event = await queue.get()
            if event is None:
                raise Unreachable("the watch broke", broken=True)
            yield event

    @asynccontextmanager
    async def _taking_time(self, verb: str, place: Place) -> AsyncIterator[None]:
        await asyncio.sleep(self._latency * self._random.random())
        if (error := self.fails(verb, place)) is not None:
            raise error
        try:
            yield
        finally:
            await asyncio.sleep(self._latency * self._random.random())

    def _store(self, place: Place, body: Json) -> None:
        before = self.objects.get(place.path, {"metadata": {}})
        if before.get("webhooks") == body.get("webhooks") and before.get("data") == body.get(
            "data"
        ):
            same = before["metadata"].get("annotations") == body["metadata"].get("annotations")
            if same and place.path in self.objects:
                return  # as an API server: nothing changed, nothing happened
        self._version += 1
        metadata = {
            **body["metadata"],
            "uid": before["metadata"].get("uid", f"uid-{self._version}"),
            "resourceVersion": str(self._version),
        }
        if "webhooks" in body:
            generation = before["metadata"].get("generation", 0)
            changed = before.get("webhooks") != body["webhooks"]
            metadata["generation"] = generation + 1 if changed else generation
        self.objects[place.path] = {**body, "metadata": metadata}
        for told in self.on_write:
            told(place, self.objects[place.path])
        self._tell(place, WatchEvent("MODIFIED", self.objects[place.path]))

    def _tell(self, place: Place, event: WatchEvent) -> None:
        if not self.watching:
            return
        for watched, queue in self._watchers:
            if watched.path == place.path:
                queue.put_nowait(event)
