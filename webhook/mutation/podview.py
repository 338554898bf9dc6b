"""Reading the raw pod: what a mutation looks at, and whether it has the types of a pod at all.

The API server sends pods that it has decoded, so a wrong type means that somebody else called.
It is refused by name of the field; nothing is guessed.
"""

from dataclasses import dataclass
from typing import Any, Final

from identity.faults import Faults
from identity.names import VOLUME_PREFIX

Json = dict[str, Any]

MOST_CONTAINERS: Final = 3000
"""Of each kind. Each gets half a kilobyte, and etcd takes no object of more than 1.5 MiB; a request
of 3 MiB, which the API server takes, has room for 240,000, and they for 170 MiB of operations."""
MOST_RESERVED: Final = 64
"""Volumes of our prefix; a webhook's pass leaves one at the most."""


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container or init container, and where it stands in the pod that we were sent."""

    path: str
    """JSON pointer, such as `/spec/containers/0`."""
    raw: Json
    name: str
    variables: frozenset[str]
    """Names of the variables that are there, whatever their value."""
    mounts: list[Json]
    is_init: bool


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod's parts, of the right types; null and missing are the same, as in Go."""

    raw: Json
    metadata: Json
    spec: Json
    annotations: dict[str, str]
    containers: list[ContainerView]
    init_containers: list[ContainerView]
    volumes: list[Json]
    reserved_volumes: dict[str, int]
    """Volumes of our prefix, by name, with their place in the list."""

    @property
    def all_containers(self) -> list[ContainerView]:
        """Init containers first, as they run."""
        return self.init_containers + self.containers


def view(pod: Json, faults: Faults) -> PodView | None:
    """Read a pod; None, and the reason among `faults`, when it does not have a pod's types."""
    metadata = _member(pod, "metadata", dict, "metadata", faults)
    spec = _member(pod, "spec", dict, "spec", faults)
    if pod.get("spec") is None:
        faults.add("spec", None, "expected an object, found none")
    _member(metadata, "namespace", str, "metadata.namespace", faults)
    _member(spec, "serviceAccountName", str, "spec.serviceAccountName", faults)
    _member(spec, "hostNetwork", bool, "spec.hostNetwork", faults)
    annotations = _annotations(metadata, faults)
    containers = _containers(spec, "containers", faults)
    init_containers = _containers(spec, "initContainers", faults)
    volumes = _named_objects(spec, "volumes", "spec", faults)
    reserved = {
        volume["name"]: index
        for index, volume in enumerate(volumes)
        if volume["name"].startswith(VOLUME_PREFIX)
    }
    if len(reserved) > MOST_RESERVED:
        expected = f"expected at most {MOST_RESERVED} named {VOLUME_PREFIX}*"
        faults.add("spec.volumes", None, f"{expected}, found {len(reserved)}")
    if faults:
        return None
    return PodView(
        raw=pod,
        metadata=metadata,
        spec=spec,
        annotations=annotations,
        containers=containers,
        init_containers=init_containers,
        volumes=volumes,
        reserved_volumes=reserved,
    )


def _member(parent: Json, key: str, kind: type, where: str, faults: Faults) -> Any:
    value = parent.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        faults.add(where, None, f"expected {_NAMES[kind]}, found {_name_of(value)}")
        return kind()
    return value


def _annotations(metadata: Json, faults: Faults) -> dict[str, str]:
    annotations: dict[str, str] = _member(
        metadata, "annotations", dict, "metadata.annotations", faults
    )
    if not all(type(value) is str for value in annotations.values()):
        faults.add("metadata.annotations", None, "expected strings as values")
    return annotations


def _containers(spec: Json, key: str, faults: Faults) -> list[ContainerView]:
    found = _named_objects(spec, key, "spec", faults)
    if len(found) > MOST_CONTAINERS:
        faults.add(f"spec.{key}", None, f"expected at most {MOST_CONTAINERS}, found {len(found)}")
        return []
    views = []
    for index, raw in enumerate(found):
        where = f"spec.{key}[{index}]"
        env = _named_objects(raw, "env", where, faults)
        mounts = _named_objects(raw, "volumeMounts", where, faults)
        if not all(type(mount.get("mountPath")) is str for mount in mounts):
            faults.add(f"{where}.volumeMounts", None, "expected a mountPath, a string, in each")
            mounts = []
        views.append(
            ContainerView(
                path=f"/spec/{key}/{index}",
                raw=raw,
                name=raw["name"],
                variables=frozenset([variable["name"] for variable in env]),
                mounts=mounts,
                is_init=key == "initContainers",
            )
        )
    return views


def _named_objects(parent: Json, key: str, path: str, faults: Faults) -> list[Json]:
    where = f"{path}.{key}"
    items: list[Json] = _member(parent, key, list, where, faults)
    for item in items:
        if type(item) is not dict or type(item.get("name")) is not str:
            faults.add(where, None, "expected objects with a name, a string")
            return []
    return items


_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}


def _name_of(value: object) -> str:
    return _NAMES.get(type(value), "a number")
