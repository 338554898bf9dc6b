"""A small asynchronous client of the Kubernetes API, with what the webhook needs and no more.

connection = in_cluster_connection(host, port)     # or kubeconfig_connection(path)
async with KubeClient(connection) as client:
    secret = await client.get(SECRETS.named("name", "namespace"))
    await client.put(SECRETS.named("name", "namespace"), changed)     # Conflict: read it again
    async with client.watch(SECRETS.all("namespace"), resource_version="7") as events:
        async for event in events: ...
"""

from webhook.kube.client import (
    METADATA,
    METADATA_LIST,
    PAGE_SIZE,
    Json,
    KubeClient,
)
from webhook.kube.connection import Connection, in_cluster_connection
from webhook.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotConfigured,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from webhook.kube.kubeconfig import kubeconfig_connection
from webhook.kube.limits import Limits
from webhook.kube.places import (
    MUTATING_WEBHOOKS,
    SECRETS,
    SERVICE_ACCOUNTS,
    VERSION,
    Place,
    Resource,
)
from webhook.kube.watch import WatchEvent

__all__ = [
    "METADATA",
    "METADATA_LIST",
    "MUTATING_WEBHOOKS",
    "PAGE_SIZE",
    "SECRETS",
    "SERVICE_ACCOUNTS",
    "VERSION",
    "AlreadyExists",
    "Conflict",
    "Connection",
    "Forbidden",
    "Gone",
    "Invalid",
    "Json",
    "KubeClient",
    "KubeError",
    "Limits",
    "NotConfigured",
    "NotFound",
    "Place",
    "Resource",
    "ServerError",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "WatchEvent",
    "in_cluster_connection",
    "kubeconfig_connection",
]
