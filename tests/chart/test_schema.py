"""values.schema.json: unknown values and wrong types are refused with their path."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.chart.helm import CHART, Json, RenderError
from tests.chart.rendering import CLIENT, CONTROLLED, texts

SCHEMA: Final[Json] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
DIGEST: Final = "sha256:" + "0123456789abcdef" * 4

REFUSED: Final[list[tuple[Json, str]]] = [
    ({"replicas": 3}, "at '': additional properties 'replicas' not allowed"),
    ({"image": {"tag": "a"}}, "at '/image': additional properties 'tag' not allowed"),
    ({"controller": {"probe": {"namespace": []}}}, "at '/controller/probe': additional properties"),
    ({"resources": {"limit": {}}}, "at '/resources': additional properties 'limit'"),
    ({"replicaCount": "2"}, "at '/replicaCount': got string, want"),
    ({"replicaCount": -1}, "at '/replicaCount': minimum: got -1, want 0"),
    ({"hostNetwork": "true"}, "at '/hostNetwork': got string, want"),
    ({"azureTenantID": "a b"}, "at '/azureTenantID': 'a b' does not match"),
    ({"azureAuthorityHost": "http://plain"}, "at '/azureAuthorityHost': 'http://plain' does not"),
    ({"audience": "a'b"}, "at '/audience'"),
    ({"logLevel": "loud"}, "at '/logLevel': value must be one of 'info', 'debug'"),
    ({"failurePolicy": "fail"}, "at '/failurePolicy': value must be one of 'Fail', 'Ignore'"),
    ({"reinvocationPolicy": "Always"}, "at '/reinvocationPolicy'"),
    ({"metricsBackend": "statsd"}, "at '/metricsBackend'"),
    ({"tlsMinVersion": "1.1"}, "at '/tlsMinVersion'"),
    ({"tlsMinVersion": 1.1}, "at '/tlsMinVersion'"),
    ({"tokenPathMode": "old"}, "at '/tokenPathMode'"),
    ({"timeoutSeconds": 31}, "at '/timeoutSeconds': maximum: got 31, want 30"),
    ({"timeoutSeconds": 0}, "at '/timeoutSeconds': minimum: got 0, want 1"),
    ({"service": {"port": 65536}}, "at '/service/port': maximum: got 65,536, want 65,535"),
    ({"service": {"targetPort": "https"}}, "at '/service/targetPort': got string"),
    ({"service": {"type": "ExternalName"}}, "at '/service/type'"),
    ({"image": {"digest": "sha256:12"}}, "at '/image/digest': 'sha256:12' does not match"),
    ({"image": {"release": 1.6}}, "at '/image/release': got number, want"),
    ({"image": {"pullPolicy": "always"}}, "at '/image/pullPolicy'"),
    ({"metricsAddr": "8095"}, "at '/metricsAddr': '8095' does not match"),
    ({"metricsAddr": 8095}, "at '/metricsAddr': maximum"),
    ({"resources": {"limits": {"memory": "30MiB"}}}, "at '/resources/limits/memory'"),
    ({"resources": {"limits": {"cpu": -1}}}, "at '/resources/limits/cpu': minimum"),
    ({"imagePullSecrets": ["pull"]}, "at '/imagePullSecrets/0': got string, want object"),
    ({"extraEnv": [{"name": "A", "value": 1}]}, "at '/extraEnv/0/value': got number"),
    ({"extraEnv": {"A": "1"}}, "at '/extraEnv': got object, want"),
    ({"extraArgs": ["debug"]}, "at '/extraArgs/0': 'debug' does not match"),
    ({"extraVolumes": [{}]}, "at '/extraVolumes/0': missing property 'name'"),
    ({"extraVolumeMounts": [{"name": "a"}]}, "missing property 'mountPath'"),
    ({"commonLabels": {"a b": "c"}}, "at '/commonLabels': additional properties 'a b'"),
    ({"commonLabels": {"a": "b c"}}, "at '/commonLabels/a': 'b c' does not match"),
    ({"podLabels": {"a": 1}}, "at '/podLabels/a': got number"),
    ({"podAnnotations": {"a": True}}, "at '/podAnnotations/a': got boolean"),
    ({"mutatingWebhookNamespaceSelector": {"a": "b"}}, "at '/mutatingWebhookNamespaceSelector'"),
    ({"matchConditions": [{"name": "a"}]}, "missing property 'expression'"),
    ({"tolerations": [{"kye": "a"}]}, "at '/tolerations/0': additional properties 'kye'"),
    ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "missing properties 'topologyKey'"),
    ({"podDisruptionBudget": {"minAvailable": "half"}}, "at '/podDisruptionBudget/minAvailable'"),
    ({"certManager": {"duration": "90d"}}, "at '/certManager/duration': '90d' does not match"),
    ({"certManager": {"issuerRef": {"nmae": "a"}}}, "at '/certManager/issuerRef': additional"),
    ({"grants": [{"clientIds": [CLIENT]}]}, "at '/grants/0': missing property 'namespace'"),
    ({"grants": [{"namespace": "a", "clientIds": ["b"]}]}, "at '/grants/0/clientIds/0': 'b' does"),
    ({"grants": [{"namespace": "a", "verbs": ["*"]}]}, "at '/grants/0/verbs/0': value must be one"),
    ({"grants": [{"namespace": "a", "verbs": []}]}, "at '/grants/0/verbs'"),
    ({"controller": {"clientId": "me"}}, "at '/controller/clientId': 'me' does not match"),
    ({"controller": {"signIn": "password"}}, "at '/controller/signIn': value must be one of"),
    ({"controller": {"slotsPerNamespace": 21}}, "at '/controller/slotsPerNamespace': maximum"),
    ({"controller": {"rateFactor": 0}}, "at '/controller/rateFactor': exclusiveMinimum"),
    ({"controller": {"subscriptions": ["all"]}}, "at '/controller/subscriptions/0'"),
    ({"controller": {"probe": {"scope": "https://a.example"}}}, "at '/controller/probe/scope'"),
    ({"networkPolicy": {"apiServerCIDRs": ["10.0.0.1"]}}, "at '/networkPolicy/apiServerCIDRs/0'"),
]


@pytest.mark.parametrize(("values", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_is_refused_with_its_path(values: Json, words: str) -> None:
    with pytest.raises(RenderError) as refused:
        texts(values)
    assert words in str(refused.value)


def test_all_of_it_is_told_at_once() -> None:
    with pytest.raises(RenderError) as refused:
        texts({"replicas": 1, "timeoutSeconds": 99, "service": {"port": 0}})
    assert all(where in str(refused.value) for where in ("'replicas'", "'/timeoutSeconds'", "port"))


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"digest": DIGEST}},
        {"image": {"repository": "localhost:5000/a/b"}},
        {"metricsAddr": "[::1]:8095"},
        {"metricsAddr": "0"},
        {"podDisruptionBudget": {"minAvailable": "50%"}},
        {"resources": {"limits": {"memory": 268435456, "nvidia.com/gpu": "1"}}},
        {"certManager": {"duration": "1h30m", "renewBefore": "45m"}},
        {
            "grants": [
                {"namespace": "a", "serviceAccountName": "b.c", "clientIds": [CLIENT.upper()]}
            ]
        },
        {"controller": CONTROLLED | {"endpoints": {"graphUrl": "none"}, "rateFactor": 0.5}},
        {"global": {"imageRegistry": "example.com"}},
        {"networkPolicy": {"enabled": True, "apiServerCIDRs": ["10.0.0.1/32", "fd00::/8"]}},
    ],
    ids=str,
)
def test_passes(values: Json) -> None:
    assert texts(values)


def test_null_passes_everywhere() -> None:
    """--reuse-values brings along the null by which an earlier default was taken away."""
    said = [path for path, node in every(SCHEMA) if not may_be_null(node)]
    assert said == []


def test_nothing_unknown_passes_anywhere_but_in_free_maps() -> None:
    free = {
        path
        for path, node in every(SCHEMA)
        if "object" in types(node) and node.get("additionalProperties") is not False
    }
    assert free == {
        *("affinity", "controller.affinity", "global"),
        *("proxy.securityContext", "proxy.initSecurityContext"),
        *(f"{where}.{kind}" for where in RESOURCES for kind in ("requests", "limits")),
    }


RESOURCES: Final = ("resources", "proxy.resources", "proxy.initResources", "controller.resources")


def every(node: Json, prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Every property below, by its path, with what its $ref says."""
    for key, said in node.get("properties", {}).items():
        path = f"{prefix}.{key}" if prefix else key
        resolved = definition(said)
        yield path, resolved
        yield from every(resolved, path)


def definition(said: Json) -> Json:
    name = said.get("$ref", "").rpartition("/")[2]
    found: Json = SCHEMA["definitions"][name] if name else said
    return found


def types(node: Json) -> list[Any]:
    found = node.get("type", [])
    return [found] if isinstance(found, str) else found


def may_be_null(node: Json) -> bool:
    return "null" in types(node) or None in node.get("enum", [])
