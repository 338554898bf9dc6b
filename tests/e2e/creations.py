"""Pods keep being created while something else happens: who fails is counted, with why."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.cluster.api import Api, Json
from tests.e2e.objects import until

PERIOD: Final = 0.2
"""Seconds between two creations."""
_VARIABLE: Final = "AZURE_FEDERATED_TOKEN_FILE"


@dataclass(slots=True)
class Creations:
    """What became of them so far."""

    namespace: str
    made: int = 0
    """Pods that were created, and mutated."""
    failures: list[str] = field(default_factory=list)
    """A line each: when it began, in seconds since the first, and why."""

    def none_failed(self) -> bool:
        """Tell whether all went well; it says what did not where it is asserted."""
        assert not self.failures, f"{len(self.failures)} of {self.made}: {self.failures[:5]}"
        return self.made > 0


@contextmanager
def creations(api: Api, namespace: str, account: str = "default") -> Iterator[Creations]:
    """Create labelled pods for as long as the block runs, five a second.

    Every second one is stored, and deleted at once; the others are dry runs. A scheduling gate
    keeps them from nodes: what is to be seen is who creates them.
    """
    found = Creations(namespace)
    ended = threading.Event()
    thread = threading.Thread(
        target=_go_on, args=(api, found, account, ended), name="creations", daemon=True
    )
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join(timeout=60)


def until_created(api: Api, namespace: str) -> None:
    """Wait until a pod is created: nodes learn of a Service's first pods a moment late."""
    pod = a_pod("first")
    until(lambda: is_mutated(api.create_pod(namespace, pod, dryRun="All")[0]), "a pod is created")


def a_pod(name: str, account: str = "default", **spec: Any) -> Json:
    """Write a labelled pod that is restricted, and that no node gets."""
    container = {
        "name": "app",
        "image": "registry.example/none:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "metadata": {"name": name, "labels": {"azure.workload.identity/use": "true"}},
        "spec": {
            "serviceAccountName": account,
            "schedulingGates": [{"name": "e2e.azure.workload.identity/never"}],
            "securityContext": security,
            "containers": [container],
            **spec,
        },
    }


def is_mutated(pod: Json) -> bool:
    """Tell whether the webhook has been at it."""
    variables = {each["name"] for each in pod["spec"]["containers"][0].get("env", [])}
    return _VARIABLE in variables


def _go_on(api: Api, found: Creations, account: str, ended: threading.Event) -> None:
    start = time.monotonic()
    number = 0
    while not ended.wait(max(0.0, start + number * PERIOD - time.monotonic())):
        began = time.monotonic() - start
        try:
            _create(api, found.namespace, a_pod(f"creation-{number}", account), number)
            found.made += 1
        except (AssertionError, httpx.HTTPError) as error:
            found.failures.append(f"{began:.1f} s: {type(error).__name__} {error}")
        number = max(number + 1, int(began / PERIOD))


def _create(api: Api, namespace: str, pod: Json, number: int) -> None:
    dry = {"dryRun": "All"} if number % 2 else {}
    stored, _ = api.create_pod(namespace, pod, **dry)
    if not dry:
        api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}")
    assert is_mutated(stored), "created, and not mutated"
