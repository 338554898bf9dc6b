"""Every golden case, sent to a real API server that asks the real server: TLS, review, patch, all.

The server runs in this process, so that each case can have its own configuration and
ServiceAccount; the API server's chain, validation and defaults are its own.
"""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster
from hack.webhook import Certificate, by_url, make_certificate, registration
from identity.account import Account
from tests.builders import Json
from tests.cluster.api import Api, Refused, a_namespace, api_of
from tests.cluster.test_golden_on_api_server import account_names, expected_of, lost
from tests.golden.case import Case, all_cases
from webhook.certificates.files import CertificateFiles
from webhook.config.settings import Address, CertificateConfig, ServerConfig
from webhook.metrics import Metrics
from webhook.mutation.mutate import mutate
from webhook.mutation.outcome import Injected
from webhook.mutation.outcome import Refused as Refusal
from webhook.server.admission import Admission
from webhook.server.server import Server

pytestmark = pytest.mark.cluster

NO_PODS = {"no-spec", "wrong-types"}
"""The API server refuses these itself, before it asks anybody."""
CASES = [
    case
    for case in all_cases()
    if case.skipped_on_the_api_server is None and case.name not in NO_PODS
]
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
NAME = "golden-through-the-webhook"


class OneCase:
    """Decides as the case at hand has it, and knows its ServiceAccount."""

    def __init__(self) -> None:
        self.case: Case = CASES[0]
        self.asked = 0

    def peek(self, namespace: str, name: str) -> Account:
        return self.case.account

    async def get(self, namespace: str, name: str, *, deadline: float | None = None) -> Account:
        raise AssertionError("every account is known: nobody asks for one")

    def decide(self, pod: dict[str, Any], namespace: str, account: Account) -> Injected | Refusal:
        self.asked += 1
        return mutate(pod, namespace, account, self.case.config)


@contextmanager
def serving(certificate: Certificate, one: OneCase) -> Iterator[int]:
    """Serve in a thread of its own; yields the port."""
    loop = asyncio.new_event_loop()
    up: Future[int] = Future()

    async def serve() -> None:
        config = ServerConfig(
            port=0, health=Address("127.0.0.1", 0), metrics=None, shutdown_delay=0
        )
        metrics = Metrics()
        files = CertificateFiles(CertificateConfig(certificate.folder))
        server = Server(config, {}, metrics)
        admission = Admission(one.decide, one, metrics, max_body_bytes=config.max_body_bytes)
        await server.start()
        await server.admit(admission, files.ssl_context)
        up.set_result(server.ports.webhook)
        await ended.wait()
        await server.stop(asyncio.Event())

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield up.result(30)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "golden", golden="true") as name:
        path = f"/api/v1/namespaces/{name}/serviceaccounts"
        # The API server's own token volume would stand between the user's volumes and ours.
        bare = {"automountServiceAccountToken": False}
        api.merge(f"{path}/default", bare)
        for account in sorted(set().union(*map(account_names, CASES)) - {"default"}):
            api.post(path, {"metadata": {"name": account}, **bare})
        yield name


@pytest.fixture(scope="module")
def one(
    api: Api, cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OneCase]:
    host = "127.0.0.1" if cluster.ours and cluster.way != "kind" else cluster.host_address
    folder: Path = tmp_path_factory.mktemp("golden") / "certificate"
    certificate = make_certificate(folder, host)
    found = OneCase()
    with serving(certificate, found) as port:
        body = registration(
            NAME,
            by_url(host, port, certificate.authority),
            namespaceSelector={"matchLabels": {"golden": "true"}},
            objectSelector={},
        )
        api.post(REGISTRATIONS, body)
        try:
            probe = {"metadata": {"name": "probe"}, "spec": CASES[0].pod["spec"]}
            for _ in range(1000):
                if found.asked:
                    break
                api.create_pod(namespace, probe, dryRun="All")
            yield found
        finally:
            api.delete(f"{REGISTRATIONS}/{NAME}")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_pod_that_the_api_server_stores_is_the_one_of_the_case(
    case: Case, one: OneCase, api: Api, namespace: str
) -> None:
    one.case = case
    pod: Json = case.pod
    pod.setdefault("metadata", {})["namespace"] = namespace
    if not case.accepted:
        with pytest.raises(Refused) as refused:
            api.create_pod(namespace, pod, dryRun="All")
        assert refused.value.code == 400
        assert case.then["refused"] in refused.value.message
        return
    stored, warnings = api.create_pod(namespace, pod, dryRun="All", fieldValidation="Strict")
    wanted = expected_of(case)
    wanted["metadata"]["namespace"] = namespace
    assert list(lost(wanted, stored, "")) == []
    assert warnings == case.then.get("warnings", [])
