"""The pod that comes out of a golden case is one that a real API server takes, whole."""

import re
from collections.abc import Iterator

import httpx
import pytest

from hack.cluster import Cluster
from tests.builders import Json
from tests.golden.case import Case, all_cases
from webhook.kube.kubeconfig import kubeconfig_connection
from webhook.mutation.mutate import account_name

pytestmark = pytest.mark.cluster

ACCEPTED = [case for case in all_cases() if case.accepted]
TAKEN = [case for case in ACCEPTED if case.skipped_on_the_api_server is None]
NOT_TAKEN = [case for case in ACCEPTED if case.skipped_on_the_api_server is not None]
NAMESPACE = "golden-pods"
OLDEST = (1, 36)


class Scratch:
    """A namespace with the ServiceAccounts of all cases, in which no pod is ever made for good."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def dry_run(self, pod: Json) -> httpx.Response:
        """Ask for a pod without storing it; the answer holds what would have been stored."""
        pod["metadata"]["namespace"] = NAMESPACE
        return self._api.post(
            f"/api/v1/namespaces/{NAMESPACE}/pods",
            params={"dryRun": "All", "fieldValidation": "Strict"},
            json=pod,
        )


@pytest.fixture(scope="module")
def scratch(cluster: Cluster) -> Iterator[Scratch]:
    found = re.match(r"v(\d+)\.(\d+)", cluster.version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        pytest.skip(f"golden pods have fields of Kubernetes 1.36; this is {cluster.version}")
    with client_of(cluster) as api:
        api.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}).raise_for_status()
        try:
            for name in sorted(set().union(*map(account_names, ACCEPTED))):
                ensure_account(api, name)
            yield Scratch(api)
        finally:
            api.delete(f"/api/v1/namespaces/{NAMESPACE}").raise_for_status()


def client_of(cluster: Cluster) -> httpx.Client:
    """Plain JSON over HTTPS: a typed client would check, and change, pods by itself."""
    connection = kubeconfig_connection(cluster.kubeconfig)
    token = connection.token.current() if connection.token else None
    return httpx.Client(
        base_url=connection.base_url,
        verify=connection.ssl_context or True,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        trust_env=False,
        timeout=30,
    )


def account_names(case: Case) -> set[str]:
    """The ServiceAccount that we take the pod to run as, and the one that the API server does."""
    return {account_name(case.pod), case.pod["spec"].get("serviceAccount") or "default"}


def ensure_account(api: httpx.Client, name: str) -> None:
    """Make a ServiceAccount; a controller may have been faster with `default`."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    answer = api.post(path, json={"metadata": {"name": name}})
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


@pytest.mark.parametrize("case", TAKEN, ids=[case.name for case in TAKEN])
def test_the_api_server_takes_the_pod_and_keeps_all_of_it(case: Case, scratch: Scratch) -> None:
    answer = scratch.dry_run(case.expected_pod)
    assert answer.is_success, answer.json()["message"]
    assert list(lost(expected_of(case), answer.json(), "")) == []


@pytest.mark.parametrize("case", NOT_TAKEN, ids=[case.name for case in NOT_TAKEN])
def test_a_case_is_not_left_out_without_need(case: Case, scratch: Scratch) -> None:
    answer = scratch.dry_run(case.expected_pod)
    assert answer.is_client_error or list(lost(expected_of(case), answer.json(), "")) != []


def expected_of(case: Case) -> Json:
    """The pod of the case, but for what any API server changes."""
    pod = case.expected_pod
    pod["metadata"]["namespace"] = NAMESPACE
    if not pod["spec"].get("serviceAccountName"):
        pod["spec"].pop("serviceAccountName", None)
    if "serviceAccount" in pod["spec"] and "serviceAccountName" in pod["spec"]:
        pod["spec"]["serviceAccount"] = pod["spec"]["serviceAccountName"]
    return pod


def lost(wanted: object, found: object, path: str) -> Iterator[str]:
    """Where what would be stored is not what was sent; more, and no nothings, is fine."""
    if wanted in (None, False, "", [], {}) and found in (None, False, "", [], {}):
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            yield from lost(value, found.get(key), f"{path}/{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) <= len(found):
        for index, value in enumerate(wanted):
            yield from lost(value, found[index], f"{path}/{index}")
    elif wanted != found:
        yield f"{path}: sent {wanted!r}, stored {found!r}"
