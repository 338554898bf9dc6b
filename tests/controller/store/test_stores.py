"""What is kept of objects and ServiceAccounts, how they are found, and who hears of them."""

from typing import Any

import pytest

from controller.model import ClusterIdentity, Key, Wish
from controller.store import AccountRecord, Accounts, Objects, Record
from controller.store.accounts import account_record
from controller.store.objects import record_from
from identity.credential_names import cluster_tag

ISSUER = "https://issuer.example/"
CLUSTER = ClusterIdentity(ISSUER, cluster_tag(ISSUER))
ONE = "11111111-2222-3333-4444-555555555555"
TWO = "66666666-7777-8888-9999-aaaaaaaaaaaa"
RESOURCE_ID = (
    f"/subscriptions/{ONE}/resourceGroups/Shop"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/App-1"
)
OWNER = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "name": "app",
    "uid": "s",
    "controller": True,
}


def record(
    name: str = "app-object",
    *,
    version: int = 1,
    uid: str = "",
    identity: Any = None,
    owner: Any = None,
    status: Any = None,
) -> Record:
    body = {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid or f"uid of {name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "resourceVersion": str(version),
            "ownerReferences": [owner] if owner else [],
        },
        "spec": {"serviceAccountName": "app", "identity": identity or {"clientId": ONE}},
    }
    return record_from(body | ({"status": status} if status else {}), CLUSTER)


class Noticed(list[tuple[Wish | None, Wish | None]]):
    def take(self, before: Wish | None, after: Wish | None) -> None:
        self.append((before, after))


@pytest.fixture
def noticed() -> Noticed:
    return Noticed()


@pytest.fixture
def objects(noticed: Noticed) -> Objects:
    return Objects(noticed.take)


def names(records: list[Record]) -> set[str]:
    return {one.key.name for one in records}


# Objects.


def test_objects_are_found_by_what_they_name(objects: Objects) -> None:
    objects.put(record("a"))
    objects.put(record("b", owner=OWNER))
    objects.put(record("c", identity={"clientId": TWO.upper()}))
    objects.put(record("d", identity={"resourceId": RESOURCE_ID + "/"}))
    objects.put(record("e", identity={"resourceId": RESOURCE_ID.upper()}))

    assert names(objects.of_client_id(ONE)) == {"a", "b"}
    assert names(objects.of_client_id(TWO)) == {"c"}
    assert names(objects.of_resource(RESOURCE_ID.lower())) == {"d", "e"}
    assert names(objects.of_account(Key("shop", "app"))) == {"b"}
    assert objects.of_account(Key("bank", "app")) == []
    assert objects.client_ids() == {ONE, TWO}
    assert objects.resources() == {RESOURCE_ID.lower()}
    assert objects.accounts() == {Key("shop", "app")}


def test_who_names_nothing_is_found_by_nothing(objects: Objects) -> None:
    objects.put(record(identity={"clientId": "nonsense"}))

    assert (objects.client_ids(), objects.resources(), objects.accounts()) == (set(), set(), set())
    assert len(objects) == 1


def test_one_that_names_another_identity_is_found_there_alone(objects: Objects) -> None:
    objects.put(record(version=1, owner=OWNER))

    objects.put(record(version=2, identity={"clientId": TWO}))

    assert objects.of_client_id(ONE) == []
    assert names(objects.of_client_id(TWO)) == {"app-object"}
    assert objects.client_ids() == {TWO}
    assert objects.accounts() == set()


def test_what_is_gone_leaves_nothing_behind(objects: Objects) -> None:
    """Somebody may write and delete objects with other ids all day long."""
    for number in range(50):
        client_id = f"{number:08x}-2222-3333-4444-555555555555"
        one = record("x", uid=str(number), version=number, identity={"clientId": client_id})
        objects.put(one)
        objects.of_client_id(client_id)
        objects.drop(one.key, one.uid)

    indexes = (objects._by_client_id, objects._by_resource, objects._by_account)
    assert [len(index) for index in indexes] == [0, 0, 0]


def test_a_change_of_the_wish_is_noticed_with_both_sides(
    objects: Objects, noticed: Noticed
) -> None:
    first, second = record(version=1), record(version=2, identity={"clientId": TWO})
    objects.put(first)
    objects.put(second)
    objects.drop(second.key, second.uid)

    assert noticed == [
        (None, first.wish),
        (first.wish, second.wish),
        (second.wish, None),
    ]


def test_a_change_of_the_status_alone_is_kept_and_not_noticed(
    objects: Objects, noticed: Noticed
) -> None:
    """It is our own writing that comes back: nothing is to be done about it."""
    objects.put(record(version=1))

    objects.put(record(version=2, status={"observedGeneration": 1}))

    (one,) = objects
    assert one.status == {"observedGeneration": 1}
    assert len(noticed) == 1


def test_the_spec_is_kept_of_what_the_controller_made() -> None:
    made, by_hand = record(owner=OWNER), record()

    assert made.spec == {"serviceAccountName": "app", "identity": {"clientId": ONE}}
    assert by_hand.spec == {}


def test_a_status_that_is_none_is_empty() -> None:
    assert record().status == {}


def test_neither_status_nor_spec_is_in_what_is_printed() -> None:
    assert "observedGeneration" not in repr(record(status={"observedGeneration": 1}))


# ServiceAccounts.


def account(version: int = 1, uid: str = "s-1", **metadata: Any) -> AccountRecord:
    return account_record(
        {
            "metadata": {
                "namespace": "shop",
                "name": "app",
                "uid": uid,
                "resourceVersion": str(version),
                **metadata,
            }
        }
    )


def annotated(version: int = 1, client_id: str = ONE, **rest: Any) -> AccountRecord:
    annotations = {"azure.workload.identity/client-id": client_id}
    return account(version, annotations=annotations, **rest)


@pytest.fixture
def heard() -> list[Key]:
    return []


@pytest.fixture
def accounts(heard: list[Key]) -> Accounts:
    return Accounts(heard.append)


@pytest.mark.parametrize(
    "silent",
    [
        account(),
        account(annotations=None),
        account(annotations={"example.com/client-id": ONE}),
        account(annotations={"azure.workload.identity/client-id": ""}),
        annotated(deletionTimestamp="2026-01-01T00:00:00Z"),
    ],
)
def test_an_account_that_says_nothing_is_not_kept(accounts: Accounts, silent: Any) -> None:
    """Most accounts of a cluster are silent, and one that is going says nothing any more."""
    assert silent.silent
    assert not accounts.put(silent)
    assert len(accounts) == 0


def test_an_account_that_says_something_is_kept(accounts: Accounts, heard: list[Key]) -> None:
    assert accounts.put(annotated())

    kept = accounts.get(Key("shop", "app"))
    assert kept is not None
    assert [one.client_id for one in kept.federation.identities] == [ONE]
    assert heard == [Key("shop", "app")]


def test_one_that_misspells_is_not_silent(accounts: Accounts) -> None:
    assert accounts.put(account(annotations={"azure.workload.identity/clientid": ONE}))


def test_one_that_falls_silent_is_heard_of(accounts: Accounts, heard: list[Key]) -> None:
    accounts.put(annotated(1))

    assert accounts.put(account(2))
    assert len(heard) == 2
    assert not accounts.put(annotated(1)), "what it said before comes too late"


def test_what_is_not_ours_changes_nothing(accounts: Accounts, heard: list[Key]) -> None:
    accounts.put(annotated(1))

    assert accounts.put(annotated(2, labels={"a": "b"}))
    assert len(heard) == 1


def test_another_account_of_the_name_is_heard_of(accounts: Accounts, heard: list[Key]) -> None:
    accounts.put(annotated(1))

    assert accounts.put(annotated(2, uid="s-2"))
    assert len(heard) == 2


def test_one_that_is_gone_is_heard_of(accounts: Accounts, heard: list[Key]) -> None:
    accounts.put(annotated(1))

    accounts.drop(Key("shop", "app"), "s-1")
    assert len(heard) == 2
