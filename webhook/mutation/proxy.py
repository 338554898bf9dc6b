"""The proxy: a sidecar that answers for the instance metadata service, and the way to it.

The way is a redirect of the pod's traffic, set by an init container that runs as root with
NET_ADMIN, which the Pod Security Standards `baseline` and `restricted` refuse; or, where nothing is
redirected, a variable that SDKs read. With native sidecars the redirect is set, and the proxy
serves, before any init container of the user's runs. Sources:
https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from identity.faults import Faults
from identity.names import (
    INJECT_PROXY,
    PROXY_CONTAINER,
    PROXY_EXECUTABLE,
    PROXY_INIT_CONTAINER,
)
from identity.pod import PodSettings
from webhook.config.settings import ProxySettings
from webhook.mutation.containers import Injection, equip
from webhook.mutation.outcome import Operation, Reason, Warn
from webhook.mutation.podview import ContainerView, PodView

PROXY_UID: Final = 1501
"""The user whose own traffic the redirect lets through."""

_PROXY_PORT: Final = "PROXY_PORT"


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy that one pod gets."""

    port: int
    redirect: bool
    settings: ProxySettings

    def injection_of(self, container: ContainerView, injection: Injection) -> Injection:
        """Return what one of the pod's own containers gets.

        Without the redirect it is told where the proxy is, but for the proxy itself. An init
        container that runs before a proxy that is no native sidecar would find nobody there.
        """
        early = container.is_init and not self.settings.native_sidecar
        if self.redirect or early or container.name == PROXY_CONTAINER:
            return injection
        return replace(injection, metadata_host=f"http://127.0.0.1:{self.port}")


def proxy_of(
    pod: PodView, wish: PodSettings, settings: ProxySettings, faults: Faults
) -> Proxy | None:
    """Return the proxy that the pod asks for; None if it asks for none or, by a fault, can't."""
    if wish.proxy_port is None:
        return None
    redirect = settings.redirect if wish.proxy_redirect is None else wish.proxy_redirect
    where = f"pod annotation {INJECT_PROXY}"
    if pod.spec.get("hostNetwork"):
        why = "redirect the whole node's traffic" if redirect else "give tokens to the whole node"
        faults.add(where, None, f"not with hostNetwork: the proxy would {why}")
    if not settings.image or (redirect and not settings.init_image):
        images = "PROXY_IMAGE and PROXY_INIT_IMAGE are" if redirect else "PROXY_IMAGE is"
        why = f"the webhook has no proxy to inject; {images} to be set in its Deployment"
        faults.add(where, None, why)
    return Proxy(wish.proxy_port, redirect, settings)


def proxy_operations(
    pod: PodView, proxy: Proxy, injection: Injection, skip: frozenset[str]
) -> list[Operation]:
    """Insert the containers where they are missing.

    The paths are those of the pod after its own containers were changed in place: these operations
    come last.
    """
    there = {container.name for container in pod.all_containers}
    init = []
    if proxy.redirect:
        init = _unless_there(_init_container(proxy), there, injection, skip)
    sidecar = _unless_there(_sidecar(proxy), there, injection, skip)
    if proxy.settings.native_sidecar:
        at = 0
        if not init and sidecar:
            at = _place_after(pod.init_containers, PROXY_INIT_CONTAINER)
        return _insert(pod.spec, "initContainers", [*init, *sidecar], at)
    return [
        *_insert(pod.spec, "initContainers", init, len(pod.init_containers)),
        *_insert(pod.spec, "containers", sidecar, 0),
    ]


def proxy_warnings(pod: PodView, proxy: Proxy) -> list[Warn]:
    """Say which containers of the user's own have a name that the proxy needs."""
    return [
        Warn(
            Reason.CONTAINER_NAME_TAKEN,
            f"container {container.name} is there already and does not look like the proxy",
        )
        for container in pod.all_containers
        if (container.name == PROXY_CONTAINER and not _is_sidecar(container))
        or (
            proxy.redirect
            and container.name == PROXY_INIT_CONTAINER
            and _PROXY_PORT not in container.variables
        )
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


def _init_container(proxy: Proxy) -> dict[str, Any]:
    settings = proxy.settings
    container: dict[str, Any] = {
        "name": PROXY_INIT_CONTAINER,
        "image": settings.init_image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": _PROXY_PORT, "value": str(proxy.port)}],
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


def _sidecar(proxy: Proxy) -> dict[str, Any]:
    settings = proxy.settings
    arguments = [f"--proxy-port={proxy.port}", f"--log-level={settings.log_level}"]
    probe = [PROXY_EXECUTABLE, arguments[0], "--probe", arguments[1]]
    container: dict[str, Any] = {
        "name": PROXY_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "ports": [{"containerPort": proxy.port}],
        "lifecycle": {"postStart": {"exec": {"command": probe}}},
        "securityContext": settings.security_context
        or {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": PROXY_UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if settings.native_sidecar:
        container["restartPolicy"] = "Always"
    if settings.resources:
        container["resources"] = settings.resources
    return container
