"""Workloads of every kind sign in with real projected tokens, from inside their pods."""

import pytest

from controller.names import GROUP, PLURAL, VERSION
from identity.names import DEFAULT_AUDIENCE
from tests.chart.helm import NAMESPACE
from tests.cluster.api import Api, Json, Refused
from tests.e2e.entra import EMULATOR, Entra
from tests.e2e.objects import apply, is_ready, until_ready
from tests.e2e.release import Release
from tests.e2e.settings import Settings
from tests.e2e.workloads import (
    a_job,
    claims_of,
    ends,
    exit_codes,
    log_of,
    manifests,
    pods_of,
    told_by,
    who,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def workloads(api: Api, settings: Settings, shop: str) -> dict[str, Json]:
    """Those of examples/workloads.yaml, all applied at once."""
    found = manifests(settings)
    for each in found.values():
        apply(api, each)
    return found


def test_a_job_gets_an_access_token(
    api: Api, settings: Settings, shop: str, workloads: dict[str, Json], entra: Entra
) -> None:
    until_ready(api, workloads["Job/orders-report"])
    (pod,) = pods_of(api, shop, "orders-report")
    told = told_by(log_of(api, pod))
    ids = settings.identities
    assert who(told) == (ids.orders, ids.tenant, f"system:serviceaccount:{shop}:orders")
    projected = told["projected"]
    assert (projected["iss"], projected["aud"]) == (entra.issuer, [DEFAULT_AUDIENCE])
    assert projected["exp"] - projected["iat"] == 3600
    assert projected["kubernetes.io"]["pod"]["name"] == pod["metadata"]["name"]


@pytest.mark.parametrize(
    "workload", ["Deployment/orders", "StatefulSet/mailbox", "DaemonSet/mail-relay"]
)
def test_every_pod_of_a_workload_signs_in_as_its_own_identity(
    api: Api, settings: Settings, shop: str, workloads: dict[str, Json], workload: str
) -> None:
    until_ready(api, workloads[workload])
    pods = pods_of(api, shop, workload.partition("/")[2])
    assert pods
    account = workloads[workload]["spec"]["template"]["spec"]["serviceAccountName"]
    ids = settings.identities
    client = {"orders": ids.orders, "mail": ids.mail}[account]
    whose = (client, ids.tenant, f"system:serviceaccount:{shop}:{account}")
    assert [who(claims_of(api, pod)) for pod in pods] == [whose] * len(pods)


def test_the_credentials_are_the_controllers_work(
    api: Api, settings: Settings, shop: str, workloads: dict[str, Json], entra: Entra
) -> None:
    for account in ("orders", "mail"):
        fic = _until(api, shop, account, "Ready", "True")
        assert fic["metadata"]["ownerReferences"][0]["kind"] == "ServiceAccount"
    ids = settings.identities
    assert entra.subjects(ids.orders) == {f"system:serviceaccount:{shop}:orders"}
    assert entra.subjects(ids.mail) == {f"system:serviceaccount:{shop}:mail"}


def test_an_init_container_signs_in_and_a_skipped_container_is_left_alone(
    api: Api, settings: Settings, shop: str, workloads: dict[str, Json]
) -> None:
    job = a_job(workloads["Job/orders-report"], "skips")
    template = job["spec"]["template"]
    template["metadata"]["annotations"] = {
        "azure.workload.identity/skip-containers": "other ; none-of-this-name"
    }
    (app,) = template["spec"]["containers"]
    template["spec"]["initContainers"] = [app | {"name": "first"}]
    template["spec"]["containers"].append(app | {"name": "other"})
    until_ready(api, workloads["Job/orders-report"])  # the credential is there
    apply(api, job)
    pod = ends(api, shop, "skips")
    assert exit_codes(pod) == {"first": 0, "app": 0, "other": 2}
    assert who(told_by(log_of(api, pod, "first"))) == who(told_by(log_of(api, pod)))
    assert "no AZURE_CLIENT_ID" in log_of(api, pod, "other")


def test_an_annotation_without_a_grant_is_of_no_use(
    api: Api, settings: Settings, shop: str, workloads: dict[str, Json], entra: Entra
) -> None:
    account = dict(workloads["ServiceAccount/orders"])
    account["metadata"] = account["metadata"] | {"name": "stranger"}
    apply(api, account)
    _until(api, shop, "stranger", "Authorized", "False")
    job = a_job(workloads["Job/orders-report"], "stranger")
    job["spec"]["template"]["spec"]["serviceAccountName"] = "stranger"
    apply(api, job)
    pod = ends(api, shop, "stranger")
    assert exit_codes(pod) == {"app": 1}
    assert "AADSTS70" in log_of(api, pod)
    assert entra.subjects(settings.identities.orders) == {f"system:serviceaccount:{shop}:orders"}


@pytest.mark.parametrize("namespace", [NAMESPACE, EMULATOR])
def test_all_this_runs_in_namespaces_that_take_restricted_pods_only(
    api: Api, shop: str, entra: Entra, namespace: str
) -> None:
    if namespace == EMULATOR and not entra.emulated:
        pytest.skip("no emulator: Entra ID itself was named")
    pod = {
        "metadata": {"name": "free"},
        "spec": {"containers": [{"name": "app", "image": "registry.example/none:1"}]},
    }
    with pytest.raises(Refused, match='violates PodSecurity "restricted'):
        api.create_pod(namespace, pod, dryRun="All")
    pods = api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    assert any(is_ready(pod | {"kind": "Pod"}) for pod in pods)


def test_helm_test_passes(release: Release) -> None:
    release.helm.test()


def _until(api: Api, namespace: str, account: str, kind: str, status: str) -> Json:
    """Wait until the credential's object of a ServiceAccount has a condition."""

    def seen(fic: Json) -> bool:
        conditions = fic.get("status", {}).get("conditions", [])
        told = {each["type"]: each["status"] for each in conditions}
        return bool(fic["spec"].get("serviceAccountName") == account and told.get(kind) == status)

    return api.events_until(f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}", seen)
