"""What the chart writes into containers, read by the programs that run there."""

from typing import Any

import pytest

from controller.config.parse import parse_config as controllers
from tests.chart.rendering import CLIENT, CONTROLLED, CONTROLLER, TENANT, WEBHOOK, merged, rendered
from webhook.config.parse import parse_config as webhooks

Object = dict[str, Any]


def container(deployment: Object) -> Object:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(only)


def ports(of: Object) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in of["ports"]}


WEBHOOK_VALUES = {
    "defaults": {},
    "everything": {
        "azureEnvironment": "AzureUSGovernmentCloud",
        "azureAuthorityHost": "https://login.example.test/",
        "audience": "api://AzureADTokenExchangeUSGov",
        "logLevel": "debug",
        "metricsAddr": "127.0.0.1:9095",
        "tlsMinVersion": "1.2",
        "tokenPathMode": "both",
        "service": {"targetPort": 10443},
        "certManager": {"enabled": True},
        "customTokenEndpoint": {
            "annotationSuffix": "proxy",
            "audience": "api://AKSIdentityBinding",
            "azureKubernetesTokenProxy": "https://proxy.example.test",
            "azureKubernetesSniName": "sni.example.test",
            "azureKubernetesCAConfigMapName": "proxy-ca",
        },
        "proxy": {
            "redirect": False,
            "resources": {"limits": {"memory": "64Mi"}},
            "securityContext": {"runAsUser": 1501},
        },
    },
}


@pytest.mark.parametrize("values", WEBHOOK_VALUES.values(), ids=WEBHOOK_VALUES)
def test_the_webhook_reads_what_it_is_given(values: Object) -> None:
    objects = rendered(values)
    only = container(objects[WEBHOOK])
    config = webhooks(
        only["args"],
        objects["ConfigMap/azure-wi-webhook-config"]["data"] | {"POD_NAMESPACE": "azwi"},
    ).config
    (mount,) = only["volumeMounts"]
    assert str(config.certificates.directory) == mount["mountPath"]
    assert config.mutation.tenant_id == TENANT
    (port,) = objects["Service/azure-wi-webhook-webhook-service"]["spec"]["ports"]
    assert ports(only)[port["targetPort"]] == config.server.port
    assert config.server.metrics is not None
    assert ports(only) == {
        "webhook-server": config.server.port,
        "healthz": config.server.health.port,
        "metrics": config.server.metrics.port,
    }


CONTROLLER_VALUES = {
    "the least": {},
    "everything": {
        "subscriptions": [TENANT],
        "issuer": "https://issuer.example.test/",
        "acceptIssuerChange": True,
        "slotsPerNamespace": 5,
        "resolveResourceIds": True,
        "watchGrants": False,
        "rateFactor": 0.5,
        "probe": {"namespaces": ["shop", "billing"], "interval": "1h"},
        "intervals": {"resync": "2m", "drift": "1h", "denial": "2m"},
        "endpoints": {
            "graphUrl": "https://graph.example.test",
            "resourceManagerUrl": "https://arm.example.test",
        },
        "metricsAddr": ":9095",
        "logLevel": "debug",
    },
    "everywhere": {"probe": {"namespaces": ["*"]}},
    "a managed identity": {"signIn": "managed-identity"},
    "a secret": {"signIn": "client-secret", "credentialsSecretName": "azwi"},
    "a certificate": {"signIn": "certificate", "credentialsSecretName": "azwi"},
}


@pytest.mark.parametrize("values", CONTROLLER_VALUES.values(), ids=CONTROLLER_VALUES)
def test_the_controller_reads_what_it_is_given(values: Object) -> None:
    deployment = rendered({"controller": merged(CONTROLLED, values)})[CONTROLLER]
    only = container(deployment)
    config = controllers(only["args"], {"POD_NAMESPACE": "azwi"}, "replica")
    assert config.metrics_address is not None
    assert ports(only) == {
        "healthz": config.health_address.port,
        "metrics": config.metrics_address.port,
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in only.get("volumeMounts", [])}
    files = [argument for argument in only["args"] if "-file=/" in argument]
    (file,) = files or [""]
    assert not files or any(f"={path}/" in file for path in mounts.values())


def test_the_controllers_token_is_for_the_audience_of_credentials() -> None:
    values = {"audience": "api://of.our.own", "controller": CONTROLLED}
    deployment = rendered(values)[CONTROLLER]
    config = controllers(container(deployment)["args"], {"POD_NAMESPACE": "azwi"}, "replica")
    (volume,) = deployment["spec"]["template"]["spec"]["volumes"]
    (source,) = volume["projected"]["sources"]
    assert (
        source["serviceAccountToken"]["audience"] == config.cluster.audience == "api://of.our.own"
    )
    assert f"--client-id={CLIENT}" in container(deployment)["args"]
