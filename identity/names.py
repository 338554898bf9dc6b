"""Every name that users and SDKs rely on: labels, annotations, variables, paths.

The names are those of azure-workload-identity 1.6, which Azure SDKs, charts and people's manifests
already use; a change here breaks somebody. Variables read by SDKs are documented at
https://azure.github.io/azure-workload-identity/docs/.
"""

from typing import Final

PREFIX: Final = "azure.workload.identity/"
"""What every label and annotation of ours begins with."""

USE: Final = PREFIX + "use"
"""Pod label that selects a pod (`"true"`); the webhook's objectSelector asks for it."""

USE_SUFFIX_PREFIX: Final = PREFIX + "use-"
"""Pod annotation `use-<suffix>: "true"`: take the token from the cluster's own token endpoint."""

# Of a ServiceAccount.
CLIENT_ID: Final = PREFIX + "client-id"
TENANT_ID: Final = PREFIX + "tenant-id"
# Of a ServiceAccount or a pod; the pod's wins.
TOKEN_EXPIRATION: Final = PREFIX + "service-account-token-expiration"
# Of a pod.
SKIP_CONTAINERS: Final = PREFIX + "skip-containers"
INJECT_PROXY: Final = PREFIX + "inject-proxy-sidecar"
PROXY_PORT: Final = PREFIX + "proxy-sidecar-port"
PROXY_REDIRECT: Final = PREFIX + "proxy-redirect"
# Of a ServiceAccount, read by the controller.
ADDITIONAL_CLIENT_IDS: Final = PREFIX + "additional-client-ids"
IDENTITY_RESOURCE_ID: Final = PREFIX + "identity-resource-id"
FEDERATE: Final = PREFIX + "federate"
DELETION_POLICY: Final = PREFIX + "deletion-policy"

ACCOUNT_ANNOTATIONS: Final = frozenset(
    {
        CLIENT_ID,
        TENANT_ID,
        TOKEN_EXPIRATION,
        ADDITIONAL_CLIENT_IDS,
        IDENTITY_RESOURCE_ID,
        FEDERATE,
        DELETION_POLICY,
    }
)
"""Annotations of our prefix that mean something on a ServiceAccount."""

POD_ANNOTATIONS: Final = frozenset(
    {TOKEN_EXPIRATION, SKIP_CONTAINERS, INJECT_PROXY, PROXY_PORT, PROXY_REDIRECT}
)
"""Annotations of our prefix that mean something on a pod, `use-<suffix>` apart."""

# Variables that SDKs read, in the order in which they are injected.
AZURE_CLIENT_ID: Final = "AZURE_CLIENT_ID"
AZURE_TENANT_ID: Final = "AZURE_TENANT_ID"
AZURE_FEDERATED_TOKEN_FILE: Final = "AZURE_FEDERATED_TOKEN_FILE"
AZURE_AUTHORITY_HOST: Final = "AZURE_AUTHORITY_HOST"
# ... and with the custom token endpoint.
AZURE_KUBERNETES_TOKEN_PROXY: Final = "AZURE_KUBERNETES_TOKEN_PROXY"
AZURE_KUBERNETES_SNI_NAME: Final = "AZURE_KUBERNETES_SNI_NAME"
AZURE_KUBERNETES_CA_FILE: Final = "AZURE_KUBERNETES_CA_FILE"
AZURE_KUBERNETES_CA_DATA: Final = "AZURE_KUBERNETES_CA_DATA"
# ... and with the proxy, where nothing is redirected to it.
AZURE_POD_IDENTITY_AUTHORITY_HOST: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
"""Base URL of the instance metadata service, in the place of http://169.254.169.254.

Source: the SDKs for Python, azure-identity 1.27 (`azure/identity/_credentials/imds.py`) and msal
1.39 (`msal/managed_identity.py`), which add `/metadata/identity/oauth2/token` to it.
"""

VOLUME_PREFIX: Final = "azure-workload-identity-reserved-"
"""Volume names that nobody else may use; the original appends a hash of the pod's name."""

VOLUME_NAME: Final = VOLUME_PREFIX + "token"
"""Our volume: one constant name, so that a second pass finds what the first one made."""

MOUNT_PATH: Final = "/var/run/secrets/azure/wi"
TOKEN_PATH: Final = "token/azure-identity-token"
"""The token's path in the volume."""
CA_PATH: Final = "ca-cert/ca.crt"
"""The custom token endpoint's CA, in the same volume."""

LEGACY_MOUNT_PATH: Final = "/var/run/secrets/azure/tokens"
LEGACY_TOKEN_PATH: Final = "azure-identity-token"
"""Where the token was before 1.6; code that has the path written out still looks there."""

DEFAULT_AUDIENCE: Final = "api://AzureADTokenExchange"
"""What Entra ID expects of a federated assertion, in the public cloud."""

PROXY_CONTAINER: Final = "azwi-proxy"
PROXY_INIT_CONTAINER: Final = "azwi-proxy-init"
PROXY_EXECUTABLE: Final = "/proxy"
DEFAULT_PROXY_PORT: Final = 8000

DEFAULT_EXPIRATION_SECONDS: Final = 3600
MIN_EXPIRATION_SECONDS: Final = 3600
MAX_EXPIRATION_SECONDS: Final = 86400
