"""The journal in ConfigMaps of a real API server."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from controller.brake import BrakeRecord
from controller.brakes import CLUSTER
from controller.journal import (
    ALLOW_REMOVALS,
    Full,
    IssuerChanged,
    Issuers,
    Journal,
    Options,
    Retained,
)
from controller.journal.stored import LARGEST
from controller.kube import Kube, Transient
from controller.kube.kubeconfig import from_kubeconfig
from entra.model import Identity, Kind
from hack.cluster import Cluster
from tests.cluster.api import Api, a_namespace, api_of

pytestmark = pytest.mark.cluster

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
ISSUER = "https://issuer.example/"
LEFT = Retained("shop", "payments", ISSUER, "system:serviceaccount:shop:payments")
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def application(number: int, digit: str = "3") -> Identity:
    client_id = f"{digit}0000000-0000-4000-8000-{number:012d}"
    return Identity(Kind.APPLICATION, client_id, TENANT, TENANT, None, "billing")


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "journal") as name:
        yield name


@pytest.fixture
async def kube(cluster: Cluster, api: Api, namespace: str) -> AsyncIterator[Kube]:
    """Somebody with no rights but those that the journal needs."""
    user = f"journal-{uuid.uuid4().hex[:6]}"
    rbac = f"{RBAC}/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]}
    api.post(f"{rbac}/roles", {"metadata": {"name": "journal"}, "rules": [rule]})
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "journal"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "journal"},
        "subjects": [{"kind": "User", "apiGroup": group, "name": user}],
    }
    api.post(f"{rbac}/rolebindings", binding)
    review = {
        "spec": {
            "user": user,
            "resourceAttributes": {
                "namespace": namespace,
                "verb": "patch",
                "resource": "configmaps",
            },
        }
    }
    while not api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"][
        "allowed"
    ]:
        pass  # the API server's view of RBAC follows its storage within a moment
    async with Kube(from_kubeconfig(cluster.kubeconfig_for(user))) as found:
        yield found


async def loaded(kube: Kube, namespace: str) -> Journal:
    journal = Journal(kube, namespace)
    await journal.load()
    return journal


def path(namespace: str, suffix: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps/azwi-controller{suffix}"


async def test_everything_is_there_after_a_restart(kube: Kube, namespace: str) -> None:
    journal = await loaded(kube, namespace)
    identities = [application(number, digit) for digit in "0123456789abcdef" for number in (1, 2)]
    await asyncio.gather(*(journal.remember(identity) for identity in identities))
    await journal.retain(identities[0].client_id, "left", LEFT)
    await journal.settle_issuer(ISSUER, accept_change=False)
    await journal.set_brakes({CLUSTER: BrakeRecord(1.5, 80)})
    await journal.forget(identities[1].client_id)
    again = await loaded(kube, namespace)
    del identities[1]
    assert again.identities == {identity.client_id: identity for identity in identities}
    assert again.retained(identities[0].client_id) == {"left": LEFT}
    assert again.issuers == Issuers(ISSUER)
    assert again.brakes == {CLUSTER: BrakeRecord(1.5, 80)}
    assert len(again.remembered) == len(identities)
    with pytest.raises(IssuerChanged):
        await again.settle_issuer("https://other.example/", accept_change=False)
    await again.set_brakes({})
    assert (await loaded(kube, namespace)).brakes == {}


async def test_two_leaders_at_once_lose_nothing_and_bring_nothing_back(
    kube: Kube, namespace: str
) -> None:
    first, second = await loaded(kube, namespace), await loaded(kube, namespace)
    ours, theirs = [
        [application(number) for number in numbers] for numbers in (range(20), range(20, 40))
    ]

    async def run(journal: Journal, identities: list[Identity]) -> None:
        for identity in identities:
            await journal.remember(identity)
            await journal.retain(identity.client_id, "left", LEFT)
        for identity in identities[::2]:
            await journal.forget(identity.client_id)
        for identity in identities[1::4]:
            await journal.release(identity.client_id, "left")

    await asyncio.gather(run(first, ours), run(second, theirs))
    again = await loaded(kube, namespace)
    stay = [*ours[1::2], *theirs[1::2]]
    assert set(again.identities) == {identity.client_id for identity in stay}
    left = {key for key in again.identities if again.retained(key)}
    assert left == {identity.client_id for identity in [*ours[3::4], *theirs[3::4]]}


async def test_a_config_map_that_somebody_deleted_is_made_anew(
    api: Api, kube: Kube, namespace: str
) -> None:
    journal = await loaded(kube, namespace)
    await journal.remember(application(1))
    api.delete(path(namespace, "-3"))
    await journal.remember(application(2))
    again = await loaded(kube, namespace)
    assert set(again.identities) == {application(number).client_id for number in (1, 2)}


async def test_an_admins_word_is_taken_once(api: Api, kube: Kube, namespace: str) -> None:
    journal = await loaded(kube, namespace)
    await journal.set_brakes({CLUSTER: BrakeRecord(1.0, 80)})
    api.merge(
        path(namespace), {"metadata": {"annotations": {ALLOW_REMOVALS: "80", "mine": "stays"}}}
    )
    first, second = await loaded(kube, namespace), await loaded(kube, namespace)
    words = await asyncio.gather(first.take_allowance(), second.take_allowance())
    assert sorted(words, key=str) == [None, {CLUSTER: 80}]
    assert api.get(path(namespace))["metadata"]["annotations"] == {"mine": "stays"}
    assert journal.brakes == {CLUSTER: BrakeRecord(1.0, 80)}


async def test_as_much_as_we_write_fits_and_more_is_refused(
    api: Api, kube: Kube, namespace: str
) -> None:
    journal = await loaded(kube, namespace)
    await journal.remember(application(1))
    size = sum(map(len, api.get(path(namespace, "-3"))["data"].popitem()))
    api.merge(path(namespace, "-3"), {"data": {"ballast": "x" * (LARGEST - 2 * size - 7)}})
    await journal.remember(application(2))
    with pytest.raises(Full, match=r"azwi-controller-3.* bytes"):
        await journal.remember(application(3))
    again = await loaded(kube, namespace)
    assert set(again.identities) == {application(number).client_id for number in (1, 2)}


async def test_a_restart_of_the_api_server_in_the_middle_loses_nothing(
    own_cluster: Cluster, kube: Kube, namespace: str
) -> None:
    journal = await loaded(kube, namespace)
    failed, there_again = asyncio.Event(), asyncio.Event()

    async def note(number: int) -> None:
        while True:
            try:
                await journal.remember(application(number))
            except Transient:
                failed.set()
                await there_again.wait()
            else:
                return

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(note(number)) for number in range(10)]
        await asyncio.gather(*tasks)
        await asyncio.to_thread(own_cluster.stop_api_server, kill=True)
        tasks = [group.create_task(note(number)) for number in range(10, 20)]
        try:
            await failed.wait()
        finally:
            await asyncio.to_thread(own_cluster.start_api_server)
            there_again.set()
    again = await loaded(kube, namespace)
    assert set(again.identities) == {application(number).client_id for number in range(20)}


async def test_ten_thousand_identities_are_noted_in_few_writes(
    kube: Kube, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    journal = Journal(kube, namespace, options=Options(before_write=count))
    await journal.load()
    digits = "0123456789abcdef"
    identities = [application(number, digits[number % 16]) for number in range(10_000)]
    began = time.monotonic()
    await asyncio.gather(*(journal.remember(identity) for identity in identities))
    took = time.monotonic() - began
    began = time.monotonic()
    again = await loaded(kube, namespace)
    with capsys.disabled():
        read = time.monotonic() - began
        print(f" 10,000 identities: {calls} writes, {took:.2f} s, read {read:.2f} s", end="")  # noqa: T201
    assert len(again.identities) == 10_000
    assert calls == 32
