"""The proxy: a sidecar that answers for the instance metadata endpoint, and its redirect.

With native sidecars the redirect is set, and the proxy serves, before any init container of the
user's runs. Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
"""

from collections.abc import Iterable
from typing import Any, Final

from identity.names import PROXY_CONTAINER, PROXY_EXECUTABLE, PROXY_INIT_CONTAINER
from webhook.config.settings import ProxySettings
from webhook.mutation.containers import Injection, equip
from webhook.mutation.outcome import Operation, Reason, Warn
from webhook.mutation.podview import ContainerView, PodView

PROXY_UID: Final = 1501
"""The user whose own traffic the redirect lets through."""

_PROXY_PORT: Final = "PROXY_PORT"


def proxy_operations(
    pod: PodView, port: int, settings: ProxySettings, injection: Injection, skip: frozenset[str]
) -> list[Operation]:
    """Insert the two containers where they are missing.

    The paths are those of the pod after its own containers were changed in place: these operations
    come last.
    """
    there = {container.name for container in pod.all_containers}
    init = _unless_there(_init_container(port, settings), there, injection, skip)
    proxy = _unless_there(_sidecar(port, settings), there, injection, skip)
    if settings.native_sidecar:
        at = 0
        if not init and proxy:
            at = _place_after(pod.init_containers, PROXY_INIT_CONTAINER)
        return _insert(pod.spec, "initContainers", [*init, *proxy], at)
    return [
        *_insert(pod.spec, "initContainers", init, len(pod.init_containers)),
        *_insert(pod.spec, "containers", proxy, 0),
    ]


def proxy_warnings(pod: PodView) -> list[Warn]:
    """Say which containers of the user's own have a name that the proxy needs."""
    return [
        Warn(
            Reason.CONTAINER_NAME_TAKEN,
            f"container {container.name} is there already and does not look like the proxy",
        )
        for container in pod.all_containers
        if (container.name == PROXY_CONTAINER and not _is_sidecar(container))
        or (container.name == PROXY_INIT_CONTAINER and _PROXY_PORT not in container.variables)
    ]


def _is_sidecar(container: ContainerView) -> bool:
    args = container.raw.get("args")
    return isinstance(args, list) and any(
        isinstance(arg, str) and arg.startswith("--proxy-port=") for arg in args
    )


def _unless_there(
    container: dict[str, Any], there: Iterable[str], injection: Injection, skip: frozenset[str]
) -> list[dict[str, Any]]:
    if container["name"] in there:
        return []
    return [container if container["name"] in skip else equip(container, injection)]


def _place_after(containers: list[ContainerView], name: str) -> int:
    for index, container in enumerate(containers):
        if container.name == name:
            return index + 1
    return 0


def _insert(
    spec: dict[str, Any], key: str, containers: list[dict[str, Any]], at: int
) -> list[Operation]:
    if not containers:
        return []
    if not spec.get(key):
        return [{"op": "add", "path": f"/spec/{key}", "value": containers}]
    return [
        {"op": "add", "path": f"/spec/{key}/{at + offset}", "value": container}
        for offset, container in enumerate(containers)
    ]


def _init_container(port: int, settings: ProxySettings) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": PROXY_INIT_CONTAINER,
        "image": settings.init_image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": _PROXY_PORT, "value": str(port)}],
        "securityContext": settings.init_security_context
        or {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "privileged": False,
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
    }
    if settings.init_resources:
        container["resources"] = settings.init_resources
    return container


def _sidecar(port: int, settings: ProxySettings) -> dict[str, Any]:
    arguments = [f"--proxy-port={port}", f"--log-level={settings.log_level}"]
    probe = [PROXY_EXECUTABLE, arguments[0], "--probe", arguments[1]]
    container: dict[str, Any] = {
        "name": PROXY_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "ports": [{"containerPort": port}],
        "lifecycle": {"postStart": {"exec": {"command": probe}}},
        "securityContext": settings.security_context
        or {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": PROXY_UID,
        },
    }
    if settings.native_sidecar:
        container["restartPolicy"] = "Always"
    if settings.resources:
        container["resources"] = settings.resources
    return container
