"""The names of the contract, spelt out once more: whoever changes one has to change it here too."""

from identity import names


def test_names_that_manifests_and_sdks_rely_on() -> None:
    written = {
        name: value for name, value in vars(names).items() if name.isupper() and type(value) is str
    }
    prefix = "azure.workload.identity/"
    assert written == {
        "PREFIX": prefix,
        "USE": prefix + "use",
        "USE_SUFFIX_PREFIX": prefix + "use-",
        "CLIENT_ID": prefix + "client-id",
        "TENANT_ID": prefix + "tenant-id",
        "TOKEN_EXPIRATION": prefix + "service-account-token-expiration",
        "SKIP_CONTAINERS": prefix + "skip-containers",
        "INJECT_PROXY": prefix + "inject-proxy-sidecar",
        "PROXY_PORT": prefix + "proxy-sidecar-port",
        "PROXY_REDIRECT": prefix + "proxy-redirect",
        "ADDITIONAL_CLIENT_IDS": prefix + "additional-client-ids",
        "IDENTITY_RESOURCE_ID": prefix + "identity-resource-id",
        "FEDERATE": prefix + "federate",
        "DELETION_POLICY": prefix + "deletion-policy",
        "AZURE_CLIENT_ID": "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID": "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE": "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_AUTHORITY_HOST": "AZURE_AUTHORITY_HOST",
        "AZURE_KUBERNETES_TOKEN_PROXY": "AZURE_KUBERNETES_TOKEN_PROXY",
        "AZURE_KUBERNETES_SNI_NAME": "AZURE_KUBERNETES_SNI_NAME",
        "AZURE_KUBERNETES_CA_FILE": "AZURE_KUBERNETES_CA_FILE",
        "AZURE_KUBERNETES_CA_DATA": "AZURE_KUBERNETES_CA_DATA",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "VOLUME_PREFIX": "azure-workload-identity-reserved-",
        "VOLUME_NAME": "azure-workload-identity-reserved-token",
        "MOUNT_PATH": "/var/run/secrets/azure/wi",
        "TOKEN_PATH": "token/azure-identity-token",
        "CA_PATH": "ca-cert/ca.crt",
        "LEGACY_MOUNT_PATH": "/var/run/secrets/azure/tokens",
        "LEGACY_TOKEN_PATH": "azure-identity-token",
        "DEFAULT_AUDIENCE": "api://AzureADTokenExchange",
        "PROXY_CONTAINER": "azwi-proxy",
        "PROXY_INIT_CONTAINER": "azwi-proxy-init",
        "PROXY_EXECUTABLE": "/proxy",
    }


def test_numbers_of_the_contract() -> None:
    assert names.DEFAULT_PROXY_PORT == 8000
    assert names.DEFAULT_EXPIRATION_SECONDS == names.MIN_EXPIRATION_SECONDS == 3600
    assert names.MAX_EXPIRATION_SECONDS == 86400


def test_our_volume_name_is_one_that_kubernetes_takes() -> None:
    assert len(names.VOLUME_NAME) <= 63
