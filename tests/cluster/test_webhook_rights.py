"""The least rights that the webhook works with: all of it does, and without any of them it says so.

The real process, on a real API server, with nothing but `LEAST` of `webhook_release`.
"""

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hack.cluster import Cluster
from hack.webhook import Webhook, make_certificate, running
from tests.cluster.api import Json
from tests.cluster.webhook_release import (
    CLIENT,
    CONFIGURATION,
    LEAST,
    SECRET,
    SERVICE,
    Release,
    Rights,
    installed,
    until,
)
from tests.webhook.server.doubles import a_review
from webhook.certificates.secret import ROTATE, data_of

pytestmark = pytest.mark.cluster

OTHER_CLIENT = "9a1b6f0e-2c4d-4e8f-8a70-1b2c3d4e5f60"
QUICK = ("--ca-trust-delay=1s", "--ca-adoption-delay=1s", "--cert-jitter=0s")
"""What takes minutes in a cluster takes seconds here."""
SELECTOR = {"key": "control-plane", "operator": "DoesNotExist"}
"""What the Admissions Enforcer of AKS adds to every webhook."""


def a_webhook(release: Release, folder: Path, *flags: str) -> Webhook:
    kubeconfig = release.cluster.kubeconfig_for(release.namespace)
    environment = {"POD_NAMESPACE": release.namespace}
    return Webhook(folder, kubeconfig, [*QUICK, *flags], environment)


@contextmanager
def started(release: Release, folder: Path, *flags: str) -> Iterator[Webhook]:
    """Start a process that need not get ready."""
    webhook = a_webhook(release, folder, *flags)
    try:
        webhook.start()
        yield webhook
    finally:
        webhook.program.stop(patience=0)


def asked_for(webhook: Webhook, release: Release, account: str) -> Json:
    """Ask the process itself about a pod, as an API server does that holds the bundle."""
    tls = ssl.create_default_context(cadata=release.bundle.decode())
    pod = {
        "metadata": {"namespace": release.namespace},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app"}]},
    }
    with httpx.Client(verify=tls, trust_env=False) as client:
        answer = client.post(
            f"https://127.0.0.1:{webhook.port}/mutate-v1-pod",
            json=a_review(pod, namespace=release.namespace),
            extensions={"sni_hostname": f"{SERVICE}.{release.namespace}.svc"},
        )
    response: Json = answer.json()["response"]
    return response


def test_the_least_rights_do_for_serving_and_rotating(cluster: Cluster, tmp_path: Path) -> None:
    with installed(cluster, LEAST) as release:
        release.add_account("billing")
        with running(a_webhook(release, tmp_path)) as webhook:
            release.serves(webhook)
            until(lambda: _has_traffic(release), "traffic")

            # What memory does not know is read.
            assert asked_for(webhook, release, "nobody")["status"]["code"] == 400
            # What changes is noticed.
            release.annotate_account("billing", OTHER_CLIENT)
            until(
                lambda: release.client_id_of_a_pod("billing") == OTHER_CLIENT, "the new client id"
            )

            # A bundle that somebody empties comes back.
            good = release.bundle
            release.configure(_without_bundle)
            until(lambda: release.bundle == good, "the bundle")

            # A new authority takes over, and no pod fails meanwhile.
            (old,) = release.published
            release.api.merge(release.secret_path, {"metadata": {"annotations": {ROTATE: "ca"}}})
            until(lambda: _is_rotated(release, old), "a new CA")
            assert webhook.readiness()[0] == 200
        assert "it takes the rule" not in webhook.log()


def test_what_others_do_to_the_configuration_stays(cluster: Cluster, tmp_path: Path) -> None:
    with (
        installed(cluster, LEAST) as release,
        running(a_webhook(release, tmp_path)) as webhook,
    ):
        enforced = release.configure(_enforced)
        (old,) = release.published
        release.api.merge(release.secret_path, {"metadata": {"annotations": {ROTATE: "ca"}}})
        until(lambda: old not in release.published and len(release.published) == 1, "a new CA")
        after = release.configuration
        for configuration in (enforced, after):
            [ours, _] = configuration["webhooks"]
            assert ours["clientConfig"].pop("caBundle")
            for key in ("generation", "resourceVersion", "managedFields"):
                configuration["metadata"].pop(key)
        assert after == enforced
        assert webhook.readiness()[0] == 200


def test_a_deleted_secret_is_asked_for_and_filled_once_it_is_there(
    cluster: Cluster, tmp_path: Path
) -> None:
    with (
        installed(cluster, LEAST) as release,
        running(a_webhook(release, tmp_path)) as webhook,
    ):
        release.serves(webhook)
        release.add_account("billing")
        until(lambda: _has_traffic(release), "traffic")
        release.api.delete(release.secret_path)
        until(lambda: f"there is no Secret {SECRET}" in webhook.log(), "the complaint")
        assert 'resources: [\\"secrets\\"], verbs: [\\"create\\"]' in webhook.log()
        assert release.client_id_of_a_pod("billing") == CLIENT

        path = release.secret_path.removesuffix(f"/{SECRET}")
        release.api.post(path, {"metadata": {"name": SECRET}})
        until(lambda: bool(_data(release).get("tls.crt")), "a certificate")
        until(lambda: release.bundle == _data(release)["ca.crt"], "the bundle")
        assert release.client_id_of_a_pod("billing") == CLIENT


def test_with_a_certificate_of_somebody_elses_reading_service_accounts_is_enough(
    cluster: Cluster, tmp_path: Path
) -> None:
    rights = LEAST.without("secrets").without("mutatingwebhookconfigurations")
    assert len([*rights.cluster, *rights.namespace]) == 1
    with installed(cluster, rights) as release:
        host = f"{SERVICE}.{release.namespace}.svc"
        certificate = make_certificate(tmp_path / "certs", host)
        flags = ("--disable-cert-rotation", f"--webhook-cert-dir={certificate.folder}")
        release.configure(lambda found: _trust(found, certificate.authority))
        release.add_account("billing")
        with running(a_webhook(release, tmp_path, *flags)) as webhook:
            release.serves(webhook)
            until(lambda: _has_traffic(release), "traffic")
            assert "it takes the rule" not in webhook.log()


@pytest.mark.parametrize(
    ("resource", "verb", "name"),
    [
        ("serviceaccounts", "list", ""),
        ("mutatingwebhookconfigurations", "get", CONFIGURATION),
        ("mutatingwebhookconfigurations", "update", CONFIGURATION),
        ("secrets", "get", SECRET),
        ("secrets", "update", SECRET),
    ],
)
def test_without_one_of_these_it_does_not_get_ready_and_names_the_rule(
    resource: str, verb: str, name: str, cluster: Cluster, tmp_path: Path
) -> None:
    with (
        installed(cluster, LEAST.without(resource, verb)) as release,
        started(release, tmp_path) as webhook,
    ):
        rule = _rule(resource, verb, name)
        until(lambda: _is_unready_for(webhook, rule), rule)
        assert rule in webhook.log().replace("\\", "")


@pytest.mark.parametrize(
    ("resource", "name"),
    [("mutatingwebhookconfigurations", CONFIGURATION), ("secrets", SECRET)],
)
def test_without_watching_its_own_objects_it_looks_for_changes_now_and_then_and_says_so(
    resource: str, name: str, cluster: Cluster, tmp_path: Path
) -> None:
    with (
        installed(cluster, LEAST.without(resource, "watch")) as release,
        running(a_webhook(release, tmp_path)) as webhook,
    ):
        rule = _rule(resource, "watch", name)
        until(lambda: rule in webhook.log().replace("\\", ""), rule)
        assert "changes are only looked for every 600 s" in webhook.log()


def test_without_watching_service_accounts_a_change_is_not_noticed(
    cluster: Cluster, tmp_path: Path
) -> None:
    with installed(cluster, LEAST.without("serviceaccounts", "watch")) as release:
        release.add_account("billing")
        with running(a_webhook(release, tmp_path)) as webhook:
            release.serves(webhook)
            until(lambda: _has_traffic(release), "traffic")
            rule = _rule("serviceaccounts", "watch")
            until(lambda: rule in webhook.log().replace("\\", ""), rule)
            release.annotate_account("billing", OTHER_CLIENT)
            assert release.client_id_of_a_pod("billing") == CLIENT


def test_without_getting_service_accounts_what_memory_does_not_know_is_an_error(
    cluster: Cluster, tmp_path: Path
) -> None:
    with (
        installed(cluster, LEAST.without("serviceaccounts", "get")) as release,
        running(a_webhook(release, tmp_path)) as webhook,
    ):
        response = asked_for(webhook, release, "nobody")
        assert response["status"]["code"] == 500
        assert _rule("serviceaccounts", "get") in response["status"]["message"]


@pytest.mark.parametrize(
    "resource", ["serviceaccounts", "mutatingwebhookconfigurations", "secrets"]
)
def test_without_a_whole_rule_it_does_not_get_ready(
    resource: str, cluster: Cluster, tmp_path: Path
) -> None:
    with (
        installed(cluster, LEAST.without(resource)) as release,
        started(release, tmp_path) as webhook,
    ):
        rule = f'resources: ["{resource}"]'
        until(lambda: _is_unready_for(webhook, rule), rule)


def test_rules_for_objects_of_other_names_are_none(cluster: Cluster, tmp_path: Path) -> None:
    secrets: list[Any] = [{**LEAST.namespace[0], "resourceNames": ["another"]}]
    with (
        installed(cluster, Rights(LEAST.cluster, secrets)) as release,
        started(release, tmp_path) as webhook,
    ):
        rule = _rule("secrets", "get", SECRET)
        until(lambda: _is_unready_for(webhook, rule), rule)


def _rule(resource: str, verb: str, name: str = "") -> str:
    names = f'resourceNames: ["{name}"], ' if name else ""
    return f'resources: ["{resource}"], {names}verbs: ["{verb}"]}}'


def _is_unready_for(webhook: Webhook, rule: str) -> bool:
    status, checks = webhook.readiness()
    return status == 503 and rule in checks


def _has_traffic(release: Release) -> bool:
    try:
        return release.client_id_of_a_pod("billing") == CLIENT
    except AssertionError:  # the API server has not learnt of the endpoint, or of the bundle
        return False


def _is_rotated(release: Release, old: str) -> bool:
    assert release.client_id_of_a_pod("billing") == OTHER_CLIENT
    published = release.published
    return old not in published and len(published) == 1


def _without_bundle(configuration: Json) -> None:
    configuration["webhooks"][0]["clientConfig"].pop("caBundle")


def _enforced(configuration: Json) -> None:
    """What the Admissions Enforcer does, and somebody who adds a webhook of their own."""
    [ours] = configuration["webhooks"]
    ours["namespaceSelector"]["matchExpressions"] = [SELECTOR]
    own = {"url": "https://localhost/x", "caBundle": ours["clientConfig"]["caBundle"]}
    mesh = {**ours, "name": "injector.example.org", "clientConfig": own, "failurePolicy": "Ignore"}
    configuration["webhooks"].append(mesh)
    configuration["metadata"]["labels"] = {"admissions.enforcer/disabled": "false"}


def _trust(configuration: Json, authority: bytes) -> None:
    encoded = base64.b64encode(authority).decode()
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = encoded


def _data(release: Release) -> dict[str, bytes]:
    return data_of(release.api.get(release.secret_path))
