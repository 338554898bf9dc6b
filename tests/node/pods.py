"""Pods that run the probe, and asking them what they see."""

from typing import Any

import httpx

from tests.cluster.api import Api, Json
from tests.node.conftest import PROBE

TOKENS = "/var/run/secrets/tokens"
AUDIENCE = "api://AzureADTokenExchange"


def probe_spec(**more: Any) -> Json:
    container = {
        "name": "probe",
        "image": PROBE,
        "imagePullPolicy": "Never",
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "token", "mountPath": TOKENS, "readOnly": True}],
    }
    source = {"audience": AUDIENCE, "expirationSeconds": 3600, "path": "token"}
    volume = {"name": "token", "projected": {"sources": [{"serviceAccountToken": source}]}}
    return {
        "containers": [container],
        "volumes": [volume],
        "terminationGracePeriodSeconds": 0,
        **more,
    }


def start_probe(api: Api, namespace: str, name: str = "probe", **spec: Any) -> Json:
    """Create a pod of the probe; returns it once it is Ready."""
    metadata = {"name": name, "labels": {"app": name}}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    api.post(pods, {"metadata": metadata, "spec": probe_spec(**spec)})
    return api.events_until(pods, is_ready, fieldSelector=f"metadata.name={name}", seconds=60)


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def ask(pod: Json, path: str, /, **params: str) -> str:
    """Ask the probe in a pod, at the pod's own address."""
    address = pod["status"]["podIP"]
    with httpx.Client(trust_env=False, timeout=15) as http:
        answer = http.get(f"http://{address}:8080{path}", params=params)
    assert answer.is_success, answer.text
    return answer.text
