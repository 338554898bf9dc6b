"""The webhook's pods come and go; labelled pods are created all the while."""

import json
import time

import httpx
import pytest

from tests.chart.helm import NAMESPACE
from tests.cluster.api import Api, Refused
from tests.e2e.creations import a_pod, creations, is_mutated, until_created
from tests.e2e.objects import until
from tests.e2e.release import DEPLOYMENT, PODS, SECRET, Release
from webhook.certificates.secret import REPLICAS

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def _two_serve(api: Api, shop: str, release: Release) -> None:
    release.settles()
    until_created(api, shop)


def test_a_rolling_restart_fails_no_creation(api: Api, shop: str, release: Release) -> None:
    before = _names(release)
    with creations(api, shop) as made:
        stamp = {"kubectl.kubernetes.io/restartedAt": f"{time.time()}"}
        api.merge(DEPLOYMENT, {"spec": {"template": {"metadata": {"annotations": stamp}}}})
        release.settles()
    assert not _names(release) & before
    assert made.none_failed()


def test_a_drain_fails_no_creation_and_the_budget_holds(
    api: Api, shop: str, release: Release
) -> None:
    before = _names(release)
    refusals = 0
    with creations(api, shop) as made:
        for name in before:
            refusals += _evict(api, name)
        release.settles()
    assert not _names(release) & before
    assert refusals, "the budget let go of both at once"
    assert made.none_failed()


def test_at_zero_labelled_pods_are_refused_and_others_are_not(
    api: Api, shop: str, release: Release
) -> None:
    _scale(api, release, 0)
    try:
        said = api.get(SECRET)["metadata"]["annotations"].get(REPLICAS, "{}")
        assert json.loads(said) == {}, "who went without a farewell delays the next CA by an hour"
        with pytest.raises(Refused, match="mutation\\.azure-workload-identity\\.io"):
            api.create_pod(shop, a_pod("refused"), dryRun="All")
        other = a_pod("other")
        del other["metadata"]["labels"]
        stored, _ = api.create_pod(shop, other, dryRun="All")
        assert not is_mutated(stored)
        with creations(api, shop) as made:
            until(lambda: len(made.failures) > 5 or made.made, "failures are counted")
        assert not made.made, "the tests beside this one would not see a failure"
    finally:
        _scale(api, release, 2)
    until_created(api, shop)
    with creations(api, shop) as made:
        until(lambda: made.made > 20 or made.failures, "pods are created again")
    assert made.none_failed()


def _names(release: Release) -> set[str]:
    return {pod["metadata"]["name"] for pod in release.webhooks()}


def _scale(api: Api, release: Release, replicas: int) -> None:
    api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": replicas}})
    release.settles(replicas=replicas)


def _evict(api: Api, name: str) -> int:
    """Evict as `kubectl drain` does, again while the budget says no; returns how often it did."""
    metadata = {"namespace": NAMESPACE, "name": name}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    refusals = 0

    def evicted() -> bool:
        nonlocal refusals
        answer = api.http.post(f"{PODS}/{name}/eviction", json=eviction)
        refusals += answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        return answer.is_success

    until(evicted, f"{name} is evicted")
    return refusals
