"""The cache of ServiceAccounts, and the client below it, with a real API server."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hack.cluster import Cluster
from tests.builders import CLIENT, ours
from tests.cluster.api import Api, api_of, ensure_default
from tests.webhook.until import until
from webhook.accounts import AccountCache, AccountNotFound, AccountUnreadable
from webhook.kube import (
    METADATA,
    SERVICE_ACCOUNTS,
    VERSION,
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    KubeClient,
    Resource,
    Unauthorized,
    in_cluster_connection,
    kubeconfig_connection,
)

pytestmark = pytest.mark.cluster

NAMESPACES = Resource("namespaces")
ROLES = Resource("clusterroles", "rbac.authorization.k8s.io")
BINDINGS = Resource("clusterrolebindings", "rbac.authorization.k8s.io")
ANNOTATIONS = ours({"client-id": CLIENT})


class World:
    """A namespace, and users with the rights that a test gives them."""

    def __init__(self, cluster: Cluster, admin: KubeClient, api: Api) -> None:
        self.cluster = cluster
        self.admin = admin
        self.api = api
        """For what the webhook's own client has no method for."""
        self.namespace = f"accounts-{uuid.uuid4().hex[:8]}"
        self._made: list[str] = []

    async def account(self, name: str, annotations: dict[str, str] | None = None) -> None:
        metadata = {"name": name, "annotations": annotations or {}}
        await self.admin.post(SERVICE_ACCOUNTS.all(self.namespace), {"metadata": metadata})

    def annotate(self, name: str, annotations: dict[str, str]) -> None:
        place = SERVICE_ACCOUNTS.named(name, self.namespace)
        self.api.merge(place.path, {"metadata": {"annotations": annotations}})

    async def user(self, verbs: Iterable[str]) -> Path:
        """Return the kubeconfig of a new user who may do this with ServiceAccounts, once he may."""
        user = f"user-{uuid.uuid4().hex[:8]}"
        rule = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": list(verbs)}
        role = {"metadata": {"name": user}, "rules": [rule]}
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        self._made.append(user)
        await self.admin.post(ROLES.all(), role)
        await self.admin.post(BINDINGS.all(), binding)
        kubeconfig = self.cluster.kubeconfig_for(user)
        await self._allowed(kubeconfig)
        return kubeconfig

    async def _allowed(self, kubeconfig: Path) -> None:
        """RBAC takes a moment to hear of new roles."""
        place = SERVICE_ACCOUNTS.named("default", self.namespace)
        async with KubeClient(kubeconfig_connection(kubeconfig)) as client:
            for _ in range(100):
                try:
                    await client.get(place)
                except Forbidden:
                    await asyncio.sleep(0.05)
                else:
                    return
        pytest.fail("the role takes no effect")

    def clean_up(self) -> None:
        for name in self._made:
            self.api.delete(BINDINGS.named(name).path)
            self.api.delete(ROLES.named(name).path)
        self.api.delete(NAMESPACES.named(self.namespace).path)


@pytest.fixture
async def world(cluster: Cluster) -> AsyncIterator[World]:
    connection = kubeconfig_connection(cluster.kubeconfig)
    with api_of(cluster) as api:
        async with KubeClient(connection) as admin:
            world = World(cluster, admin, api)
            await admin.post(NAMESPACES.all(), {"metadata": {"name": world.namespace}})
            ensure_default(api, world.namespace)
            try:
                yield world
            finally:
                world.clean_up()


@asynccontextmanager
async def a_cache(kubeconfig: Path) -> AsyncIterator[AccountCache]:
    async with KubeClient(kubeconfig_connection(kubeconfig)) as client:
        cache = AccountCache(client)
        task = asyncio.create_task(cache.run())
        try:
            yield cache
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def knows(cache: AccountCache, world: World, name: str) -> Callable[[], bool]:
    return lambda: cache.peek(world.namespace, name) is not None


async def test_get_list_and_watch_are_all_the_rights_it_takes(world: World) -> None:
    await world.account("before", ANNOTATIONS)
    async with a_cache(await world.user(["get", "list", "watch"])) as cache:
        await asyncio.wait_for(cache.wait_synced(), 10)
        found = cache.peek(world.namespace, "before")
        assert found is not None
        assert found.client_id == CLIENT

        await world.account("after", ANNOTATIONS)
        await until(knows(cache, world, "after"))
        world.api.delete(SERVICE_ACCOUNTS.named("after", world.namespace).path)
        await until(lambda: cache.peek(world.namespace, "after") is None)
        with pytest.raises(AccountNotFound):
            await cache.get(world.namespace, "after")

        assert cache.problem == ""
        assert cache.watch_errors == 0
        assert cache.relists == 0


async def test_an_account_created_or_annotated_a_moment_ago_is_seen(world: World) -> None:
    async with a_cache(await world.user(["get", "list", "watch"])) as cache:
        await asyncio.wait_for(cache.wait_synced(), 10)
        for number in range(20):
            name = f"n{number}"
            await world.account(name)
            assert (await cache.get(world.namespace, name)).client_id is None
            # The answer of a moment ago is remembered, and must not hide this:
            world.annotate(name, ANNOTATIONS)
            await until(knows(cache, world, name))
            await world.account(f"m{number}", ANNOTATIONS)
            assert (await cache.get(world.namespace, f"m{number}")).client_id == CLIENT


async def test_without_the_right_to_list_every_account_is_read_live(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.account("app", ANNOTATIONS)
    kubeconfig = await world.user(["get", "watch"])
    with caplog.at_level(logging.INFO, "azwi.webhook.accounts"):
        async with a_cache(kubeconfig) as cache:
            await until(lambda: cache.watch_errors >= 3)

            assert (await cache.get(world.namespace, "app")).client_id == CLIENT
            with pytest.raises(AccountNotFound):
                await cache.get(world.namespace, "none")
            assert not cache.synced
            assert 'resources: ["serviceaccounts"], verbs: ["list"]' in cache.problem

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.records[0].__dict__["rule"] == SERVICE_ACCOUNTS.all().rule("list")


async def test_without_any_right_the_rule_to_get_is_named(world: World) -> None:
    async with a_cache(world.cluster.kubeconfig_for("nobody-in-particular")) as cache:
        with pytest.raises(AccountUnreadable, match=r'resources: \["serviceaccounts"\], .*"get"'):
            await cache.get(world.namespace, "default")


async def test_a_hundred_accounts_that_are_not_there_are_told_at_once(world: World) -> None:
    """How fast is for the benchmark to say."""
    async with a_cache(await world.user(["get", "list", "watch"])) as cache:
        await asyncio.wait_for(cache.wait_synced(), 10)
        deadline = asyncio.get_running_loop().time() + 30.0
        answers = await asyncio.gather(
            *(cache.get(world.namespace, f"n{n}", deadline=deadline) for n in range(100)),
            return_exceptions=True,
        )

    assert {type(answer) for answer in answers} == {AccountNotFound}


async def test_an_api_server_that_restarts_is_followed_again(
    own_cluster: Cluster, world: World
) -> None:
    await world.account("app", ANNOTATIONS)
    async with a_cache(await world.user(["get", "list", "watch"])) as cache:
        await asyncio.wait_for(cache.wait_synced(), 10)

        await asyncio.to_thread(own_cluster.stop_api_server)
        await until(lambda: bool(cache.problem))
        assert knows(cache, world, "app")()
        assert cache.synced
        with pytest.raises(AccountUnreadable, match="can't be reached"):
            await cache.get(world.namespace, "other")
        await asyncio.to_thread(own_cluster.start_api_server)

        await world.account("other", ANNOTATIONS)
        assert (await cache.get(world.namespace, "other")).client_id == CLIENT
        await until(knows(cache, world, "other"), 40)
        assert cache.problem == ""


async def test_pages_are_of_one_moment(world: World) -> None:
    for number in range(5):
        await world.account(f"n{number}")

    pages = [
        page async for page in world.admin.pages(SERVICE_ACCOUNTS.all(world.namespace), limit=2)
    ]

    assert [len(page["items"]) for page in pages] == [2, 2, 2]  # with the default one
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1


async def test_bookmarks_carry_a_watch_on_past_what_it_does_not_see(world: World) -> None:
    """The API server sends one shortly before it ends a watch, if anything has happened since."""
    place = SERVICE_ACCOUNTS.all(world.namespace)
    version = (await world.admin.list_page(place))["metadata"]["resourceVersion"]

    async with world.admin.watch(
        place,
        resource_version=version,
        timeout_seconds=6,
        accept=METADATA,
        params={"fieldSelector": "metadata.name=none"},
    ) as events:
        await world.account("other")
        found = [event async for event in events]

    assert {event.kind for event in found} == {"BOOKMARK"}
    assert int(found[-1].object["metadata"]["resourceVersion"]) > int(version)


async def test_a_forgotten_version_is_gone(world: World) -> None:
    async def follow() -> None:
        async with world.admin.watch(
            SERVICE_ACCOUNTS.all(world.namespace), resource_version="1"
        ) as events:
            async for _ in events:
                pass

    with pytest.raises(Gone):
        await follow()


async def test_writers_are_told_of_each_other(world: World) -> None:
    await world.account("app")
    with pytest.raises(AlreadyExists):
        await world.account("app")
    place = SERVICE_ACCOUNTS.named("app", world.namespace)
    found = await world.admin.get(place)
    world.annotate("app", {"x": "y"})

    with pytest.raises(Conflict) as caught:
        await world.admin.put(place, found)

    assert type(caught.value) is Conflict


async def test_a_pod_signs_in_with_its_token(world: World, tmp_path: Path) -> None:
    address = urlsplit(world.cluster.url)
    (tmp_path / "ca.crt").write_text(world.cluster.ca_file.read_text("utf-8"))
    request: dict[str, Any] = {"spec": {"expirationSeconds": 600}}
    place = SERVICE_ACCOUNTS.named("default", world.namespace, "token")
    token = (await world.admin.post(place, request))["status"]["token"]
    (tmp_path / "token").write_text(token)
    connection = in_cluster_connection(address.hostname, str(address.port or 443), tmp_path)

    async with KubeClient(connection) as client:
        assert "gitVersion" in await client.get(VERSION)
        who = f"system:serviceaccount:{world.namespace}:default"
        with pytest.raises(Forbidden, match=who) as caught:
            await client.get(SERVICE_ACCOUNTS.named("default", world.namespace))
        (tmp_path / "token").write_text("not.a.token")
        assert "gitVersion" in await client.get(VERSION)  # not read again yet

    assert token not in str(caught.value)
    async with KubeClient(
        in_cluster_connection(address.hostname, str(address.port or 443), tmp_path)
    ) as client:
        with pytest.raises(Unauthorized):
            await client.get(SERVICE_ACCOUNTS.named("default", world.namespace))
