"""What a mutation should come to, written down in the plainest way there is.

Nothing here calls the code under test, nor looks like it: the pod is changed in place, names and
values are spelt out again from the design page, and speed is no concern.
"""

import copy
from dataclasses import dataclass

from identity.account import Account
from tests.builders import Json
from webhook.config.settings import CustomTokenEndpoint, MutationConfig, TokenPathMode

RESERVED = "azure-workload-identity-reserved-"
CURRENT = "/var/run/secrets/azure/wi"
LEGACY = "/var/run/secrets/azure/tokens"
CURRENT_FILE = "token/azure-identity-token"
LEGACY_FILE = "azure-identity-token"
OURS = "azure.workload.identity/"


@dataclass
class Wish:
    """What the pod's annotations ask for."""

    seconds: int
    skip: set[str]
    port: int | None
    redirect: bool
    endpoint: CustomTokenEndpoint | None


def meant(pod: Json, namespace: str, account: Account, config: MutationConfig) -> Json | None:
    """The pod that has to come out; none if it has to be refused."""
    pod = copy.deepcopy(pod)
    wish = wish_of(pod, account, config)
    if wish is None:
        return None
    metadata = pod.get("metadata") or {}
    if namespace and not metadata.get("namespace"):
        pod["metadata"] = {**metadata, "namespace": namespace}
    spec = pod["spec"]
    volumes = spec.get("volumes") or []
    ours = [volume["name"] for volume in volumes if volume["name"].startswith(RESERVED)]
    ours = ours or [RESERVED + "token"]
    everybody = (spec.get("initContainers") or []) + (spec.get("containers") or [])
    names = {container["name"] for container in everybody}
    for container in everybody:
        if container["name"] in wish.skip:
            continue
        runs_early = container in (spec.get("initContainers") or [])
        told = config.proxy.native_sidecar or not runs_early
        if wish.port is None or wish.redirect or container["name"] == "azwi-proxy":
            told = False
        equip(container, ours, account, config, wish, told=told)
    add_volume(spec, ours, config, wish)
    if wish.port is not None:
        add_proxy(spec, names, ours, account, config, wish)
    return pod


def wish_of(pod: Json, account: Account, config: MutationConfig) -> Wish | None:
    annotations = (pod.get("metadata") or {}).get("annotations") or {}

    def of(name: str) -> str:
        return str(annotations.get(OURS + name) or "")

    seconds = number(of("service-account-token-expiration") or account.token_expiration or "3600")
    skip = {name.strip() for name in of("skip-containers").split(";")}
    port = None
    redirect = config.proxy.redirect
    if of("proxy-redirect").lower() in ("true", "false"):
        redirect = of("proxy-redirect").lower() == "true"
    if of("inject-proxy-sidecar").lower() == "true":
        port = number(annotations.get(OURS + "proxy-sidecar-port", "8000"))
        if port is None or port < 1 or port > 65535:
            return None
        if pod["spec"].get("hostNetwork"):
            return None
        if config.proxy.image == "" or (redirect and config.proxy.init_image == ""):
            return None
    if seconds is None or seconds < 3600 or seconds > 86400 or account.awaits_identity:
        return None
    endpoint = config.custom_token_endpoint
    if endpoint and (annotations.get(endpoint.annotation) or "").lower() != "true":
        endpoint = None
    return Wish(seconds, skip, port, redirect, endpoint)


def number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits == "" or any(digit not in "0123456789" for digit in digits):
        return None
    return int(text)


def paths_of(config: MutationConfig) -> list[tuple[str, str]]:
    current, legacy = (CURRENT, CURRENT_FILE), (LEGACY, LEGACY_FILE)
    return {
        TokenPathMode.CURRENT: [current],
        TokenPathMode.LEGACY: [legacy],
        TokenPathMode.BOTH: [current, legacy],
    }[config.token_path_mode]


def place(path: str) -> str:
    """`//var/run/./x/` and `var/run/x` are `/var/run/x`."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def equip(
    container: Json,
    ours: list[str],
    account: Account,
    config: MutationConfig,
    wish: Wish,
    *,
    told: bool = False,
) -> None:
    mounts = container.get("volumeMounts") or []
    whole = [
        mount
        for mount in mounts
        if mount["name"] in ours and not mount.get("subPath") and not mount.get("subPathExpr")
    ]
    for mount in whole:
        mount["readOnly"] = True
    taken = [place(mount["mountPath"]) for mount in mounts]
    already = [place(mount["mountPath"]) for mount in whole]
    added = []
    for path, _ in paths_of(config):
        if path not in taken and not [other for other in already if other.startswith(path + "/")]:
            added.append(path)
    if added:
        new = [{"name": ours[0], "mountPath": path, "readOnly": True} for path in added]
        container["volumeMounts"] = mounts + new
    first, file = paths_of(config)[0]
    at = first
    if first not in already + added and already:
        at = already[0]
    variables = container.get("env") or []
    there = [variable["name"] for variable in variables]
    wanted = variables_of(at, file, account, config, wish)
    if told:
        wanted.append(("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{wish.port}"))
    new = [{"name": name, "value": value} for name, value in wanted if value and name not in there]
    if new:
        container["env"] = variables + new


def variables_of(
    at: str, file: str, account: Account, config: MutationConfig, wish: Wish
) -> list[tuple[str, str]]:
    tenant = account.tenant_id
    if tenant is None:
        tenant = config.tenant_id
    variables = [
        ("AZURE_CLIENT_ID", account.client_id or ""),
        ("AZURE_TENANT_ID", tenant),
        ("AZURE_FEDERATED_TOKEN_FILE", at + "/" + file),
        ("AZURE_AUTHORITY_HOST", config.authority_host),
    ]
    if wish.endpoint:
        mounted = wish.endpoint.ca_config_map_name or wish.endpoint.ca_signer_name
        variables.append(("AZURE_KUBERNETES_TOKEN_PROXY", wish.endpoint.token_proxy))
        variables.append(("AZURE_KUBERNETES_SNI_NAME", wish.endpoint.sni_name))
        variables.append(("AZURE_KUBERNETES_CA_FILE", at + "/ca-cert/ca.crt" if mounted else ""))
        variables.append(("AZURE_KUBERNETES_CA_DATA", wish.endpoint.ca_data))
    return variables


def add_volume(spec: Json, ours: list[str], config: MutationConfig, wish: Wish) -> None:
    volumes = spec.get("volumes") or []
    if not [volume for volume in volumes if volume["name"] in ours]:
        spec["volumes"] = [*volumes, volume_named(ours[0], [], config, wish)]
    for index, volume in enumerate(volumes):
        if volume["name"] in ours:
            right = volume_named(volume["name"], files_in(volume), config, wish)
            defaulted = copy.deepcopy(right)
            defaulted["projected"]["defaultMode"] = 420
            if volume not in (right, defaulted):
                volumes[index] = right


def volume_named(name: str, before: list[object], config: MutationConfig, wish: Wish) -> Json:
    files = [file for _, file in paths_of(config)]
    files += [file for file in (CURRENT_FILE, LEGACY_FILE) if file in before and file not in files]
    audience = wish.endpoint.audience if wish.endpoint else config.audience
    sources: list[Json] = []
    for file in files:
        token = {"path": file, "audience": audience, "expirationSeconds": wish.seconds}
        sources.append({"serviceAccountToken": token})
    if wish.endpoint and wish.endpoint.ca_config_map_name:
        items = [{"key": "ca.crt", "path": "ca-cert/ca.crt"}]
        config_map = {"name": wish.endpoint.ca_config_map_name, "optional": False, "items": items}
        sources.append({"configMap": config_map})
    if wish.endpoint and wish.endpoint.ca_signer_name:
        bundle: Json = {"path": "ca-cert/ca.crt", "optional": False}
        bundle["signerName"] = wish.endpoint.ca_signer_name
        if wish.endpoint.ca_label_selector:
            bundle["labelSelector"] = wish.endpoint.ca_label_selector
        sources.append({"clusterTrustBundle": bundle})
    return {"name": name, "projected": {"sources": sources}}


def files_in(volume: Json) -> list[object]:
    """Where an earlier pass has put tokens, as far as the volume can be understood."""
    try:
        tokens = [source.get("serviceAccountToken") for source in volume["projected"]["sources"]]
        return [token["path"] for token in tokens if token is not None]
    except (KeyError, TypeError, AttributeError):
        return []


def add_proxy(  # noqa: PLR0917 - all that it depends on
    spec: Json,
    names: set[str],
    ours: list[str],
    account: Account,
    config: MutationConfig,
    wish: Wish,
) -> None:
    proxy, init = proxy_container(config, wish), proxy_init_container(config, wish)
    for container in (proxy, init):
        if container["name"] not in wish.skip:
            equip(container, ours, account, config, wish)
    inits = spec.get("initContainers") or []
    if not wish.redirect:
        names = {*names, init["name"]}
    if not config.proxy.native_sidecar:
        if init["name"] not in names:
            spec["initContainers"] = [*inits, init]
        if proxy["name"] not in names:
            spec["containers"] = [proxy, *(spec.get("containers") or [])]
        return
    if init["name"] not in names:
        inits = [init, *inits]
    if proxy["name"] not in names:
        before = [container["name"] for container in inits]
        at = before.index(init["name"]) + 1 if init["name"] in before else 0
        inits = [*inits[:at], proxy, *inits[at:]]
    if inits:
        spec["initContainers"] = inits


def proxy_init_container(config: MutationConfig, wish: Wish) -> Json:
    container: Json = {
        "name": "azwi-proxy-init",
        "image": config.proxy.init_image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "PROXY_PORT", "value": str(wish.port)}],
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
        },
    }
    if config.proxy.init_security_context:
        container["securityContext"] = config.proxy.init_security_context
    if config.proxy.init_resources:
        container["resources"] = config.proxy.init_resources
    return container


def proxy_container(config: MutationConfig, wish: Wish) -> Json:
    port, level = f"--proxy-port={wish.port}", f"--log-level={config.proxy.log_level}"
    container: Json = {
        "name": "azwi-proxy",
        "image": config.proxy.image,
        "imagePullPolicy": "IfNotPresent",
        "args": [port, level],
        "ports": [{"containerPort": wish.port}],
        "lifecycle": {"postStart": {"exec": {"command": ["/proxy", port, "--probe", level]}}},
        "securityContext": {
            "runAsUser": 1501,
            "runAsNonRoot": True,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if config.proxy.security_context:
        container["securityContext"] = config.proxy.security_context
    if config.proxy.resources:
        container["resources"] = config.proxy.resources
    if config.proxy.native_sidecar:
        container["restartPolicy"] = "Always"
    return container
