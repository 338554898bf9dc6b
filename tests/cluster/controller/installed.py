"""The controller's schema, roles and policies, from the chart's files, on a cluster that is shared.

`install` is safe to be called by every test: it applies what is the same for all of them. What
belongs to one controller is made under names of its own, and goes with it.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from hack.cluster import Cluster
from tests.cluster.api import Api, Json, Refused

FILES: Final = Path(__file__).parents[3] / "charts" / "workload-identity-webhook" / "files"
NAMESPACE: Final = "azure-workload-identity-system"
NAME: Final = "azwi-controller"
"""What stands in the files, for the chart to put the release's names in its place."""

GROUP: Final = "azure.workload.identity"
FICS: Final = f"/apis/{GROUP}/v1alpha1"
RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def fics(namespace: str) -> str:
    """Return the path of a namespace's objects."""
    return f"{FICS}/namespaces/{namespace}/federatedidentitycredentials"


def documents(file: str, *, namespace: str = NAMESPACE, name: str = NAME) -> list[Json]:
    """Read a file of the chart, with a namespace and a name in the places of those that it has.

    The Lease and the ConfigMaps that a Role names are in the namespace: those stay.
    """
    bodies = yaml.safe_load_all((FILES / file).read_text())
    return [_renamed(body, {NAMESPACE: namespace, NAME: name}) for body in bodies]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            field: inner if field == "resourceNames" else _renamed(inner, names)
            for field, inner in value.items()
        }
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new)
    return value


def install(api: Api) -> None:
    """Apply the schema and the aggregated roles; returns when objects can be made and found."""
    for body in (*documents("crd.yaml"), *documents("aggregated-roles.yaml")):
        apply(api, body)
    name = documents("crd.yaml")[0]["metadata"]["name"]
    api.events_until(_CRDS, _established, fieldSelector=f"metadata.name={name}")
    until(lambda: _served(api), "the new resource is served")


@contextmanager
def a_controller(
    api: Api, namespace: str, *, resource_ids: bool = False, probed: tuple[str, ...] = ()
) -> Iterator[str]:
    """What one controller in a namespace of a test may do; yields its user name.

    Its kubeconfig is made by `kubeconfig_of`. It may request tokens in the namespaces that are
    `probed`.
    """
    name = f"{NAME}-{namespace}"
    files = [
        "controller-role.yaml",
        *(["controller-role-resource-ids.yaml"] if resource_ids else []),
    ]
    bodies = [body for file in files for body in documents(file, namespace=namespace, name=name)]
    if probed:
        bodies += documents("controller-role-probe.yaml", namespace=namespace, name=name)
        bodies += [_may_probe(namespace, name, there) for there in probed]
    with ExitStack() as after:
        apply(
            api,
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": namespace},
            },
        )
        for body in bodies:
            apply(api, body)
            after.callback(remove, api, body)
        user = f"system:serviceaccount:{namespace}:{name}"
        until(lambda: _may_work(api, user, namespace, probed), "the controller's rights hold")
        yield user


def kubeconfig_of(cluster: Cluster, api: Api, user: str, folder: Path) -> Path:
    """Write a kubeconfig of a ServiceAccount with a token of its own, good for an hour."""
    namespace, name = user.split(":")[2:]
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    token = api.post(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    for entry in config["clusters"]:
        if authority := entry["cluster"].get("certificate-authority"):
            found = (cluster.kubeconfig.parent / authority).resolve()
            entry["cluster"]["certificate-authority"] = str(found)
    for entry in config["users"]:
        entry["user"] = {"token": token}
    written = folder / f"{name}.kubeconfig"
    written.write_text(json.dumps(config))
    return written


def allowed(
    api: Api,
    user: str,
    verb: str,
    resource: str,
    *,
    group: str = "",
    namespace: str = "",
    **more: str,
) -> bool:
    """Ask the API server whether a user may do something; `resource` may name a subresource."""
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
    spec = {
        "user": user,
        "groups": ["system:authenticated"],
        "resourceAttributes": {**attributes, "namespace": namespace, **more},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(api.post(path, {"spec": spec})["status"]["allowed"])


def apply(api: Api, body: Json) -> Json:
    """Apply an object on the server's side: made or changed, whoever else does the same."""
    answer = api.http.patch(
        path_of(body),
        content=json.dumps(body),
        headers={"Content-Type": "application/apply-patch+yaml"},
        params={"fieldManager": "azwi-tests", "force": "true"},
    )
    if not answer.is_success:
        raise Refused(answer)
    found: Json = answer.json()
    return found


def remove(api: Api, body: Json) -> None:
    """Delete what was applied, if it is still there."""
    answer = api.http.delete(path_of(body))
    if not answer.is_success and answer.status_code != 404:
        raise Refused(answer)


def path_of(body: Json) -> str:
    """Return where an object of the chart's files is."""
    api_version, metadata = body["apiVersion"], body["metadata"]
    root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
    kind = body["kind"].lower()
    plural = kind[:-1] + "ies" if kind.endswith("policy") else kind + "s"
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{within}/{plural}/{metadata['name']}"


def until(seen: Callable[[], Any], what: str, *, seconds: float = 60) -> None:
    """Ask again and again for what the API server tells no event of."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def _may_work(api: Api, user: str, namespace: str, probed: tuple[str, ...]) -> bool:
    """Whether each of its bindings has come to the API server's authorizer."""
    return (
        allowed(api, user, "list", "serviceaccounts")
        and allowed(api, user, "create", "configmaps", namespace=namespace)
        and all(
            allowed(api, user, "create", "serviceaccounts/token", namespace=one) for one in probed
        )
    )


def _may_probe(namespace: str, name: str, there: str) -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{name}-probe", "namespace": there},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": f"{name}-probe",
        },
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
    }


def _established(crd: Json) -> bool:
    conditions = crd.get("status", {}).get("conditions", [])
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _served(api: Api) -> bool:
    """Whether the handler knows it, and whoever looks what there is finds it."""
    listed = api.http.get(f"{FICS}/federatedidentitycredentials", params={"limit": 1})
    groups = {group["name"] for group in api.get("/apis")["groups"]}
    return listed.is_success and GROUP in groups
