"""Leaders and standbys on a Lease of a real API server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from controller.config.settings import LeaseSettings
from controller.kube import Kube, Unreachable, connection, paths
from controller.lease import Leadership, NotLeading
from hack.cluster import Cluster
from tests.cluster.api import Api, a_namespace, api_of
from tests.webhook.until import until

pytestmark = pytest.mark.cluster

PATIENCE = 30.0


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture
def settings(api: Api) -> Iterator[LeaseSettings]:
    """Short, so that silence is over soon; the proportions are those of the real ones."""
    with a_namespace(api, "lease") as name:
        yield LeaseSettings(name, "azwi-controller", "a", duration=3.0, renew=0.5, retry=0.2)


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[Kube]:
    async with Kube(connection(cluster.kubeconfig)) as found:
        yield found


class Wire:
    """The client, until it is cut."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self.cut = False

    async def get(self, path: str) -> dict[str, Any]:
        return await self._open().get(path)

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._open().create(path, body)

    async def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._open().replace(path, body)

    def _open(self) -> Kube:
        if self.cut:
            raise Unreachable("cut by the test")
        return self._kube


@asynccontextmanager
async def contending(
    kube: Kube, settings: LeaseSettings, name: str
) -> AsyncIterator[tuple[Leadership, Wire]]:
    wire = Wire(kube)
    leadership = Leadership(wire, replace(settings, identity=name))
    task = asyncio.create_task(leadership.run())
    try:
        yield leadership, wire
    finally:
        task.cancel()
        await asyncio.wait([task])


async def soon(waiting: Any) -> None:
    await asyncio.wait_for(waiting, PATIENCE)


async def spec_of(kube: Kube, settings: LeaseSettings) -> dict[str, Any]:
    body = await kube.get(paths.lease(settings.namespace, settings.name))
    spec: dict[str, Any] = body["spec"]
    return spec


async def renewed(kube: Kube, settings: LeaseSettings, since: str) -> dict[str, Any]:
    """The Lease as soon as its holder has written it again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            body = await kube.get(paths.lease(settings.namespace, settings.name))
            if body["spec"]["renewTime"] != since:
                return body
            await asyncio.sleep(0.05)


async def test_one_leads_and_gives_up_to_the_other(kube: Kube, settings: LeaseSettings) -> None:
    async with contending(kube, settings, "b") as (b, _):
        # "b" was first to come, so that it is the one that leads.
        await soon(b.wait_leading())
        async with contending(kube, settings, "a") as (a, _):
            await until(lambda: a.holder == "b", PATIENCE)
            assert not a.leading
            with pytest.raises(NotLeading):
                a.assure(0.0)
            b.assure(1.0)
        assert (await spec_of(kube, settings))["holderIdentity"] == "b"
    spec = await spec_of(kube, settings)
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("", 0)
    async with contending(kube, settings, "a") as (a, _):
        await soon(a.wait_leading())
        spec = await spec_of(kube, settings)
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("a", 1)
        assert spec["leaseDurationSeconds"] == 3


async def test_a_standby_takes_over_when_the_leader_falls_silent(
    kube: Kube, settings: LeaseSettings
) -> None:
    async with contending(kube, settings, "a") as (a, wire):
        await soon(a.wait_leading())
        async with contending(kube, settings, "b") as (b, _):
            await until(lambda: b.holder == "a", PATIENCE)
            wire.cut = True

            def taken_over() -> bool:
                assert not (a.leading and b.leading), "never do both lead"
                return b.leading

            await until(taken_over, PATIENCE)
            assert not a.leading
            await soon(a.wait_lost())
            wire.cut = False
            await until(lambda: a.holder == "b", PATIENCE)
            assert (a.leading, b.leading) == (False, True)


async def test_renewals_go_on_and_change_nothing_else(kube: Kube, settings: LeaseSettings) -> None:
    async with contending(kube, settings, "a") as (a, _):
        await soon(a.wait_leading())
        path = paths.lease(settings.namespace, settings.name)
        await kube.merge(path, {"metadata": {"annotations": {"team": "x"}}})
        first = await kube.get(path)
        later = await renewed(kube, settings, first["spec"]["renewTime"])
        assert a.leading
        assert later["metadata"]["annotations"] == {"team": "x"}
        assert {**later["spec"], "renewTime": ""} == {**first["spec"], "renewTime": ""}


async def test_a_restart_takes_its_own_lease_back_without_waiting(
    kube: Kube, settings: LeaseSettings
) -> None:
    patient = replace(settings, duration=3600.0)
    async with contending(kube, patient, "a") as (a, wire):
        await soon(a.wait_leading())
        wire.cut = True  # ends without giving it up
    assert (await spec_of(kube, settings))["holderIdentity"] == "a"
    async with contending(kube, patient, "a") as (again, _):
        await soon(again.wait_leading())
        assert (await spec_of(kube, settings))["leaseTransitions"] == 0


async def test_a_restart_of_the_api_server_is_no_loss(
    own_cluster: Cluster, settings: LeaseSettings
) -> None:
    patient = replace(settings, duration=60.0)
    async with (
        Kube(connection(own_cluster.kubeconfig)) as kube,
        contending(kube, patient, "a") as (a, _),
    ):
        await soon(a.wait_leading())
        lost = asyncio.create_task(a.wait_lost())
        await asyncio.to_thread(own_cluster.restart_api_server)
        before = (await spec_of(kube, patient))["renewTime"]
        await renewed(kube, patient, before)
        assert a.leading
        assert not lost.done()
        lost.cancel()
        await asyncio.wait([lost])
