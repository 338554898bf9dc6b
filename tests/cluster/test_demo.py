"""The demo as people run it: a process, its output, its exit status, and what it leaves behind."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster
from hack.cluster.folders import Folders
from hack.demo.api import Api
from hack.demo.controller import definition
from hack.demo.credentials import ALL
from hack.demo.quick_start import MANIFESTS
from identity.names import CLIENT_ID

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "hack.demo"]
SECONDS = 300
ONE, OTHER = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34", "2b9e6c71-84d3-4c5a-b0f7-19ad3e5c8d42"
NAMESPACE, OWN_NAMESPACE = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for name in ("quick-start", "azwi-demo")
)
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KINDS = (
    "/api/v1/namespaces",
    DEFINITIONS,
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/certificates.k8s.io/v1/certificatesigningrequests",
)


@pytest.fixture
def alone(cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    """Variables of a run that brings up its own cluster, with a state folder that we can look into.

    The session's cluster tells that there is a way to one, and has its programs built by now.
    """
    if not cluster.ours:
        pytest.skip("AZWI_KUBECONFIG is set: the demo brings up no cluster of its own")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "bin").symlink_to(Folders.of(os.environ).root / "bin")
    return {**plain(), "AZWI_CACHE": str(tmp_path / "state")}


@pytest.fixture
def lent(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Variables of a run on the session's cluster; what it makes there must be gone at its end."""
    await_nothing_of_others(cluster)
    before = what_is_there(cluster)
    yield {**plain(), "AZWI_KUBECONFIG": str(cluster.kubeconfig), "AZWI_CLUSTER_WAY": "kubeconfig"}
    assert what_is_there(cluster) == before


def plain() -> dict[str, str]:
    no = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "AZWI_CLUSTER_WAY")
    return {key: value for key, value in os.environ.items() if key not in no}


def what_is_there(cluster: Cluster) -> dict[str, set[str]]:
    ours = re.compile(r"azwi-|quick-start|federatedidentitycredentials\.")
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        return {
            kind: {
                one["metadata"]["name"]
                for one in api.get(kind)["items"]
                if ours.match(one["metadata"]["name"])
            }
            for kind in KINDS
        }


def await_nothing_of_others(cluster: Cluster) -> None:
    """Wait until namespaces of earlier tests are gone: the demo refuses to touch what is theirs."""
    end = time.monotonic() + SECONDS
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        while found := [
            *(
                one["metadata"]["namespace"]
                for one in api.get("/api/v1/serviceaccounts")["items"]
                if CLIENT_ID in (one["metadata"].get("annotations") or {})
            ),
            *(
                one["metadata"]["namespace"]
                for one in (api.get(ALL)["items"] if api.find(definition()) else ())
            ),
        ]:
            assert time.monotonic() < end, found
            time.sleep(0.2)


def run(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def processes_in(folder: str) -> dict[int, str]:
    """The command lines that name a folder, by process id."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if folder in line:
                found[int(file.parent.name)] = line
    return found


def assert_nothing_is_left(environment: dict[str, str]) -> None:
    state = Path(environment["AZWI_CACHE"])
    # What a signal caught in the midst of its start ends by itself: its keeper sees our end.
    for pid in processes_in(str(state)):
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            select.select([process], [], [], 10)
            os.close(process)
    assert processes_in(str(state)) == {}
    assert list((state / "run").iterdir()) == []


def test_it_tells_shows_and_checks_everything_and_leaves_nothing(alone: dict[str, str]) -> None:
    done = run(alone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for line in (
        r"azwi demo: from a grant to an access token",
        r"   starting kube-apiserver \.+ [0-9.]+ s",
        r"   starting it \(python -m emulator\) \.+ [0-9.]+ s",
        r"   starting it \(python -m webhook\) \.+ [0-9.]+ s",
        r"   starting it \(python -m controller\) \.+ [0-9.]+ s",
        r"[0-9]+  grant\.yaml: an admin grants two identities",
        rf"   annotating it: client-id {ONE} \.+ [0-9.]+ s",
        r"   waiting until its credential is Ready \.+ [0-9.]+ s",
        r"   NAME +IDENTITY +SUBJECT +READY +VERIFIED +REASON +AGE",
        rf"   billing-[a-z0-9-]+ +{ONE} +billing +True +True +Ready +[0-9]+s",
        r"   billing +trusts system:serviceaccount:quick-start:billing",
        r"   billing-next +trusts nobody",
        r"   registering the webhook with the API server \.+ [0-9.]+ s",
        r"   \+     - name: azure-workload-identity-reserved-token",
        r"   \+               audience: api://AzureADTokenExchange",
        r"   \+               expirationSeconds: 7200",
        r"   \+         - name: AZURE_CLIENT_ID",
        r"   pod bystander has no label azure\.workload\.identity/use: nothing changed",
        r"   sub +system:serviceaccount:quick-start:billing",
        r"   aud +api://AzureADTokenExchange",
        r"   exp +[0-9]+  [0-9-]{10} [0-9:]{8} UTC, 2 h after iat",
        rf"   appid +{ONE}",
        rf"   billing-[a-z0-9-]+ +{OTHER} +billing +True +True +Ready +[0-9]+s",
        r"   billing +trusts nobody",
        r"   billing-next +trusts system:serviceaccount:quick-start:billing",
        rf"   appid +{OTHER}",
        r"      [0-9]+ s at least, [0-9.]+ s so far",
        r"   waiting until the credential is gone \.+ ([0-9.]+ s|1 min [0-9]+ s)",
        rf"   billing-[a-z0-9-]+ +{OTHER} +billing +False .*",
        r"      .*a ClusterRole",
        r"   refused: AADSTS70025",
        r"   waiting until its credential is gone \.+ [0-9.]+ s",
        r"   No resources found",
        r"   ✓ it is good for 2 h",
        r"   ✓ nothing is left in Entra ID but the controller's own credential",
        r"All as it should be, in [0-9]+ s",
    ):
        assert re.search(f"^{line}", done.stdout, re.MULTILINE), line
    assert "\x1b" not in done.stdout
    assert "✗" not in done.stdout
    assert "eyJ" not in done.stdout  # how every token begins: `{"` in base64
    tables = re.compile(r"   NAME |   billing-[a-z0-9]{20} ")
    assert max(len(line) for line in done.stdout.splitlines() if not tables.match(line)) <= 100
    assert_nothing_is_left(alone)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "   starting kube-apiserver"),
        (signal.SIGINT, "   registering"),
        (signal.SIGTERM, "   starting it (python -m controller)"),
        (signal.SIGINT, "   waiting until its credential is Ready"),
    ],
    ids=lambda value: value.strip() if isinstance(value, str) else value.name,
)
def test_interrupted_it_says_one_line_and_leaves_nothing(
    alone: dict[str, str], number: signal.Signals, moment: str
) -> None:
    running = subprocess.Popen(
        COMMAND, cwd=ROOT, env=alone, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    seen = b""
    while moment.encode() not in seen:
        chunk = os.read(running.stdout.fileno(), 4096)
        assert chunk, f"it ended before {moment}: {seen.decode()}"
        seen += chunk
    running.send_signal(number)
    _, errors = running.communicate(timeout=SECONDS)
    assert errors.decode() == f"interrupted ({number.name}): what was started is ended\n"
    assert running.returncode == 128 + number
    assert_nothing_is_left(alone)


def test_on_a_lent_cluster_its_objects_are_deleted_again(
    cluster: Cluster, lent: dict[str, str]
) -> None:
    """On a terminal, so that colour is seen, too; `lent` looks at what is left.

    The definition is there before, made by somebody else: it is used, and stays.
    """
    with somebodys_definition(cluster):
        status, shown = run_on_a_terminal({**lent, "TERM": "xterm"}, "--quick")
    assert status == 0, shown
    assert "\x1b[32m   +         - name: AZURE_CLIENT_ID\x1b[0m" in shown
    assert "way: kubeconfig" in shown
    assert shown.count("\x1b[?25l") <= shown.count("\x1b[?25h")  # the cursor is there at the end


@contextlib.contextmanager
def somebodys_definition(cluster: Cluster) -> Iterator[None]:
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        before = api.find(definition())
        there = before or api.post(DEFINITIONS, definition())
        yield
        after = api.find(definition())
        if before is None:
            api.delete(definition())
            api.await_end(definition(), SECONDS)
    assert after is not None
    assert (after["metadata"]["uid"], after["spec"]) == (there["metadata"]["uid"], there["spec"])


def test_on_a_lent_cluster_an_interruption_deletes_its_objects_too(
    cluster: Cluster, lent: dict[str, str]
) -> None:
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        defined = api.find(definition())
    running = subprocess.Popen(
        COMMAND, cwd=ROOT, env=lent, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    seen = b""
    while b"   registering" not in seen:
        chunk = os.read(running.stdout.fileno(), 4096)
        assert chunk, seen.decode()
        seen += chunk
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 130
    assert errors.decode() == "interrupted (SIGINT): what was started is ended\n"
    # It doesn't wait for what it deletes, whose end is under way.
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        for one in (NAMESPACE, OWN_NAMESPACE, *([] if defined else [definition()])):
            found = api.find(one)
            assert found is None or "deletionTimestamp" in found["metadata"]
            assert api.await_end(one, SECONDS)


def test_a_refused_pod_fails_it_with_the_words_and_the_log(
    lent: dict[str, str], tmp_path: Path
) -> None:
    manifests = tmp_path / "too-short.yaml"
    manifests.write_text(MANIFESTS.read_text().replace('"7200"', '"10"'))
    done = run(lent, "--manifests", manifests)
    assert done.returncode == 1
    assert "service-account-token-expiration" in done.stderr
    assert "the last lines of the webhook's log:\n    {" in done.stderr
    assert "Traceback" not in done.stderr
    assert "registering the webhook with the API server" in done.stdout
    assert re.search(r"registering .* s, failed$", done.stdout, re.MULTILINE)


def test_an_api_server_that_cannot_reach_the_webhook_is_said_with_a_hint(
    lent: dict[str, str],
) -> None:
    done = run({**lent, "AZWI_HOST_ADDRESS": "demo.invalid"})
    assert done.returncode == 1
    assert "expected the API server to reach the webhook, found: " in done.stderr
    assert "https://demo.invalid:" in done.stderr
    assert "AZWI_HOST_ADDRESS" in done.stderr


def test_what_is_there_already_is_left_alone(cluster: Cluster, lent: dict[str, str]) -> None:
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        api.apply(NAMESPACE)
        done = run(lent)
        there = api.find(NAMESPACE)
        api.delete(NAMESPACE)
    assert there is not None
    assert there["status"]["phase"] == "Active"
    assert done.returncode == 1
    assert "expected a cluster without Namespace quick-start, found it" in done.stderr
    assert "kubectl delete namespace quick-start" in done.stderr
    await_end_of_namespace(cluster)


def test_service_accounts_that_its_controller_would_look_after_are_named(
    cluster: Cluster, lent: dict[str, str]
) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": "somebodys",
            "namespace": "default",
            "annotations": {CLIENT_ID: ONE},
        },
    }
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        api.apply(account)
        done = run(lent)
        api.delete(account)
    assert done.returncode == 1
    assert f"without ServiceAccounts annotated with {CLIENT_ID}, found default/s" in done.stderr


def await_end_of_namespace(cluster: Cluster) -> None:
    """Watch it until it is gone."""
    with Api(cluster.kubeconfig, own=cluster.ours) as api:
        api.await_end(NAMESPACE, SECONDS)


def run_on_a_terminal(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    master, slave = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(master, 4096):
                chunks.append(chunk)
        except OSError:  # Linux's way of saying that the other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        done: Any = subprocess.run(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=slave,
            stderr=slave,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(slave)
        reader.join(10)
        os.close(master)
    return done.returncode, b"".join(chunks).decode()
