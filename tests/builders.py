"""Pods, ServiceAccounts and configurations for tests: valid, small, as odd as asked for."""

from typing import Any

from identity.account import Account, account_from
from identity.clouds import PUBLIC
from identity.names import PREFIX, USE
from webhook.config.settings import (
    CustomTokenEndpoint,
    MutationConfig,
    ProxySettings,
    TokenPathMode,
)

Json = dict[str, Any]

CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
"""The tenant of the cluster's configuration."""
NAMESPACE = "demo"
ACCOUNT_NAME = "workload-sa"
ENDPOINT_ANNOTATION = PREFIX + "use-identity-binding"


def ours(annotations: dict[str, str]) -> dict[str, str]:
    """Spell our prefix out: `client-id` is `azure.workload.identity/client-id`."""
    return {PREFIX + key: value for key, value in annotations.items()}


def an_account(annotations: dict[str, str] | None = None, /, **more: str) -> Account:
    """A ServiceAccount with a client id, unless given annotations (short keys) say otherwise.

    `an_account({})` has none at all; `an_account(tenant_id="...")` adds to the usual one.
    """
    given = {"client-id": CLIENT} if annotations is None else annotations
    added = {key.replace("_", "-"): value for key, value in more.items()}
    return account_from(NAMESPACE, ACCOUNT_NAME, "41", ours({**given, **added}))


def a_container(name: str = "app", **fields: Any) -> Json:
    return {"name": name, "image": f"registry.example/{name}:1", **fields}


def a_pod(
    *containers: Json | str,
    init: list[Json | str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Json:
    """A labelled pod; containers by name or in full, annotations of ours by their short keys."""
    metadata: Json = {"name": "web", "namespace": NAMESPACE, "labels": {USE: "true"}}
    if annotations is not None:
        metadata["annotations"] = ours(annotations)
    pod_spec: Json = {"serviceAccountName": ACCOUNT_NAME}
    if init is not None:
        pod_spec["initContainers"] = [_full(container) for container in init]
    pod_spec["containers"] = [_full(container) for container in containers or ("app",)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**pod_spec, **spec},
    }


def a_proxy(**settings: Any) -> ProxySettings:
    return ProxySettings(
        **{
            "image": "registry.example/azwi-proxy:1",
            "init_image": "registry.example/azwi-proxy-init:1",
            **settings,
        }
    )


def a_config(
    *,
    tenant_id: str = TENANT,
    authority_host: str = PUBLIC.authority_host,
    mode: TokenPathMode = TokenPathMode.CURRENT,
    endpoint: CustomTokenEndpoint | None = None,
    proxy: ProxySettings | None = None,
    **more: Any,
) -> MutationConfig:
    return MutationConfig(
        tenant_id=tenant_id,
        authority_host=authority_host,
        proxy=proxy or a_proxy(),
        token_path_mode=mode,
        custom_token_endpoint=endpoint,
        **more,
    )


def an_endpoint(**settings: Any) -> CustomTokenEndpoint:
    return CustomTokenEndpoint(
        **{
            "annotation": ENDPOINT_ANNOTATION,
            "audience": "api://AKSIdentityBinding",
            "token_proxy": "https://tokens.example",
            **settings,
        }
    )


def _full(container: Json | str) -> Json:
    return a_container(container) if isinstance(container, str) else container
