"""Which operations a mutation may yield, whatever the pod."""

import re
from collections.abc import Callable
from typing import Any

from tests.builders import Json

RESERVED = "azure-workload-identity-reserved-"
PROXY_NAMES = {"azwi-proxy", "azwi-proxy-init"}


def containers_of(pod: Json) -> list[Json]:
    return (pod["spec"].get("initContainers") or []) + (pod["spec"].get("containers") or [])


def is_ours(operation: Json, pod: Json) -> bool:
    """Whether an operation only does what a mutation may do, to the pod as it is just then."""
    assert set(operation) == {"op", "path", "value"}
    path, value = operation["path"], operation["value"]
    allowed = [rule for pattern, rule in RULES[operation["op"]] if re.fullmatch(pattern, path)]
    there = at(pod, re.sub(r"/(-|readOnly)$", "", path))
    return len(allowed) == 1 and bool(allowed[0](there, value, pod))


def reserved_volume(there: Any, value: Any, _: Json) -> bool:
    return bool(there["name"] == value["name"] and value["name"].startswith(RESERVED))


def nothing_was_there(there: Any, *_: Any) -> bool:
    return there is None or there in ("", [])


def one_more_of_ours(there: Any, value: Any, _: Json) -> bool:
    return bool(there) and value["name"].startswith((RESERVED, "AZURE_"))


def a_proxy_container(_: Any, value: Any, pod: Json) -> bool:
    names = {container["name"] for container in containers_of(pod)}
    return value["name"] in PROXY_NAMES - names


def proxy_containers(there: Any, value: Any, pod: Json) -> bool:
    return not there and all(a_proxy_container(None, container, pod) for container in value)


def read_only(mount: Any, value: Any, _: Json) -> bool:
    return value is True and mount["name"].startswith(RESERVED)


CONTAINERS = r"/spec/(?:initContainers|containers)"
RULES: dict[str, list[tuple[str, Callable[[Any, Any, Json], bool]]]] = {
    "replace": [(r"/spec/volumes/\d+", reserved_volume)],
    "add": [
        (
            rf"/metadata(/namespace)?|/spec/volumes|{CONTAINERS}/\d+/(env|volumeMounts)",
            nothing_was_there,
        ),
        (rf"/spec/volumes/-|{CONTAINERS}/\d+/(env|volumeMounts)/-", one_more_of_ours),
        (rf"{CONTAINERS}/\d+/volumeMounts/\d+/readOnly", read_only),
        (CONTAINERS, proxy_containers),
        (rf"{CONTAINERS}/\d+", a_proxy_container),
    ],
}
"""Which operations there may be; each looks at what is there, what is put there, and the pod."""


def at(pod: Json, path: str) -> Any:
    """What is at a JSON pointer; none where nothing is."""
    there: Any = pod
    for part in path.split("/")[1:]:
        if isinstance(there, list):
            there = there[int(part)] if int(part) < len(there) else None
        elif there is not None:
            there = there.get(part)
    return there
