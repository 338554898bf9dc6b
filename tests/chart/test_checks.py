"""What checks.yaml refuses, in words, all at once; and the least that it lets pass."""

from typing import Any, Final

import pytest

from tests.chart.helm import Json
from tests.chart.rendering import CLIENT, CONTROLLED, faults_of, merged

PEM: Final = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def memory(limit: Any) -> Json:
    return {"resources": {"limits": {"memory": limit}, "requests": {"memory": None}}}


def controller(values: Json) -> Json:
    return {"controller": merged(CONTROLLED, values)}


def grant(**values: Any) -> Json:
    return {"grants": [{"namespace": "shop", "serviceAccountName": "orders"} | values]}


REFUSED: Final[list[tuple[Json, str]]] = [
    ({"azureTenantID": ""}, "azureTenantID is empty; expected"),
    ({"azureTenantID": None}, "azureTenantID is empty; expected"),
    (
        {"azureEnvironment": "AzureMoonCloud"},
        'azureEnvironment is "AzureMoonCloud"; expected Azure',
    ),
    (
        {"image": {"repository": "mcr.microsoft.com/oss/v2/azure/workload-identity/webhook"}},
        "the original's image, which takes other flags; expected this chart's",
    ),
    (memory("30Mi"), "resources.limits.memory is 30Mi; expected at least 96Mi"),
    (memory("95.9Mi"), "is 95.9Mi"),
    (memory("98303Ki"), "is 98303Ki"),
    (memory("100M"), "is 100M"),
    (memory("0.09Gi"), "is 0.09Gi"),
    (memory(100663295), "limits.memory is"),
    (memory("100663295"), "is 100663295"),
    (memory("100e6"), "is 100e6"),
    (memory("256m"), "is 256m"),
    (
        {"resources": {"requests": {"memory": "1Gi"}}},
        "resources.requests.memory is 1Gi, more than the limit 256Mi",
    ),
    (
        {"resources": {"requests": {"cpu": "1.5"}, "limits": {"cpu": "900m"}}},
        "resources.requests.cpu is 1.5, more than the limit 900m",
    ),
    (
        {"podDisruptionBudget": {"maxUnavailable": 1}},
        "podDisruptionBudget has both minAvailable 1 and maxUnavailable 1; expected one",
    ),
    ({"terminationGracePeriodSeconds": 29}, "terminationGracePeriodSeconds is 29; expected"),
    ({"metricsAddr": ":9440"}, "metricsAddr is port 9440"),
    ({"service": {"targetPort": 9440}}, "service.targetPort is port 9440"),
    ({"hostNetwork": True, "metricsAddr": ":9443"}, "are both port 9443; expected two"),
    (
        {"autoscaling": {"enabled": True, "minReplicas": 6}},
        "autoscaling.maxReplicas is 5, less than minReplicas 6",
    ),
    (
        {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}},
        "resources.requests.cpu is not set",
    ),
    ({"certManager": {"caBundle": PEM}}, "caBundle goes with certManager.enabled"),
    ({"certManager": {"enabled": True, "caBundle": "TUlJQg=="}}, "caBundle holds no certificate"),
    (
        {"certManager": {"enabled": True, "caBundle": PEM + "-----BEGIN PRIVATE KEY-----"}},
        "caBundle holds a private key",
    ),
    ({"certManager": {"issuerRef": {"kind": "VenafiIssuer"}}}, "issuerRef has no name"),
    ({"certManager": {"renewBefore": "91h", "duration": "1h30m"}}, "renewBefore is 91h"),
    ({"customTokenEndpoint": {"annotationSuffix": "a"}}, "audience is not; expected both"),
    ({"customTokenEndpoint": {"audience": "a"}}, "annotationSuffix is not; expected both"),
    (
        {
            "customTokenEndpoint": {
                "azureKubernetesCaData": "a",
                "azureKubernetesCACTBSignerName": "b",
            }
        },
        "azureKubernetesCaData and azureKubernetesCACTBSignerName; expected",
    ),
    (
        {"customTokenEndpoint": {"azureKubernetesCACTBLabelSelector": "{}"}},
        "goes with azureKubernetesCACTBSignerName",
    ),
    ({"extraEnv": [{"name": "POD_NAMESPACE"}]}, 'extraEnv[0].name is "POD_NAMESPACE", which'),
    ({"extraEnv": [{"name": "A"}, {"name": "A"}]}, 'extraEnv[1].name is "A", as one before it'),
    ({"extraVolumes": [{"name": "cert"}]}, 'extraVolumes[0].name is "cert", which the chart has'),
    (
        {"extraVolumeMounts": [{"name": "a", "mountPath": "/certs/"}]},
        'extraVolumeMounts[0].mountPath is "/certs", which the chart has',
    ),
    ({"podLabels": {"azure.workload.identity/use": "true"}}, "podLabels has azure.workload"),
    ({"commonLabels": {"azure.workload.identity/use": "true"}}, "commonLabels has azure.workload"),
    (
        controller({"podLabels": {"azure.workload.identity/use": "true"}}),
        "controller.podLabels has azure.workload",
    ),
    (controller({"clientId": ""}), "controller.clientId is empty; expected the client id"),
    (
        controller({"signIn": "client-secret"}),
        "credentialsSecretName is empty; expected the name of a Secret in azure-workload-ident",
    ),
    (controller({"signIn": "certificate"}), "with the key certificate.pem"),
    (
        controller({}) | {"azureTenantID": "contoso.example"},
        'controller.tenantId is empty and azureTenantID is "contoso.example", a name',
    ),
    (
        controller({"endpoints": {"graphUrl": "none"}})
        | {"azureEnvironment": "Air", "azureAuthorityHost": "https://login.air"},
        "controller.endpoints.resourceManagerUrl is empty",
    ),
    (
        controller({}) | {"azureAuthorityHost": "https://login.air/tenant"},
        "expected https://host without a path",
    ),
    (
        controller({"resources": {"limits": {"memory": "100Mi"}, "requests": None}}),
        "controller.resources.limits.memory is 100Mi; expected at least 128Mi",
    ),
    (
        controller({"podDisruptionBudget": {"minAvailable": 1}}),
        "controller.podDisruptionBudget has both",
    ),
    (controller({"metricsAddr": "[::1]:9440"}), "controller.metricsAddr is port 9440"),
    (controller({"probe": {"namespaces": ["kube-system"]}}), "namespaces has kube-system"),
    (controller({"probe": {"namespaces": ["*", "shop"]}}), 'has "*" and others; expected ["*"]'),
    (controller({"probe": {"interval": "9m59s"}}), "probe.interval is 9m59s; expected at least"),
    (controller({"intervals": {"resync": "59.9s"}}), "intervals.resync is 59.9s; expected"),
    (controller({"intervals": {"denial": "59s"}}), "intervals.denial is 59s; expected"),
    (controller({"intervals": {"denial": "1m31s"}}), "expected at most 4m30s together"),
    (controller({"intervals": {"drift": "2m"}}), "intervals.drift is 2m; expected no less"),
    (
        controller({"extraVolumes": [{"name": "token"}]}),
        'controller.extraVolumes[0].name is "token", which the chart has',
    ),
    (grant(), "grants[0] (shop/orders): clientIds is empty; expected at least one"),
    (grant(clientIds=[]), "a rule without resourceNames grants every identity"),
    (grant(clientIds=[CLIENT], allIdentities=True), "both clientIds and allIdentities"),
    (
        grant(clientIds=[CLIENT], allServiceAccounts=True),
        "grants[0] (shop/*): both serviceAccountName and allServiceAccounts",
    ),
    (
        grant(clientIds=[CLIENT], serviceAccountName=None),
        "grants[0] (shop/?): serviceAccountName is empty",
    ),
    (
        grant(clientIds=[CLIENT], verbs=["federate-external"]),
        "federate-external is asked of all ServiceAccounts of the namespace",
    ),
    (
        {"grants": grant(clientIds=[CLIENT])["grants"] + grant(allIdentities=True)["grants"]},
        "grants[1] (shop/orders): the same as grants[0]; expected one entry",
    ),
]


@pytest.mark.parametrize(("values", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_is_refused_in_words(values: Json, words: str) -> None:
    faults = faults_of(values)
    assert len(faults) == 1, faults
    assert words in faults[0]


PASS: Final[list[Json]] = [
    memory("96Mi"),
    memory("98304Ki"),
    memory("101M"),
    memory(100663296),
    memory("0.1Gi"),
    memory("1e9"),
    memory(None),
    {"azureEnvironment": "azurepubliccloud"},
    {"azureEnvironment": "AzureMoonCloud", "azureAuthorityHost": "https://login.moon/"},
    {"image": {"repository": "example.com/oss/azure/workload-identity/webhook"}},
    {"metricsAddr": 0, "tlsMinVersion": 1.2},
    {"podDisruptionBudget": {"maxUnavailable": "0%"}},
    {"certManager": {"enabled": True, "caBundle": PEM + PEM, "issuerRef": {"name": "a"}}},
    {"certManager": {"duration": "1h30m", "renewBefore": "89m59.9s"}},
    {"resources": {"requests": {"cpu": "1000m"}, "limits": {"cpu": 1}}},
    controller({"signIn": "managed-identity", "clientId": ""}),
    controller({"tenantId": CLIENT}) | {"azureTenantID": "contoso.example"},
    controller({"probe": {"namespaces": ["*"]}, "intervals": {"denial": "1m30s"}}),
    controller({"extraVolumes": [{"name": "cert"}]}),
    {"controller": {"signIn": "client-secret", "intervals": {"resync": "1s"}}},
    grant(allServiceAccounts=True, serviceAccountName=None, clientIds=[CLIENT],
          verbs=["federate", "federate-external"]),
    {"grants": grant(allIdentities=True)["grants"]
     + grant(allServiceAccounts=True, serviceAccountName=None, allIdentities=True)["grants"]},
]  # fmt: skip


@pytest.mark.parametrize("values", PASS, ids=str)
def test_passes(values: Json) -> None:
    assert faults_of(values) == []


def test_all_faults_are_told_at_once() -> None:
    together = merged(
        {"azureTenantID": "", "terminationGracePeriodSeconds": 1},
        memory("30Mi"),
        {"controller": {"enabled": True}},
        grant(),
    )
    heads = [fault.split(" ")[0] for fault in faults_of(together)]
    assert heads == [
        "azureTenantID",
        "resources.limits.memory",
        "terminationGracePeriodSeconds",
        "controller.clientId",
        "grants[0]",
    ]


def test_a_value_with_line_breaks_is_one_fault() -> None:
    values = {"extraEnv": [{"name": "A\nB"}, {"name": "A\nB"}]}
    assert faults_of(values) == [
        r'extraEnv[1].name is "A\nB", as one before it; expected each once'
    ]
