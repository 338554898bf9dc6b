"""What the demo checks: it is content with a good pod, and each fault is found by name."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from hack.demo.checks import Seen, all_checks
from hack.demo.quick_start import MANIFESTS, read_quick_start
from hack.demo.tokens import wish_of
from hack.webhook import TENANT_ID

QUICK_START = read_quick_start(MANIFESTS)
CLIENT_ID = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
AUTHORITY_HOST = "https://entra.example/"


def without() -> dict[str, Any]:
    pod = copy.deepcopy(QUICK_START.labelled)
    pod["metadata"]["uid"] = "65c91de1"
    return pod


def mutated(name: str = "billing") -> dict[str, Any]:
    pod = without()
    pod["metadata"]["name"] = name
    pod["spec"]["volumes"] = [
        {
            "name": "azure-workload-identity-reserved-token",
            "projected": {
                "sources": [
                    {
                        "serviceAccountToken": {
                            "audience": "api://AzureADTokenExchange",
                            "expirationSeconds": 7200,
                            "path": "token/azure-identity-token",
                        }
                    }
                ]
            },
        }
    ]
    (app,) = pod["spec"]["containers"]
    app["env"] += [
        {"name": "AZURE_CLIENT_ID", "value": CLIENT_ID},
        {"name": "AZURE_TENANT_ID", "value": TENANT_ID},
        {
            "name": "AZURE_FEDERATED_TOKEN_FILE",
            "value": "/var/run/secrets/azure/wi/token/azure-identity-token",
        },
        {"name": "AZURE_AUTHORITY_HOST", "value": AUTHORITY_HOST},
    ]
    app["volumeMounts"] = [
        {
            "name": "azure-workload-identity-reserved-token",
            "mountPath": "/var/run/secrets/azure/wi",
            "readOnly": True,
        }
    ]
    return pod


def claims() -> dict[str, Any]:
    return {
        "aud": ["api://AzureADTokenExchange"],
        "sub": "system:serviceaccount:quick-start:billing",
        "iat": 1795346914,
        "exp": 1795346914 + 7200,
        "kubernetes.io": {"pod": {"name": "billing", "uid": "65c91de1"}},
    }


def seen() -> Seen:
    unlabelled = QUICK_START.unlabelled
    return Seen(
        labelled_without=without(),
        labelled=mutated(),
        unlabelled_without=unlabelled,
        unlabelled=copy.deepcopy(unlabelled),
        again=mutated("billing-again"),
        authority_host=AUTHORITY_HOST,
        wish=wish_of(mutated()),
        claims=claims(),
    )


def test_a_good_pod_and_a_good_token_pass_every_check() -> None:
    checks = all_checks(seen(), QUICK_START)
    assert [check for check in checks if not check.ok] == []
    assert len(checks) == 10


def container(found: Seen) -> dict[str, Any]:
    app: dict[str, Any] = found.labelled["spec"]["containers"][0]
    return app


FAULTS: dict[str, tuple[str, Callable[[Seen], object]]] = {
    "a variable is missing": (
        "container app has the variables that Azure SDKs read",
        lambda found: container(found)["env"].pop(),
    ),
    "a variable has another value": (
        "container app has the variables that Azure SDKs read",
        lambda found: container(found)["env"][1].update(value="another"),
    ),
    "the user's variable is gone": (
        "nothing of the pod was removed or changed",
        lambda found: container(found)["env"].pop(0),
    ),
    "the mount can be written to": (
        "container app has the token's volume, mounted read-only",
        lambda found: container(found)["volumeMounts"][0].update(readOnly=False),
    ),
    "the mount is missing": (
        "container app has the token's volume, mounted read-only",
        lambda found: container(found)["volumeMounts"].clear(),
    ),
    "the unlabelled pod was changed": (
        "the pod without the label is as it would be without the webhook",
        lambda found: found.unlabelled["metadata"]["labels"].update(more="yes"),
    ),
    "a second pass adds a volume": (
        "a pod made of the stored one is the same: a second pass changes nothing",
        lambda found: found.again["spec"]["volumes"].append({"name": "more", "emptyDir": {}}),
    ),
    "the token is for somebody else": (
        "the token's audience is that",
        lambda found: found.claims.update(aud=["https://kubernetes.default.svc"]),
    ),
    "the token is another's": (
        "its subject is system:serviceaccount:quick-start:billing",
        lambda found: found.claims.update(sub="system:serviceaccount:quick-start:default"),
    ),
    "the token lives too long": (
        "it is good for 2 h",
        lambda found: found.claims.update(exp=found.claims["exp"] + 1),
    ),
    "the token is bound to nothing": (
        "it is bound to the pod: it ends with it",
        lambda found: found.claims.pop("kubernetes.io"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    what, spoil = FAULTS[name]
    found = copy.deepcopy(seen())
    spoil(found)
    failed = [check for check in all_checks(found, QUICK_START) if not check.ok]
    assert what in [check.what for check in failed]
    assert all(check.expected != check.found for check in failed)


def test_a_volume_that_asks_for_another_lifetime_is_found() -> None:
    found = dataclasses.replace(seen(), wish=dataclasses.replace(seen().wish, seconds=3600))
    failed = [check.what for check in all_checks(found, QUICK_START) if not check.ok]
    assert "the volume asks for what the manifests say" in failed


def test_every_container_is_checked_init_containers_too() -> None:
    found = seen()
    for pod in (found.labelled_without, found.labelled, found.again):
        pod["spec"]["initContainers"] = [{"name": "prepare", "image": "registry.example/prepare:1"}]
    failed = [check.what for check in all_checks(found, QUICK_START) if not check.ok]
    assert failed == [
        "container prepare has the variables that Azure SDKs read",
        "container prepare has the token's volume, mounted read-only",
    ]
