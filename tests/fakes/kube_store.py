"""What a fake API server knows: objects, resource versions, pages, and what happened when."""

import base64
import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import jsonpatch

from tests.fakes.kube_wire import Json

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?"
)


class Refused(Exception):  # noqa: N818
    """The answer is a Status object."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status_object(code, reason, message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """What a path means."""

    collection: str
    namespace: str | None
    name: str | None

    @classmethod
    def of(cls, path: str) -> "Target":
        """Read a path; those outside of resources are not found."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        namespace = match["namespace"] and unquote(match["namespace"])
        group, version, resource = match["group"], match["version"], match["resource"]
        collection = collection_of(group, version, resource, namespace)
        return cls(collection, namespace, match["name"] and unquote(match["name"]))

    @property
    def path(self) -> str:
        """The object's key."""
        return f"{self.collection}/{self.name}"

    def holds(self, collection: str) -> bool:
        """Tell whether that collection is this one, or a namespace's part of it."""
        if self.collection == collection:
            return True
        root, _, resource = self.collection.rpartition("/")
        part = rf"{re.escape(root)}/namespaces/[^/]+/{re.escape(resource)}"
        return self.namespace is None and re.fullmatch(part, collection) is not None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, or that a test sends."""

    version: int
    collection: str
    kind: str
    object: Json


class Store:
    """The objects by path, and their history; `tell` hears of each event."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._objects: dict[str, Json] = {}
        self._snapshots: dict[int, list[Json]] = {}
        self._events: list[Event] = []
        self._oldest = 0
        self.version = 100

    def stored(self, path: str) -> Json | None:
        """Return a copy of the object at a path."""
        return copy.deepcopy(self._objects.get(path))

    def get(self, target: Target) -> Json:
        """Return the object itself, or refuse with a 404."""
        if target.path not in self._objects:
            resource = target.collection.rpartition("/")[2]
            raise Refused(404, "NotFound", f'{resource} "{target.name}" not found')
        return self._objects[target.path]

    def compact(self) -> None:
        """Forget the past: older resource versions and all continue tokens are Gone."""
        self._oldest = self.version
        self._snapshots.clear()

    def rewind(self, version: int) -> None:
        """Go back to a lower resource version, as after a restored backup."""
        self.version = version
        self._oldest = 0
        self._events.clear()
        self._snapshots.clear()

    def store(self, collection: str, found: Json) -> Json:
        """Write an object, whatever was there."""
        path = f"{collection}/{found['metadata']['name']}"
        self.version += 1
        stored = copy.deepcopy(found)
        before = self._objects.get(path)
        stored["metadata"]["resourceVersion"] = str(self.version)
        uid = before["metadata"]["uid"] if before else f"uid-{self.version}"
        stored["metadata"]["uid"] = uid
        self._objects[path] = stored
        self._happened("MODIFIED" if before else "ADDED", collection, stored)
        return copy.deepcopy(stored)

    def create(self, target: Target, body: Json) -> Json:
        """Write a new object into a collection."""
        metadata = body.setdefault("metadata", {})
        if target.namespace is not None:
            metadata.setdefault("namespace", target.namespace)
        if f"{target.collection}/{metadata['name']}" in self._objects:
            raise Refused(409, "AlreadyExists", f'"{metadata["name"]}" already exists')
        return self.store(target.collection, body)

    def replace(self, target: Target, body: Json) -> Json:
        """Write an object over the version that the body names, if it names one."""
        found = self.get(target)["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion", found) != found:
            raise Refused(409, "Conflict", f'"{target.name}": the object has been modified')
        return self.store(target.collection, body)

    def patch(self, target: Target, patch: Any, *, merge: bool) -> Json:
        """Apply a merge patch or a JSON patch."""
        found = copy.deepcopy(self.get(target))
        if merge:
            return self.replace(target, _merged(found, patch))
        try:
            return self.replace(target, jsonpatch.apply_patch(found, patch))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise Refused(422, "Invalid", f"the patch can't be applied: {error}") from error

    def delete(self, target: Target) -> Json:
        """Delete an object; returns its last state."""
        gone = self.get(target)
        self.version += 1
        del self._objects[target.path]
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._happened("DELETED", target.collection, gone)
        return gone

    def page(self, target: Target, limit: int, token: str) -> tuple[Json, list[Json]]:
        """Return a page's metadata and its objects; all pages are of one moment."""
        if token:
            version, start = map(int, base64.b64decode(token).split(b":"))
            if version not in self._snapshots:
                raise Refused(410, "Expired", "The provided continue parameter is too old")
        else:
            version, start = self.version, 0
            self._snapshots[version] = [
                found
                for path, found in sorted(self._objects.items())
                if target.holds(path.rpartition("/")[0])
            ]
        found = self._snapshots[version]
        metadata: Json = {"resourceVersion": str(version)}
        if start + limit < len(found):
            following = f"{version}:{start + limit}".encode()
            metadata["continue"] = base64.b64encode(following).decode()
            metadata["remainingItemCount"] = len(found) - start - limit
        return metadata, found[start : start + limit]

    def since(self, version: int) -> list[Event]:
        """Return what happened after a version, or refuse with a 410."""
        if version < self._oldest:
            message = f"too old resource version: {version} ({self._oldest})"
            raise Refused(410, "Expired", message)
        return [event for event in self._events if event.version > version]

    def _happened(self, kind: str, collection: str, found: Json) -> None:
        event = Event(self.version, collection, kind, copy.deepcopy(found))
        self._events.append(event)
        self._tell(event)


def collection_of(group: str | None, version: str, resource: str, namespace: str | None) -> str:
    """Return a collection's path."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{resource}"


def status_object(code: int, reason: str, message: str) -> Json:
    """Return a Status object as an API server sends it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def _merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
