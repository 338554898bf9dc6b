"""The controller's client against a real API server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from controller.kube import (
    AlreadyExists,
    Changed,
    Connection,
    Forbidden,
    Invalid,
    Kube,
    NotFound,
    NotServed,
    Terminating,
    Unauthenticated,
    connection,
    paths,
)
from controller.kube.tls import trusting
from controller.kube.tokens import StaticToken, TokenFile
from hack.cluster import Cluster
from tests.cluster.api import Api, a_namespace, api_of

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "kube") as name:
        yield name


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[Kube]:
    async with Kube(connection(cluster.kubeconfig)) as found:
        yield found


def a_map(name: str, **data: str) -> dict[str, object]:
    return {"metadata": {"name": name}, "data": data}


async def test_an_object_lives(kube: Kube, namespace: str) -> None:
    collection, path = paths.config_maps(namespace), paths.config_map(namespace, "life")
    created = await kube.create(collection, a_map("life", a="1"))
    assert await kube.get(path) == created
    with pytest.raises(AlreadyExists, match=r"POST /api/v1/.*409 AlreadyExists.*already exists"):
        await kube.create(collection, a_map("life"))

    merged = await kube.merge(path, {"data": {"a": None, "b": "2"}})
    assert merged["data"] == {"b": "2"}
    patched = await kube.json_patch(path, [{"op": "add", "path": "/data/c", "value": "3"}])
    assert patched["data"] == {"b": "2", "c": "3"}
    assert {field["manager"] for field in patched["metadata"]["managedFields"]} == {
        "azwi-controller"
    }
    assert await kube.delete(path) is True
    assert await kube.delete(path) is False
    with pytest.raises(NotFound):
        await kube.get(path)
    with pytest.raises(NotFound):
        await kube.merge(path, {"data": {}})


async def test_writes_under_a_version_do_not_undo_each_other(kube: Kube, namespace: str) -> None:
    path = paths.config_map(namespace, "raced")
    first = await kube.create(paths.config_maps(namespace), a_map("raced"))
    second = await kube.replace(path, {**first, "data": {"by": "one"}})
    version = first["metadata"]["resourceVersion"]
    with pytest.raises(Changed):
        await kube.replace(path, {**first, "data": {"by": "another"}})
    with pytest.raises(Changed):
        await kube.merge(path, {"metadata": {"resourceVersion": version}, "data": {"by": "x"}})
    with pytest.raises(Changed):
        await kube.delete(path, resource_version=version)
    assert await kube.get(path) == second


async def test_another_of_the_same_name_is_not_deleted(kube: Kube, namespace: str) -> None:
    collection, path = paths.config_maps(namespace), paths.config_map(namespace, "again")
    old = await kube.create(collection, a_map("again"))
    await kube.delete(path, uid=old["metadata"]["uid"])
    new = await kube.create(collection, a_map("again"))
    with pytest.raises(Changed):
        await kube.delete(path, uid=old["metadata"]["uid"])
    assert await kube.delete(path, uid=new["metadata"]["uid"]) is True


async def test_a_test_that_fails_and_a_field_that_is_none_are_invalid(
    kube: Kube, namespace: str
) -> None:
    path = paths.config_map(namespace, "tested")
    await kube.create(paths.config_maps(namespace), a_map("tested", a="1"))
    with pytest.raises(Invalid):
        await kube.json_patch(
            path,
            [
                {"op": "test", "path": "/data/a", "value": "2"},
                {"op": "remove", "path": "/data/a"},
            ],
        )
    with pytest.raises(Invalid, match="422 Invalid"):
        await kube.create(paths.config_maps(namespace), a_map("No Name"))
    assert (await kube.get(path))["data"] == {"a": "1"}


async def test_a_collection_comes_in_pages_of_one_moment(kube: Kube, namespace: str) -> None:
    collection = paths.config_maps(namespace)
    for number in range(7):
        body = a_map(f"page-{number}", text="x")
        body["metadata"] = {"name": f"page-{number}", "labels": {"paged": "yes"}}
        await kube.create(collection, body)
    query = {"labelSelector": "paged=yes"}
    pages = []
    async for page in kube.pages(collection, query, limit=3):
        pages.append(page)
        await kube.merge(paths.config_map(namespace, "page-6"), {"data": {"text": str(len(pages))}})
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert len({page.resource_version for page in pages}) == 1
    assert pages[2].items[0]["data"] == {"text": "x"}, "as it was when the first page was read"

    [only] = [page async for page in kube.pages(collection, query, metadata_only=True)]
    assert {frozenset(item) for item in only.items} <= {
        frozenset({"metadata"}),
        frozenset({"kind", "apiVersion", "metadata"}),
    }
    assert len(only.items) == 7
    [none] = [page async for page in kube.pages(collection, {"labelSelector": "paged=no"})]
    assert none.items == []


async def test_a_kind_without_its_crd_is_not_served(kube: Kube, namespace: str) -> None:
    """Neither for an absent group, nor for an absent kind of a group that is there."""
    for path in (
        f"/apis/nobody.example/v1/namespaces/{namespace}/things/a",
        f"/apis/apps/v1/namespaces/{namespace}/things/a",
        f"/api/v1/namespaces/{namespace}/things/a",
    ):
        with pytest.raises(NotServed):
            await kube.get(path)
        with pytest.raises(NotServed):
            await kube.delete(path)


async def test_somebody_without_rights_is_forbidden(cluster: Cluster, namespace: str) -> None:
    async with Kube(connection(cluster.kubeconfig_for("nobody-much"))) as kube:
        with pytest.raises(Forbidden, match='403 Forbidden: configmaps "x" is forbidden') as caught:
            await kube.get(paths.config_map(namespace, "x"))
        assert type(caught.value) is Forbidden
        with pytest.raises(Forbidden):
            await anext(kube.pages(paths.fics()))


async def test_nothing_is_made_in_a_namespace_that_goes(kube: Kube, api: Api) -> None:
    with a_namespace(api, "going") as name:
        held = {**a_map("held"), "metadata": {"name": "held", "finalizers": ["tests.example/hold"]}}
        await kube.create(paths.config_maps(name), held)
        await kube.delete(paths.namespace(name))
        with pytest.raises(Terminating):
            await kube.create(paths.config_maps(name), a_map("late"))
        await kube.merge(paths.config_map(name, "held"), {"metadata": {"finalizers": None}})


async def test_in_a_namespace_that_is_not_there_nothing_is_found(kube: Kube) -> None:
    with pytest.raises(NotFound):
        await kube.create(paths.config_maps("no-such-namespace"), a_map("x"))
    with pytest.raises(NotFound):
        await kube.get(paths.service_account("no-such-namespace", "default"))


async def test_a_token_of_a_service_account_is_taken_from_its_file(
    cluster: Cluster, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    spec = {"spec": {"expirationSeconds": 600}}
    made = await kube.create(paths.token_request(namespace, "default"), spec)
    bare = trusting(cluster.ca_file.read_text())
    file = tmp_path / "token"
    file.write_text("not.a.token")
    token = TokenFile(file)
    file.write_text(made["status"]["token"])
    async with Kube(Connection(cluster.url, bare, token)) as account:
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        answered = await account.create(paths.SELF_SUBJECT_ACCESS_REVIEWS, review)
        assert answered["status"]["allowed"] is False
    async with Kube(Connection(cluster.url, bare, StaticToken("not.a.token"))) as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.get("/api/v1/namespaces")


async def test_a_token_of_an_absent_service_account_is_not_found(
    kube: Kube, namespace: str
) -> None:
    with pytest.raises(NotFound, match='serviceaccounts "nobody" not found'):
        await kube.create(paths.token_request(namespace, "nobody"), {"spec": {}})
