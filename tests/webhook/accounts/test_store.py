from typing import Any

import pytest

from identity.account import Account
from tests.builders import CLIENT, TENANT, ours
from webhook.accounts.store import AccountStore, MalformedAccount, is_older


def an_object(name: str = "b", version: str = "7", **annotations: str) -> dict[str, Any]:
    marked = {key.replace("_", "-"): value for key, value in annotations.items()}
    metadata = {
        "namespace": "a",
        "name": name,
        "resourceVersion": version,
        "annotations": {**ours(marked), "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "managedFields": [{"fieldsV1": {}}],
    }
    return {"kind": "PartialObjectMetadata", "metadata": metadata}


def test_what_a_mutation_needs_is_kept() -> None:
    store = AccountStore()
    store.put(store.read(an_object(client_id=CLIENT, tenant_id=TENANT)))

    assert store.find("a", "b") == Account("a", "b", "7", client_id=CLIENT, tenant_id=TENANT)
    assert store.size == 1


@pytest.mark.parametrize("annotations", [None, {}])
def test_an_account_without_annotations_is_one_too(annotations: object) -> None:
    found = an_object()
    found["metadata"]["annotations"] = annotations

    assert AccountStore().read(found) == Account("a", "b", "7")
    del found["metadata"]["annotations"]
    assert AccountStore().read(found) == Account("a", "b", "7")


def test_what_many_have_in_common_is_held_once() -> None:
    store = AccountStore()
    for name in ("b", "default"):
        # Joined at run time, so that no two are the same object to begin with.
        found = an_object(name="".join(name), client_id=CLIENT, tenant_id="".join(TENANT))
        found["metadata"]["namespace"] = "".join("aa")
        store.put(store.read(found))

    one, other = store.find("aa", "b"), store.find("aa", "default")

    assert one is not None
    assert other is not None
    assert one.tenant_id is other.tenant_id
    assert one.namespace is other.namespace
    assert other.name is "default"  # noqa: F632


def test_the_later_version_wins_whatever_the_order() -> None:
    store = AccountStore()
    store.put(Account("a", "b", "10"))
    store.put(Account("a", "b", "9", client_id=CLIENT))
    assert store.find("a", "b") == Account("a", "b", "10")

    store.remove(Account("a", "b", "9"))
    assert store.size == 1
    store.remove(Account("a", "b", "11"))
    assert store.find("a", "b") is None
    assert store.size == 0


def test_removing_what_is_not_there_changes_nothing() -> None:
    store = AccountStore()
    store.put(Account("a", "b", "1"))
    store.remove(Account("a", "c", "2"))
    store.remove(Account("c", "b", "2"))

    assert store.size == 1
    assert store.find("c", "b") is None


def test_versions_are_numbers_and_anything_else_has_no_order() -> None:
    assert is_older(Account("a", "b", "9"), Account("a", "b", "10"))
    assert not is_older(Account("a", "b", "10"), Account("a", "b", "10"))
    assert not is_older(Account("a", "b", "x"), Account("a", "b", "10"))


def test_a_store_takes_over_what_has_not_changed() -> None:
    before = AccountStore()
    before.put(before.read(an_object("same", "7", client_id=CLIENT)))
    before.put(before.read(an_object("new", "8")))

    store = AccountStore(before)

    assert store.read(an_object("same", "7", client_id=CLIENT)) is before.find("a", "same")
    assert store.read(an_object("new", "9", client_id=CLIENT)).client_id == CLIENT
    assert store.size == 0


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"name": "b", "namespace": "a"}},
        {"metadata": {"name": "b", "resourceVersion": "1"}},
        {"metadata": {"namespace": ["a"], "name": "b", "resourceVersion": "1"}},
        {"metadata": {"namespace": "a", "name": {}, "resourceVersion": "1"}},
        {"metadata": {"namespace": "a", "name": "b", "resourceVersion": 1}},
        {"metadata": {"namespace": "a", "name": "b", "resourceVersion": "1", "annotations": "x"}},
        [],
        "x",
        None,
    ],
)
def test_an_object_of_another_shape_is_refused(found: Any) -> None:
    with pytest.raises(MalformedAccount):
        AccountStore().read(found)


def test_many_different_values_do_not_pile_up() -> None:
    store = AccountStore()
    for number in range(5000):
        store.read(an_object(tenant_id=str(number)))

    assert len(store._shared) < 2000
