"""The decision: what a pod gets, or why it is refused."""

from typing import Any, Final

from identity.account import Account
from identity.faults import Faults
from identity.names import IDENTITY_RESOURCE_ID, VOLUME_NAME
from identity.pod import PodSettings, pod_settings
from webhook.config.settings import MutationConfig
from webhook.mutation.advice import account_advice, path_taken, pod_advice
from webhook.mutation.containers import Injection, container_operations
from webhook.mutation.outcome import Injected, Operation, Refused, Warn
from webhook.mutation.podview import PodView, view
from webhook.mutation.proxy import Proxy, proxy_of, proxy_operations, proxy_warnings
from webhook.mutation.volume import volume_operations

_MOST_WARNINGS: Final = 16


def account_name(pod: dict[str, Any]) -> str:
    """Return the name of the ServiceAccount that a pod runs as; `default` if it names none.

    The deprecated `serviceAccount` alone does not count. What is no string reads as none: the
    mutation refuses such a pod.
    """
    spec = pod.get("spec")
    name = spec.get("serviceAccountName") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and name else "default"


def mutate(
    pod: dict[str, Any], namespace: str, account: Account, config: MutationConfig
) -> Injected | Refused:
    """Decide what a pod gets; the pod is not changed.

    `pod` is as the API server sent it, `namespace` the request's. The operations are for the raw
    pod: nothing in it that this code does not know is touched, and applied once, they leave
    nothing to do for a second pass.
    """
    faults = Faults()
    seen = view(pod, faults)
    if seen is None:
        return Refused(list(faults))
    endpoint = config.custom_token_endpoint
    endpoint_annotation = endpoint.annotation if endpoint else None
    settings = pod_settings(seen.annotations, account, endpoint_annotation, faults)
    _check_account(account, faults)
    proxy = proxy_of(seen, settings, config.proxy, faults)
    if faults:
        return Refused(list(faults))
    injection = Injection(
        client_id=account.client_id or "",
        tenant_id=config.tenant_id if account.tenant_id is None else account.tenant_id,
        authority_host=config.authority_host,
        token_path_mode=config.token_path_mode,
        endpoint=endpoint if settings.custom_token_endpoint else None,
        volumes=tuple(seen.reserved_volumes) or (VOLUME_NAME,),
    )
    warnings = account_advice(account, seen, settings)
    warnings += pod_advice(seen, settings, endpoint_annotation)
    operations, taken, changed = _containers(seen, settings.skip_containers, proxy, injection)
    operations = _namespace_operations(seen, namespace) + operations
    warnings += taken
    operations += volume_operations(seen, settings, config)
    if proxy is not None:
        warnings += proxy_warnings(seen, proxy)
        added = proxy_operations(seen, proxy, injection, settings.skip_containers)
        changed += _names(added)
        operations += added
    return Injected(operations, warnings[:_MOST_WARNINGS], _audit(account, changed, settings))


def _check_account(account: Account, faults: Faults) -> None:
    if account.awaits_identity:
        faults.add(
            f"ServiceAccount {account.name}",
            None,
            f"the controller has not found the identity of annotation {IDENTITY_RESOURCE_ID} yet,"
            " or it is not granted; the pod can be created once annotation client-id is there",
        )


def _namespace_operations(pod: PodView, namespace: str) -> list[Operation]:
    if not namespace or pod.metadata.get("namespace"):
        return []
    if pod.raw.get("metadata") is None:
        return [{"op": "add", "path": "/metadata", "value": {"namespace": namespace}}]
    return [{"op": "add", "path": "/metadata/namespace", "value": namespace}]


def _containers(
    pod: PodView, skip: frozenset[str], proxy: Proxy | None, injection: Injection
) -> tuple[list[Operation], list[Warn], list[str]]:
    """Return what the pod's own containers lack, what is odd, and the names of the changed."""
    operations: list[Operation] = []
    warnings, changed = [], []
    for container in pod.all_containers:
        if container.name in skip:
            continue
        own = proxy.injection_of(container, injection) if proxy else injection
        added, plan = container_operations(container, own)
        warnings += [path_taken(container.name, path) for path in plan.taken]
        if added:
            operations += added
            changed.append(container.name)
    return operations, warnings, changed


def _names(operations: list[Operation]) -> list[str]:
    values = [operation["value"] for operation in operations]
    containers = [item for value in values for item in (value if type(value) is list else [value])]
    return [container["name"] for container in containers]


def _audit(account: Account, changed: list[str], settings: PodSettings) -> dict[str, str]:
    audit = {
        "injected": ",".join(changed) or "none",
        "service-account": f"{account.namespace}/{account.name}",
        "service-account-resource-version": account.resource_version,
        "token-expiration-seconds": str(settings.expiration_seconds),
    }
    if settings.proxy_port is not None:
        audit["proxy-port"] = str(settings.proxy_port)
    return audit
