"""What a container gets: the token's mount, and the variables that SDKs read."""

from dataclasses import dataclass
from posixpath import normpath
from typing import Any, Final

from identity.names import (
    AZURE_AUTHORITY_HOST,
    AZURE_CLIENT_ID,
    AZURE_FEDERATED_TOKEN_FILE,
    AZURE_KUBERNETES_CA_DATA,
    AZURE_KUBERNETES_CA_FILE,
    AZURE_KUBERNETES_SNI_NAME,
    AZURE_KUBERNETES_TOKEN_PROXY,
    AZURE_POD_IDENTITY_AUTHORITY_HOST,
    AZURE_TENANT_ID,
    CA_PATH,
    LEGACY_MOUNT_PATH,
    LEGACY_TOKEN_PATH,
    MOUNT_PATH,
    TOKEN_PATH,
    VOLUME_NAME,
)
from webhook.config.settings import CustomTokenEndpoint, TokenPathMode
from webhook.mutation.outcome import Operation
from webhook.mutation.podview import ContainerView

_MOUNT_PATHS: Final = {
    TokenPathMode.CURRENT: (MOUNT_PATH,),
    TokenPathMode.LEGACY: (LEGACY_MOUNT_PATH,),
    TokenPathMode.BOTH: (MOUNT_PATH, LEGACY_MOUNT_PATH),
}


@dataclass(frozen=True, slots=True)
class Injection:
    """What every container of one pod gets."""

    client_id: str
    tenant_id: str
    authority_host: str
    token_path_mode: TokenPathMode
    endpoint: CustomTokenEndpoint | None
    """None: tokens come from Entra ID itself."""
    volumes: tuple[str, ...] = (VOLUME_NAME,)
    """Names of our volumes; the first is the one to mount."""
    metadata_host: str = ""
    """Base URL of what answers for the instance metadata service; empty: SDKs know it."""

    def variables(self, mount_path: str) -> list[tuple[str, str]]:
        """Names and values, in the order of the contract; empty values are not injected."""
        token_path = (
            LEGACY_TOKEN_PATH if self.token_path_mode is TokenPathMode.LEGACY else TOKEN_PATH
        )
        variables = [
            (AZURE_CLIENT_ID, self.client_id),
            (AZURE_TENANT_ID, self.tenant_id),
            (AZURE_FEDERATED_TOKEN_FILE, f"{mount_path}/{token_path}"),
            (AZURE_AUTHORITY_HOST, self.authority_host),
        ]
        if (endpoint := self.endpoint) is not None:
            ca_file = f"{mount_path}/{CA_PATH}" if endpoint.mounts_ca else ""
            variables += [
                (AZURE_KUBERNETES_TOKEN_PROXY, endpoint.token_proxy),
                (AZURE_KUBERNETES_SNI_NAME, endpoint.sni_name),
                (AZURE_KUBERNETES_CA_FILE, ca_file),
                (AZURE_KUBERNETES_CA_DATA, endpoint.ca_data),
            ]
        variables.append((AZURE_POD_IDENTITY_AUTHORITY_HOST, self.metadata_host))
        return variables


@dataclass(frozen=True, slots=True)
class MountPlan:
    """Which mounts a container lacks, and where its token is in the end."""

    add: list[str]
    """Paths to mount our volume at."""
    make_read_only: list[int]
    """Mounts of our volume that can be written through."""
    taken: list[str]
    """Paths at which somebody else's volume is mounted; it stays."""
    token_mount: str


def container_operations(
    container: ContainerView, injection: Injection
) -> tuple[list[Operation], MountPlan]:
    """Write what a container lacks; variables and mounts of its own stay as they are."""
    plan = plan_mounts(container, injection)
    missing = [
        {"name": name, "value": value}
        for name, value in injection.variables(plan.token_mount)
        if value and name not in container.variables
    ]
    operations = _append(container, "env", missing)
    mounts = [_mount(injection.volumes[0], path) for path in plan.add]
    operations += _append(container, "volumeMounts", mounts)
    operations += [
        {"op": "add", "path": f"{container.path}/volumeMounts/{index}/readOnly", "value": True}
        for index in plan.make_read_only
    ]
    return operations, plan


def equip(container: dict[str, Any], injection: Injection) -> dict[str, Any]:
    """Return a new container of our own, the proxy say, with what every container gets."""
    paths = _MOUNT_PATHS[injection.token_path_mode]
    variables = [
        {"name": name, "value": value} for name, value in injection.variables(paths[0]) if value
    ]
    return {
        **container,
        "env": [*container.get("env", ()), *variables],
        "volumeMounts": [_mount(injection.volumes[0], path) for path in paths],
    }


def plan_mounts(container: ContainerView, injection: Injection) -> MountPlan:
    """Decide on a container's mounts.

    An earlier pass may have mounted the volume below one of our paths (later versions of the
    original do). The token is read there then: a mount inside a read-only one would keep the
    container from starting.
    """
    wanted = _MOUNT_PATHS[injection.token_path_mode]
    if not container.mounts:
        return MountPlan(list(wanted), [], [], wanted[0])
    ours: list[str] = []
    foreign = set()
    make_read_only = []
    for index, mount in enumerate(container.mounts):
        path = _absolute(mount["mountPath"])
        if mount["name"] not in injection.volumes or _is_partial(mount):
            foreign.add(path)
            continue
        ours.append(path)
        if mount.get("readOnly") is not True:
            make_read_only.append(index)
    add = [
        path
        for path in wanted
        if path not in foreign
        and path not in ours
        and not any(other.startswith(f"{path}/") for other in ours)
    ]
    return MountPlan(
        add=add,
        make_read_only=make_read_only,
        taken=[path for path in wanted if path in foreign],
        token_mount=wanted[0] if wanted[0] in (*add, *ours) else (*ours, wanted[0])[0],
    )


def _absolute(path: str) -> str:
    """Return the one spelling of a mount's path; a relative one starts at the root."""
    return normpath("/" + path.lstrip("/"))


def _is_partial(mount: dict[str, Any]) -> bool:
    return bool(mount.get("subPath") or mount.get("subPathExpr"))


def _mount(volume: str, path: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, "readOnly": True}


def _append(container: ContainerView, key: str, items: list[dict[str, Any]]) -> list[Operation]:
    if not items:
        return []
    if container.raw.get(key):
        path = f"{container.path}/{key}/-"
        return [{"op": "add", "path": path, "value": item} for item in items]
    return [{"op": "add", "path": f"{container.path}/{key}", "value": items}]
