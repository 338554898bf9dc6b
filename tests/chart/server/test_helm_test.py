"""The program of `helm test`, against a real API server that asks the real webhook."""

import base64
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster
from hack.webhook import TENANT_ID, Certificate, Webhook, by_url, make_certificate, running
from hack.webhook import registration as a_registration
from tests.chart.helm import CHART, template
from tests.cluster.api import Api, Json, a_namespace, api_of
from tests.cluster.controller.installed import apply, kubeconfig_of, until

pytestmark = pytest.mark.cluster

PROGRAM = CHART / "files" / "helm_test.py"
NAME = "azwi-helm-test"
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


@pytest.fixture(scope="module")
def host(cluster: Cluster) -> str:
    return "127.0.0.1" if cluster.ours and cluster.way != "kind" else cluster.host_address


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, host: str) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("webhook") / "certificate", host)


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """One of a release, under the restricted standard, with the test's account and rights."""
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    with a_namespace(api, "helm-test", **enforced) as name:
        for body in hooks(name):
            if body["kind"] != "Pod":
                apply(api, body)
        yield name


def hooks(namespace: str) -> list[Json]:
    rendered = template(values={"azureTenantID": TENANT_ID}, namespace=namespace)
    return [body for body in rendered if body["metadata"]["name"] == NAME]


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(
    cluster: Cluster, api: Api, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Runs the pod's command with the pod's variables, as the pod's ServiceAccount."""
    (pod,) = [body for body in hooks(namespace) if body["kind"] == "Pod"]
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["python3", "-IBS", "/test/helm_test.py"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    folder = secrets_of(cluster, api, namespace, tmp_path_factory.mktemp("secrets"))
    with api_of(cluster) as there:
        address = there.http.base_url
    where = {
        "SECRETS": str(folder),
        "KUBERNETES_SERVICE_HOST": address.host,
        "KUBERNETES_SERVICE_PORT": str(address.port),
        "PATIENCE": "0",
        "HTTPS_PROXY": "http://127.0.0.1:1",  # which is not to be asked
    }

    def started(**changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-IBS", str(PROGRAM)],
            env={**variables, **where, **changes},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return started


def secrets_of(cluster: Cluster, api: Api, namespace: str, folder: Path) -> Path:
    """What a kubelet mounts: the account's token, and the authority of the API server."""
    user = f"system:serviceaccount:{namespace}:{NAME}"
    config = yaml.safe_load(kubeconfig_of(cluster, api, user, folder).read_text())
    (folder / "token").write_text(config["users"][0]["user"]["token"] + "\n")
    of_cluster = config["clusters"][0]["cluster"]
    if "certificate-authority" in of_cluster:
        authority = Path(of_cluster["certificate-authority"]).read_bytes()
    else:
        authority = base64.b64decode(of_cluster["certificate-authority-data"])
    (folder / "ca.crt").write_bytes(authority)
    return folder


Asked = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="module")
def asked(api: Api, namespace: str, certificate: Certificate, host: str) -> Asked:
    """The API server asks a port, as far as it has learnt of that: `PATIENCE` is for the rest."""

    @contextmanager
    def registered(port: int) -> Iterator[None]:
        name = f"helm-test-{uuid.uuid4().hex[:6]}"
        where = by_url(host, port, certificate.authority)
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        api.post(REGISTRATIONS, a_registration(name, where, namespaceSelector=selector))
        try:
            yield
        finally:
            api.delete(f"{REGISTRATIONS}/{name}")

    return registered


@pytest.fixture(scope="module", params=["current", "legacy", "both"])
def webhook(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Webhook]:
    """One that mounts the token at one place, at the other, or at both."""
    flags = [
        "--disable-cert-rotation",
        f"--webhook-cert-dir={certificate.folder}",
        "--shutdown-delay=0s",
        f"--token-path-mode={request.param}",
    ]
    with running(Webhook(tmp_path_factory.mktemp("webhook"), cluster.kubeconfig, flags)) as process:
        yield process


def test_it_passes_where_a_labelled_pod_gets_its_identity(
    api: Api, namespace: str, webhook: Webhook, asked: Asked, run: Run
) -> None:
    with asked(webhook.port):
        result = run(PATIENCE="60")
    assert result.returncode == 0, result.stdout + result.stderr
    told = result.stdout.partition("a labelled pod gets its identity:\n")[2].splitlines()
    file = told.pop(2).strip()
    assert [line.strip() for line in told] == [
        "AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/",
        "AZURE_CLIENT_ID=00000000-0000-4000-8000-000000000000",
        f"AZURE_TENANT_ID={TENANT_ID}",
        "a token for the audience api://AzureADTokenExchange",
        "a pod without the label was left alone",
    ]
    assert file.startswith("AZURE_FEDERATED_TOKEN_FILE=/var/run/secrets/azure/")
    assert result.stderr == ""
    assert api.get(f"/api/v1/namespaces/{namespace}/pods")["items"] == []


def test_it_fails_where_nobody_asks_the_webhook(run: Run, namespace: str) -> None:
    result = run()
    assert result.returncode == 1
    assert result.stdout.startswith("FAILED: a pod with the label azure.workload.identity/use:")
    assert f"take pods of the namespace {namespace}?" in result.stdout


def test_it_fails_where_the_webhook_is_away(asked: Asked, run: Run) -> None:
    """Nothing listens on port 1."""
    with asked(1):
        until(lambda: "reviewed" in run().stdout, "the API server asks")
        result = run()
    assert result.returncode == 1
    assert "FAILED: the API server could not have the pod reviewed" in result.stdout
    assert "failed calling webhook" in result.stdout


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("TENANT_ID", f'AZURE_TENANT_ID is "{TENANT_ID}"; expected "other"'),
        ("CLIENT_ID", "AZURE_CLIENT_ID is"),
        ("AUDIENCE", 'is for the audience "api://AzureADTokenExchange"; expected "other"'),
    ],
)
def test_it_fails_where_a_pod_gets_other_than_it_should(
    webhook: Webhook, asked: Asked, run: Run, variable: str, words: str
) -> None:
    with asked(webhook.port):
        result = run(**{variable: "other", "PATIENCE": "60"})
    assert result.returncode == 1
    told = result.stdout.partition("FAILED: ")[2].splitlines()[1:]
    assert told
    assert all(words in line for line in told), "of the one fault, for each token, and no other"


def test_it_says_which_right_it_lacks(api: Api, cluster: Cluster, run: Run, tmp_path: Path) -> None:
    with a_namespace(api, "helm-test-lacks") as name:
        for body in hooks(name):
            if body["kind"] == "ServiceAccount":
                apply(api, body)
        folder = secrets_of(cluster, api, name, tmp_path)
        result = run(SECRETS=str(folder), NAMESPACE=name)
    assert result.returncode == 1
    assert "the test's pod was refused" in result.stdout
    assert 'cannot create resource "pods"' in result.stdout


def test_it_says_that_the_api_server_is_not_there(run: Run) -> None:
    result = run(KUBERNETES_SERVICE_PORT="1")
    assert result.returncode == 1
    assert "FAILED: the API server at https://" in result.stdout
    assert "can't be reached" in result.stdout


def test_its_own_pod_is_one_that_the_namespace_takes(api: Api, namespace: str) -> None:
    (pod,) = [body for body in hooks(namespace) if body["kind"] == "Pod"]
    _, warnings = api.create_pod(namespace, pod, dryRun="All")
    assert warnings == []
