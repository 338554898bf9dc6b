"""The webhook in a real API server's own admission chain."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster
from hack.webhook import RULES, TENANT_ID, Certificate, Webhook, by_url, make_certificate, running
from hack.webhook import registration as a_registration
from identity.names import MOUNT_PATH, PREFIX, USE, VOLUME_NAME
from tests.cluster.api import Api, Json, Refused, a_namespace, api_of
from tests.cluster.bystander import CONTAINER, bystander

pytestmark = pytest.mark.cluster

REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
TOKEN_FILE = f"{MOUNT_PATH}/token/azure-identity-token"
VARIABLES = {
    "AZURE_CLIENT_ID": CLIENT,
    "AZURE_TENANT_ID": TENANT_ID,
    "AZURE_FEDERATED_TOKEN_FILE": TOKEN_FILE,
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
}
PROXY = {"PROXY_IMAGE": "registry.example/proxy:1", "PROXY_INIT_IMAGE": "registry.example/init:1"}


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def kubeconfig(cluster: Cluster, api: Api) -> Iterator[Path]:
    """The webhook's own: it may read ServiceAccounts, and nothing else at all."""
    name = f"webhook-{uuid.uuid4().hex[:6]}"
    group = "rbac.authorization.k8s.io"
    roles, bindings = f"/apis/{group}/v1/clusterroles", f"/apis/{group}/v1/clusterrolebindings"
    api.post(roles, {"metadata": {"name": name}, "rules": RULES})
    api.post(
        bindings,
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
        },
    )
    yield cluster.kubeconfig_for(name)
    api.delete(f"{bindings}/{name}")
    api.delete(f"{roles}/{name}")


@pytest.fixture(scope="module")
def host(cluster: Cluster) -> str:
    return "127.0.0.1" if cluster.ours and cluster.way != "kind" else cluster.host_address


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, host: str) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("webhook") / "certificate", host)


@pytest.fixture(scope="module")
def webhook(
    kubeconfig: Path, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    with running(
        Webhook(
            tmp_path_factory.mktemp("webhook"),
            kubeconfig,
            [
                "--disable-cert-rotation",
                f"--webhook-cert-dir={certificate.folder}",
                "--shutdown-delay=0s",
            ],
            PROXY,
        )
    ) as process:
        yield process


@contextmanager
def registered(
    api: Api, client_config: Json, *, prefix: str = "test", **changes: Any
) -> Iterator[str]:
    """A registration for the namespaces that carry the label which is yielded.

    The API server asks webhooks in the order of their registrations' names.
    """
    name = f"{prefix}-{uuid.uuid4().hex[:6]}"
    changes.setdefault("namespaceSelector", {"matchLabels": {"registration": name}})
    api.post(REGISTRATIONS, a_registration(name, client_config, **changes))
    try:
        yield name
    finally:
        api.delete(f"{REGISTRATIONS}/{name}")


@contextmanager
def asked(
    api: Api, webhook: Webhook, certificate: Certificate, host: str, **changes: Any
) -> Iterator[str]:
    """A namespace whose labelled pods the webhook is asked about."""
    with (
        registered(api, by_url(host, webhook.port, certificate.authority), **changes) as label,
        a_namespace(api, "admission", registration=label) as name,
    ):
        _await_registration(api, name)
        yield name


def _await_registration(api: Api, namespace: str) -> None:
    """Ask until the API server's admission chain has learnt of the registration."""
    add_account(api, namespace, "probe", {"client-id": CLIENT})
    for _ in range(1000):
        pod, _warnings = api.create_pod(namespace, labelled("probe", account="probe"), dryRun="All")
        if variables_of(pod):
            return
    raise AssertionError("the API server never asked the webhook")


@pytest.fixture(scope="module")
def namespace(api: Api, webhook: Webhook, certificate: Certificate, host: str) -> Iterator[str]:
    with asked(api, webhook, certificate, host) as name:
        add_account(api, name, "billing", {"client-id": CLIENT})
        yield name


def add_account(api: Api, namespace: str, name: str, annotations: dict[str, str]) -> None:
    api.post(
        f"/api/v1/namespaces/{namespace}/serviceaccounts",
        {
            "metadata": {
                "name": name,
                "annotations": {PREFIX + key: value for key, value in annotations.items()},
            }
        },
    )


def labelled(name: str | None = "web", *, account: str = "billing", **annotations: str) -> Json:
    metadata: Json = {"name": name} if name else {"generateName": "web-"}
    metadata |= {
        "labels": {USE: "true"},
        "annotations": {
            PREFIX + key.replace("_", "-"): value for key, value in annotations.items()
        },
    }
    return {
        "metadata": metadata,
        "spec": {
            "serviceAccountName": account,
            "containers": [{"name": "app", "image": "registry.example/app:1"}],
        },
    }


def variables_of(pod: Json, container: int = 0) -> dict[str, str]:
    env = pod["spec"]["containers"][container].get("env", [])
    return {variable["name"]: variable["value"] for variable in env}


def projections(pod: Json) -> list[Json]:
    return [
        volume["projected"]["sources"][0]["serviceAccountToken"]
        for volume in pod["spec"]["volumes"]
        if volume["name"] == VOLUME_NAME
    ]


def test_a_labelled_pod_is_stored_with_its_identity(api: Api, namespace: str) -> None:
    pod, warnings = api.create_pod(namespace, labelled("stored"))
    assert variables_of(pod) == VARIABLES
    assert projections(pod) == [
        {
            "audience": "api://AzureADTokenExchange",
            "expirationSeconds": 3600,
            "path": "token/azure-identity-token",
        }
    ]
    assert pod == api.get(f"/api/v1/namespaces/{namespace}/pods/stored")
    assert warnings == []


def test_a_pod_without_the_label_is_not_asked_about(
    api: Api, namespace: str, webhook: Webhook
) -> None:
    before = webhook.metrics()
    pod = labelled("unlabelled")
    del pod["metadata"]["labels"]
    stored, _ = api.create_pod(namespace, pod)
    assert variables_of(stored) == {}
    assert requests_told(webhook.metrics()) == requests_told(before)


def requests_told(metrics: str) -> list[str]:
    return [line for line in metrics.splitlines() if line.startswith("azwi_requests_total")]


def test_a_dry_run_shows_the_same_and_stores_nothing(api: Api, namespace: str) -> None:
    pod, _ = api.create_pod(namespace, labelled("dry"), dryRun="All")
    assert variables_of(pod) == VARIABLES
    with pytest.raises(Refused, match="not found"):
        api.get(f"/api/v1/namespaces/{namespace}/pods/dry")


def test_a_pod_with_generate_name_gets_its_identity(api: Api, namespace: str) -> None:
    pod, _ = api.create_pod(namespace, labelled(None))
    assert pod["metadata"]["name"].startswith("web-")
    assert variables_of(pod) == VARIABLES


def test_a_deployments_pods_get_their_identity(api: Api, namespace: str) -> None:
    template = labelled("unused")
    template["metadata"] = {"labels": {USE: "true", "app": "deployed"}}
    api.post(
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        {
            "metadata": {"name": "deployed"},
            "spec": {"selector": {"matchLabels": {"app": "deployed"}}, "template": template},
        },
    )
    pod = api.events_until(
        f"/api/v1/namespaces/{namespace}/pods", lambda _: True, labelSelector="app=deployed"
    )
    assert variables_of(pod) == VARIABLES
    stored = api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/deployed")
    assert variables_of(stored["spec"]["template"]) == {}


def test_a_pod_that_names_no_account_runs_as_default(api: Api, namespace: str) -> None:
    pod = labelled("as-default")
    del pod["spec"]["serviceAccountName"]
    stored, warnings = api.create_pod(namespace, pod)
    assert "AZURE_CLIENT_ID" not in variables_of(stored)
    assert variables_of(stored)["AZURE_FEDERATED_TOKEN_FILE"] == TOKEN_FILE
    assert warnings == [f"ServiceAccount default has no annotation {PREFIX}client-id"]


def test_an_account_made_just_before_its_pod_is_known(api: Api, namespace: str) -> None:
    for number in range(20):
        name = f"fresh-{number}"
        add_account(api, namespace, name, {"client-id": CLIENT})
        pod, _ = api.create_pod(namespace, labelled(name, account=name), dryRun="All")
        assert variables_of(pod) == VARIABLES


def test_an_account_annotated_just_before_its_pod_is_known_so(api: Api, namespace: str) -> None:
    for number in range(20):
        name = f"late-{number}"
        add_account(api, namespace, name, {})
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        annotations = {PREFIX + "client-id": CLIENT}
        api.merge(f"{accounts}/{name}", {"metadata": {"annotations": annotations}})
        pod, warnings = api.create_pod(namespace, labelled(name, account=name), dryRun="All")
        assert variables_of(pod) == VARIABLES
        assert warnings == []


def test_a_second_webhooks_container_gets_its_identity_too(
    api: Api, namespace: str, certificate: Certificate, host: str
) -> None:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    with (
        bystander(certificate, host) as (port, passes),
        registered(
            api,
            by_url(host, port, certificate.authority),
            prefix="zz-after-ours",
            namespaceSelector=selector,
        ),
    ):
        for _ in range(1000):
            pod, _warnings = api.create_pod(namespace, labelled(None), dryRun="All")
            if passes:
                break
    assert pod["metadata"]["name"] == "named-by-a-bystander"
    containers = [container["name"] for container in pod["spec"]["containers"]]
    assert containers == ["app", CONTAINER["name"]]
    assert variables_of(pod, 0) == variables_of(pod, 1) == VARIABLES
    assert len(projections(pod)) == 1


def test_a_warning_reaches_whoever_creates_the_pod(api: Api, namespace: str) -> None:
    _, warnings = api.create_pod(
        namespace, labelled("warned", skip_containers="no-such-container"), dryRun="All"
    )
    assert warnings == [
        'skip-containers names "no-such-container", which is no container of the pod'
    ]


def test_a_refusal_reaches_whoever_creates_the_pod(api: Api, namespace: str) -> None:
    with pytest.raises(Refused) as refused:
        api.create_pod(namespace, labelled("refused", service_account_token_expiration="60"))
    assert refused.value.code == 400
    assert 'service-account-token-expiration: "60" is not valid' in refused.value.message
    assert "3600 to 86400" in refused.value.message


def test_an_account_that_is_not_there_is_refused(api: Api, namespace: str) -> None:
    """By the API server's own plugin, before any webhook is asked."""
    with pytest.raises(Refused, match="not found"):
        api.create_pod(namespace, labelled("lost", account="nobody"))


def test_the_proxys_containers_are_ones_that_the_api_server_takes(api: Api, namespace: str) -> None:
    pod, _ = api.create_pod(namespace, labelled("proxied", inject_proxy_sidecar="true"))
    init = pod["spec"]["initContainers"]
    assert [container["name"] for container in init] == ["azwi-proxy-init", "azwi-proxy"]
    assert init[1]["restartPolicy"] == "Always"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_both_versions_of_the_review_are_answered(
    api: Api, webhook: Webhook, certificate: Certificate, host: str, version: str
) -> None:
    with asked(api, webhook, certificate, host, admissionReviewVersions=[version]) as namespace:
        add_account(api, namespace, "billing", {"client-id": CLIENT})
        pod, warnings = api.create_pod(namespace, labelled(skip_containers="none"))
    assert variables_of(pod) == VARIABLES
    assert len(warnings) == 1


class TestAWebhookThatIsAway:
    """Nothing listens on port 1."""

    def test_stops_labelled_pods_where_the_policy_is_fail(
        self, api: Api, certificate: Certificate, host: str
    ) -> None:
        away = by_url(host, 1, certificate.authority)
        with registered(api, away) as label, a_namespace(api, "away", registration=label) as name:
            add_account(api, name, "billing", {"client-id": CLIENT})
            refused = self.first_refusal(api, name)
        assert refused.code == 500
        assert "failed calling webhook" in refused.message

    @staticmethod
    def first_refusal(api: Api, namespace: str) -> Refused:
        for _ in range(1000):
            try:
                api.create_pod(namespace, labelled(), dryRun="All")
            except Refused as refused:
                return refused
        raise AssertionError("the API server never asked the webhook")

    def test_lets_them_in_as_they_are_where_the_policy_is_ignore(
        self, api: Api, webhook: Webhook, certificate: Certificate, host: str
    ) -> None:
        with asked(api, webhook, certificate, host, failurePolicy="Ignore") as namespace:
            add_account(api, namespace, "billing", {"client-id": CLIENT})
            label = api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]["registration"]
            registration = api.get(f"{REGISTRATIONS}/{label}")
            registration["webhooks"][0]["clientConfig"] = by_url(host, 1, certificate.authority)
            api.put(f"{REGISTRATIONS}/{label}", registration)
            for _ in range(1000):
                pod, _warnings = api.create_pod(namespace, labelled(), dryRun="All")
                if not variables_of(pod):
                    return
        raise AssertionError("the API server never asked the webhook that is away")
