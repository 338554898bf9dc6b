"""Kubernetes objects: read from examples/, applied, waited for."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.cluster.api import Api, Json, Refused
from tests.e2e.settings import skip_or_fail

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
_MANAGER: Final = "azwi-e2e"
_CLUSTERS: Final = frozenset(
    {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
)


def example(name: str, spelt: Mapping[str, str]) -> list[Json]:
    """Read a file of examples/, with other words in the place of some."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for word, other in spelt.items():
        text = text.replace(word, other)
    return list(yaml.safe_load_all(text))


def path_of(found: Json) -> str:
    """Return where the API server has an object."""
    version, kind = found["apiVersion"], found["kind"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = "" if kind in _CLUSTERS else f"/namespaces/{found['metadata']['namespace']}"
    return f"{root}{place}/{kind.lower()}s/{found['metadata']['name']}"


def apply(api: Api, found: Json) -> Json:
    """Apply as `kubectl apply --server-side` does."""
    answer = api.http.patch(
        path_of(found),
        json=found,
        params={"fieldManager": _MANAGER, "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    if not answer.is_success:
        raise Refused(answer)
    stored: Json = answer.json()
    return stored


@contextmanager
def applied(api: Api, objects: Iterable[Json]) -> Iterator[None]:
    """Have objects for as long as the block runs; returns when they are gone."""
    made: list[str] = []
    try:
        for each in objects:
            if each["kind"] == "Namespace":
                _make_namespace(api, each)
            else:
                apply(api, each)
            made.append(path_of(each))
        yield
    finally:
        for path in reversed(made):
            remove(api, path)
        for path in made:
            until_gone(api, path)


def _make_namespace(api: Api, namespace: Json) -> None:
    """Make it; one that is there already is somebody's, and would go with all that is in it."""
    try:
        api.post("/api/v1/namespaces", namespace)
    except Refused as refused:
        if refused.code != httpx.codes.CONFLICT:
            raise
        skip_or_fail(
            f"the cluster has a namespace {namespace['metadata']['name']} already, which the tests"
            " would make and delete: use another cluster, or delete it if a run left it"
        )


def remove(api: Api, path: str) -> None:
    """Delete with all that belongs to it; what isn't there is no fault."""
    answer = api.http.delete(path, params={"propagationPolicy": "Background"})
    if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
        raise Refused(answer)


def until_gone(api: Api, path: str, *, seconds: float = 120) -> None:
    """Wait until there is no such object."""

    def gone() -> bool:
        return api.http.get(path).status_code == httpx.codes.NOT_FOUND

    until(gone, f"{path} is gone", seconds=seconds)


def until(
    true: Callable[[], object], what: str, *, seconds: float = 120, every: float = 0.3
) -> None:
    """Ask again and again; the last `Refused` is told where it never comes true."""
    end = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            if true():
                return
            last = None
        except (Refused, httpx.TransportError) as error:
            last = error
        time.sleep(every)
    raise AssertionError(f"in {seconds:.0f} s it did not come true that {what}") from last


def config_map(namespace: str, name: str, **data: str) -> Json:
    """Write a ConfigMap; `ca_crt` is the key `ca.crt`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": name},
        "data": {key.replace("_", "."): value for key, value in data.items()},
    }


def a_namespace(name: str, **labels: str) -> Json:
    """Write a namespace whose pods must be restricted."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", **labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def is_ready(found: Json) -> bool:
    """Tell whether a pod, or a Deployment, StatefulSet, DaemonSet is as its spec wants it."""
    status, spec = found.get("status", {}), found["spec"]
    match found.get("kind"):
        case "Pod":
            return _condition(status, "Ready")
        case "Job":
            return _condition(status, "Complete")
        case "DaemonSet":
            wanted = status.get("desiredNumberScheduled", 0)
            numbers = ["updatedNumberScheduled", "numberAvailable"]
        case _:
            wanted = spec["replicas"]
            numbers = ["replicas", "updatedReplicas", "availableReplicas"]
    seen = status.get("observedGeneration") == found["metadata"]["generation"]
    # wanted may be 0 for a scaled down Deployment only: a DaemonSet has not counted yet
    counted = bool(wanted) or found["kind"] != "DaemonSet"
    return seen and counted and all(status.get(number, 0) == wanted for number in numbers)


def until_ready(api: Api, found: Json, *, seconds: int = 120) -> Json:
    """Watch one object until it is as its spec wants it; returns it."""
    collection, _, name = path_of(found).rpartition("/")
    return api.events_until(
        collection, is_ready, fieldSelector=f"metadata.name={name}", seconds=seconds
    )


def _condition(status: Json, kind: str) -> bool:
    conditions: list[Any] = status.get("conditions", [])
    return any((each["type"], each["status"]) == (kind, "True") for each in conditions)
