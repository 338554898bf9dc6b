"""What the cluster has to say where a test fails: pods, warnings, the last lines of our own."""

from collections.abc import Iterator
from typing import Any, Final

from tests.chart.helm import NAMESPACE
from tests.cluster.api import Api, Json
from tests.e2e.entra import EMULATOR
from tests.e2e.workloads import SHOP

_NAMESPACES: Final = (NAMESPACE, EMULATOR, SHOP)
_LINES: Final = 12
_EVENTS: Final = 15


def diagnosis(api: Api) -> str:
    """Tell it; never raises for what can't be had."""
    return "\n".join(_lines(api))


def _lines(api: Api) -> Iterator[str]:
    for namespace in _NAMESPACES:
        root = f"/api/v1/namespaces/{namespace}"
        pods = _items(api, f"{root}/pods")
        for pod in pods:
            yield f"{namespace}/{pod['metadata']['name']}: {_state(pod)}"
        events = [each for each in _items(api, f"{root}/events") if each["type"] == "Warning"]
        for event in events[-_EVENTS:]:
            about = event["involvedObject"]
            yield f"  {about['kind']} {about['name']}: {event['reason']}: {event['message']}"
        for pod in pods if namespace != SHOP else ():
            yield from _log(api, f"{root}/pods/{pod['metadata']['name']}")


def _items(api: Api, path: str) -> list[Json]:
    answer = api.http.get(path)
    found: list[Json] = answer.json()["items"] if answer.is_success else []
    return found


def _state(pod: Json) -> str:
    statuses: list[Json] = pod["status"].get("containerStatuses", [])
    ready = sum(each["ready"] for each in statuses)
    restarts = sum(each["restartCount"] for each in statuses)
    waiting: list[Any] = [
        state["waiting"].get("reason") for each in statuses if "waiting" in (state := each["state"])
    ]
    ending = ", ending" if "deletionTimestamp" in pod["metadata"] else ""
    told = f"{pod['status']['phase']}, {ready} of {len(statuses)} ready, {restarts} restarts"
    return told + ending + "".join(f", {reason}" for reason in waiting)


def _log(api: Api, path: str) -> Iterator[str]:
    answer = api.http.get(f"{path}/log", params={"tailLines": _LINES})
    if answer.is_success:
        yield f"  the last lines of {path.rpartition('/')[2]}:"
        yield from (f"    {line}" for line in answer.text.splitlines())
