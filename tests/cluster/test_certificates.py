"""Rotation by two replicas on a real API server, with just the rights of the original's chart."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.api import Api, a_namespace, api_of
from tests.webhook.certificates import original
from webhook.certificates.configuration import bundle_in
from webhook.certificates.inspection import authorities
from webhook.certificates.rotating import RotatingCertificate
from webhook.certificates.secret import ROTATE, data_of
from webhook.config.settings import CertificateConfig
from webhook.kube import KubeClient, kubeconfig_connection

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
PATIENCE = 60.0
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


@dataclass
class Release:
    """What a release of the original has in a cluster, as far as certificates go."""

    cluster: Cluster
    api: Api
    namespace: str
    config: CertificateConfig
    user: str

    @property
    def secret_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets/{self.config.secret_name}"

    @property
    def configuration_path(self) -> str:
        return f"{_REGISTRATIONS}/{self.config.configuration_name}"

    @property
    def data(self) -> dict[str, bytes]:
        return data_of(self.api.get(self.secret_path))

    @property
    def bundle(self) -> bytes:
        found = self.api.get(self.configuration_path)
        return bundle_in(found, self.config.webhook_name) or b""

    @property
    def published(self) -> list[str]:
        return [one.fingerprint for one in authorities(self.bundle)]

    def settled(self) -> bool:
        return self.bundle == self.data["ca.crt"] and len(self.published) == 1


@dataclass
class Replica:
    certificate: RotatingCertificate
    port: int
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def release(cluster: Cluster) -> Iterator[Release]:
    with api_of(cluster) as api, a_namespace(api, "certificates") as namespace:
        name = f"certificates-{uuid.uuid4().hex[:6]}"
        config = CertificateConfig(
            directory=Path("/certs"),
            namespace=namespace,
            configuration_name=name,
            trust_delay=1.5,
            adoption_delay=1.0,
            check_interval=5.0,
            jitter=0.3,
        )
        found = Release(cluster, api, namespace, config, f"user-{name}")
        with _objects(found, name):
            yield found


@contextmanager
def _objects(release: Release, name: str) -> Iterator[None]:
    """The empty Secret, the configuration and the rights, as the original's chart has them."""
    api, namespace = release.api, release.namespace
    api.post(
        f"/api/v1/namespaces/{namespace}/secrets",
        {"metadata": {"name": release.config.secret_name}},
    )
    api.post(_REGISTRATIONS, _configuration(release))
    secrets = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
    }
    webhooks = {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations"],
        "verbs": ["get", "list", "update", "watch"],
    }
    here, everywhere = f"{_RBAC}/namespaces/{namespace}", _RBAC
    api.post(f"{here}/roles", {"metadata": {"name": name}, "rules": [secrets]})
    api.post(f"{here}/rolebindings", _binding(name, "Role", release.user))
    api.post(f"{everywhere}/clusterroles", {"metadata": {"name": name}, "rules": [webhooks]})
    api.post(f"{everywhere}/clusterrolebindings", _binding(name, "ClusterRole", release.user))
    try:
        yield
    finally:
        api.delete(release.configuration_path)
        api.delete(f"{everywhere}/clusterrolebindings/{name}")
        api.delete(f"{everywhere}/clusterroles/{name}")


def _binding(name: str, kind: str, user: str) -> Json:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def _configuration(release: Release) -> Json:
    webhook = {
        "name": release.config.webhook_name,
        "admissionReviewVersions": ["v1", "v1beta1"],
        "clientConfig": {
            "service": {
                "name": release.config.service_name,
                "namespace": release.namespace,
                "path": "/mutate-v1-pod",
            }
        },
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
        "sideEffects": "None",
        "namespaceSelector": {"matchLabels": {"nobody": "has-this"}},
    }
    other = {**webhook, "name": "other.example.org", "clientConfig": {"url": "https://localhost/x"}}
    metadata = {"name": release.config.configuration_name}
    return {"metadata": metadata, "webhooks": [webhook, other]}


@asynccontextmanager
async def running(release: Release, name: str) -> AsyncIterator[Replica]:
    """One replica: its rotation, and a listener with its context."""
    connection = kubeconfig_connection(release.cluster.kubeconfig_for(release.user))
    async with KubeClient(connection) as client:
        certificate = RotatingCertificate(client, release.config, replica=name)
        listener = await asyncio.start_server(
            _say_goodbye, "127.0.0.1", 0, ssl=certificate.ssl_context
        )
        task = asyncio.create_task(certificate.run())
        try:
            async with listener:
                yield Replica(certificate, listener.sockets[0].getsockname()[1])
        finally:
            task.cancel()
            await asyncio.wait([task])
        await certificate.retire()


async def _say_goodbye(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"waited for {what} in vain")


async def connect(replica: Replica, release: Release, bundle: bytes) -> None:
    """Connect as an API server does that holds this bundle; raises what TLS does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=bundle.decode())
    _, writer = await asyncio.open_connection(
        "127.0.0.1", replica.port, ssl=context, server_hostname=release.config.dns_name
    )
    writer.close()
    await writer.wait_closed()


async def test_two_replicas_make_publish_and_rotate_with_the_rights_of_the_originals_chart(
    release: Release,
) -> None:
    async with running(release, "one") as one, running(release, "two") as two:
        async with asyncio.timeout(PATIENCE):
            await one.certificate.wait_ready()
            await two.certificate.wait_ready()
        assert one.certificate._objects.clock_skew == pytest.approx(0.0, abs=30)
        (old,) = release.published
        _accepted_by_the_original(release)
        before = release.api.get(release.configuration_path)["webhooks"]

        tries = await _rotate_the_ca(release, [one, two])
        (new,) = release.published
        assert new != old
        assert tries > 20
        _accepted_by_the_original(release)
        steps = one.certificate.rotations + two.certificate.rotations
        assert (steps["begin"], steps["announce"], steps["switch"], steps["retire"]) == (1, 1, 1, 1)
        after = release.api.get(release.configuration_path)["webhooks"]
        after[0]["clientConfig"]["caBundle"] = before[0]["clientConfig"]["caBundle"]
        assert after == before


async def _rotate_the_ca(release: Release, replicas: list[Replica]) -> int:
    """Ask for a new CA and connect all the while, with each bundle for as long as trust_delay."""
    (old,) = release.published
    held: list[tuple[float, bytes]] = []
    loop = asyncio.get_running_loop()
    tries = 0
    release.api.merge(release.secret_path, {"metadata": {"annotations": {ROTATE: "ca"}}})
    async with asyncio.timeout(PATIENCE):
        while not (held and release.settled() and old not in release.published):
            bundle = await asyncio.to_thread(lambda: release.bundle)
            if not held or held[-1][1] != bundle:
                held.append((loop.time(), bundle))
            # What was replaced less than a second ago is still held by another API server.
            ends = [begin for begin, _ in held[1:]] + [loop.time()]
            for (_, each), end in zip(held, ends, strict=True):
                if loop.time() - end < release.config.trust_delay - 0.5:
                    for replica in replicas:
                        await connect(replica, release, each)
                        tries += 1
            await asyncio.sleep(0.05)
    return tries


def _accepted_by_the_original(release: Release) -> None:
    original.accepts(release.data, release.config.dns_name, datetime.now(UTC))
    assert release.bundle == release.data["ca.crt"]


async def test_an_emptied_bundle_is_written_again_and_a_deleted_secret_comes_back(
    release: Release,
) -> None:
    async with running(release, "one") as one:
        async with asyncio.timeout(PATIENCE):
            await one.certificate.wait_ready()
        good = release.bundle
        found = release.api.get(release.configuration_path)
        found["webhooks"][0]["clientConfig"].pop("caBundle")
        release.api.put(release.configuration_path, found)
        await until(lambda: release.bundle == good, "the bundle to come back")

        await asyncio.sleep(2 * release.config.trust_delay)
        release.api.delete(release.secret_path)
        await until(lambda: len(release.published) == 2, "a bundle of both CAs")
        await connect(one, release, good)
        await connect(one, release, release.bundle)
        await until(lambda: one.certificate.rotations["begin"] == 2, "the Secret")
        _accepted_by_the_original(release)


async def test_one_without_rights_names_the_rule_that_is_missing(release: Release) -> None:
    stranger = replace(release, user="somebody-else")
    async with running(stranger, "one") as one:
        await until(lambda: "verbs" in one.certificate.problem, "the rule")
        assert f'resourceNames: ["{release.config.configuration_name}"], verbs: ["get"]' in (
            one.certificate.problem
        )
        assert not one.certificate.ready
