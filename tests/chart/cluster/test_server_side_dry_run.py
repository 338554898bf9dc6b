"""Everything that the chart renders, taken by a real API server with strict field validation.

By a server-side dry run, so that admission and schemas have their say and nothing is stored but
ServiceAccounts, without which no pod of theirs is taken. Of the kinds of others (monitors, rules,
cert-manager's) there are only stand-ins that take any field: of those no more is looked at than
that they are objects. The namespace warns of all that the restricted Pod Security Standard does not
allow.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from tests.chart.helm import Json, template
from tests.chart.rendering import CONTROLLED, TENANT, merged
from tests.chart.test_matrix import SWITCHES, everything
from tests.cluster.api import Api, a_namespace, warnings_of
from tests.cluster.controller.installed import apply, path_of, until

pytestmark = pytest.mark.cluster

OF_OTHERS: Final = {
    "monitoring.coreos.com": ("PodMonitor", "ServiceMonitor", "PrometheusRule"),
    "cert-manager.io": ("Certificate", "Issuer"),
}
PROBED: Final = ("shop", "till")
_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """The release's."""
    label = {"pod-security.kubernetes.io/warn": "restricted"}
    with ExitStack() as stack:
        for group, kinds in OF_OTHERS.items():
            for kind in kinds:
                stack.enter_context(_a_stand_in(api, group, kind))
        for name in PROBED:
            api.post("/api/v1/namespaces", {"metadata": {"name": name}})
            stack.callback(api.delete, f"/api/v1/namespaces/{name}")
        yield stack.enter_context(a_namespace(api, "release", **label))


@pytest.mark.parametrize("switch", ["defaults", *SWITCHES])
@pytest.mark.parametrize("controlled", [False, True], ids=["webhook", "with-controller"])
def test_each_object_is_taken(api: Api, namespace: str, switch: str, controlled: bool) -> None:
    values = merged(
        {"azureTenantID": TENANT},
        {"controller": CONTROLLED} if controlled else {},
        SWITCHES.get(switch, {}),
    )
    are_taken(api, namespace, values)


def test_everything_at_once_is_taken(api: Api, namespace: str) -> None:
    are_taken(api, namespace, merged({"azureTenantID": TENANT}, everything()))


def are_taken(api: Api, namespace: str, values: Json) -> None:
    objects = template(values=values, namespace=namespace)
    for one in objects:
        if one["kind"] == "ServiceAccount":
            apply(api, one)
    faults = [f"{_name(one)}: {fault}" for one in objects for fault in _faults(api, one)]
    if values.get("hostNetwork"):
        faults = [one for one in faults if "hostNetwork=true" not in one]
    assert faults == []


def test_a_field_that_is_misspelt_is_found(api: Api, namespace: str) -> None:
    objects = template(values={"azureTenantID": TENANT}, namespace=namespace)
    (service,) = [one for one in objects if one["kind"] == "Service"]
    service["spec"]["selectors"] = service["spec"].pop("selector")
    (fault,) = _faults(api, service)
    assert "selectors" in fault


def test_a_pod_that_may_do_too_much_is_found(api: Api, namespace: str) -> None:
    objects = template(values={"azureTenantID": TENANT}, namespace=namespace)
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["allowPrivilegeEscalation"] = True
    (fault,) = _faults(api, deployment)
    assert "would violate PodSecurity" in fault


def _faults(api: Api, body: Json) -> Iterator[str]:
    """Say why an object is not taken, and what the API server warns of."""
    answer = api.http.patch(
        path_of(body),
        content=json.dumps(body),
        headers={"Content-Type": "application/apply-patch+yaml"},
        params={
            "fieldManager": "azwi-tests",
            "force": "true",
            "dryRun": "All",
            "fieldValidation": "Strict",
        },
    )
    if not answer.is_success:
        yield f"{answer.status_code}: {answer.json()['message']}"
    yield from warnings_of(answer)


def _name(body: Json) -> str:
    return f"{body['kind']}/{body['metadata']['name']}"


@contextmanager
def _a_stand_in(api: Api, group: str, kind: str) -> Iterator[None]:
    """Have a kind of somebody else's whose objects may hold anything."""
    plural = kind.lower() + "s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
        "versions": [version],
    }
    api.post(_CRDS, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
    served = f"/apis/{group}/v1/{plural}"
    until(lambda: api.http.get(served).is_success, f"{plural} are served")
    yield
    api.delete(f"{_CRDS}/{plural}.{group}")
