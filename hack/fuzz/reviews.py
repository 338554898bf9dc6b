"""Sound reviews, from which the malformed ones are made, and the ServiceAccounts that there are.

The pods hold two canaries: `SECRET` where secrets are (values of variables, arguments, annotations
of others), which may turn up nowhere; and `QUOTABLE` in annotations of ours, which an answer may
quote, but no log.
"""

import json
import random
from typing import Any, Final

from hack.bench.reviews import captured
from identity.names import CLIENT_ID, IDENTITY_RESOURCE_ID, PREFIX, TENANT_ID, TOKEN_EXPIRATION

Json = dict[str, Any]

SECRET: Final = "cAnArY5ecReT"
QUOTABLE: Final = "cAnArYqUoTe"

NAMESPACE: Final = "demo"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
ACCOUNTS: Final[dict[str, dict[str, str]]] = {
    "workload-sa": {CLIENT_ID: CLIENT},
    "tenant-sa": {CLIENT_ID: CLIENT, TENANT_ID: "", TOKEN_EXPIRATION: "7200"},
    "odd-sa": {
        CLIENT_ID: "none of\u202e yours " * 20,
        PREFIX + "client_id": "x",
        PREFIX + "x" * 80: "x",
    },
    "wrong-sa": {CLIENT_ID: CLIENT, TOKEN_EXPIRATION: "soon"},
    "bare-sa": {},
    "awaiting-sa": {IDENTITY_RESOURCE_ID: "/subscriptions/x"},
    "default": {},
}
"""Those of `NAMESPACE`; all but the first five are asked for live each time."""
CERTAIN: Final = ("workload-sa", "tenant-sa")
"""With these a sound pod is admitted, from memory."""
MISSING: Final = ("missing-sa", "nobody", "a" * 253)
FAILING: Final = ("fails", "forbidden", "garbled", "shapeless", "dropped", "cut", "hangs", "busy")
"""Prefixes of names, for each of which the API server fails in its own way."""


def is_failing(account: str) -> bool:
    """Tell whether the API server fails when it is asked for this one."""
    return account.partition("-")[0] in FAILING


def _planted(review: Json) -> Json:
    """Put the canaries in."""
    request = review["request"]
    request["namespace"] = NAMESPACE
    pod = request["object"]
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["namespace"] = NAMESPACE
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        "example.com/token": SECRET,
        TOKEN_EXPIRATION: "3600",
    }
    spec["serviceAccountName"] = spec["serviceAccount"] = CERTAIN[0]
    for container in spec["containers"]:
        container.setdefault("env", []).append({"name": "PASSWORD", "value": SECRET})
        container["args"] = ["--token", SECRET]
    spec["volumes"] = [{"name": "data", "emptyDir": {}}, *(spec.get("volumes") or [])]
    return review


def _small() -> Json:
    """Make a review that is short, so that a change at random hits something that matters."""
    named = {"group": "", "version": "v1"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "annotations": {"skip": SECRET, TOKEN_EXPIRATION: "3600"}},
        "spec": {
            "serviceAccountName": CERTAIN[0],
            "initContainers": [{"name": "setup", "image": "setup:1"}],
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "env": [{"name": "PASSWORD", "value": SECRET}],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                },
                {"name": "side", "image": "side:1"},
            ],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "",
            "kind": {**named, "kind": "Pod"},
            "resource": {**named, "resource": "pods"},
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": {"username": "someone"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
        },
    }


_TEMPLATES: Final = tuple(json.dumps(made) for made in (_small(), _planted(captured())))


def a_review(chance: random.Random) -> Json:
    """Return a sound review, to be changed at will, with a uid of its own."""
    review: Json = json.loads(_TEMPLATES[chance.random() < 0.4])
    review["request"]["uid"] = f"{chance.getrandbits(128):032x}"
    if chance.random() < 0.3:
        review["apiVersion"] = "admission.k8s.io/v1beta1"
    if chance.random() < 0.2:
        review["request"]["object"]["spec"]["serviceAccountName"] = CERTAIN[1]
    return review


def written(review: Any) -> bytes:
    """Write JSON, in UTF-8."""
    return json.dumps(review, ensure_ascii=False, separators=(",", ":")).encode()
