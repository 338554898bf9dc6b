"""A guest on a cluster: what it makes, what it leaves alone, what it takes away again."""

import copy
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from hack.demo.api import Api, path_of
from hack.demo.errors import ApiRefused, DemoFailed
from hack.demo.lent import Guest

Object = dict[str, Any]

ALL = "/apis/azure.workload.identity/v1alpha1/federatedidentitycredentials"


class Server(Api):
    """An API server that keeps what it is given, with defaults of its own."""

    def __init__(self, *there: Object) -> None:
        self.there = {path_of(one): one for one in there}

    def find(self, like: Object) -> Object | None:
        return self.there.get(path_of(like))

    def get(self, path: str) -> Object:
        kept = [one for one in self.there.values() if one["kind"] == "FederatedIdentityCredential"]
        return {"items": kept}

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        old = self.there.get(path_of(wanted), {"spec": {}})
        theirs = old.get("theirs", {})
        if any(wanted["spec"].get(key, value) != value for key, value in theirs.items()):
            raise ApiRefused("PATCH", 409, "conflict")
        new = {**wanted, "spec": {"conversion": "None", **old["spec"], **wanted["spec"]}}
        if not dry_run:
            self.there[path_of(wanted)] = new
        return new

    def merge(self, there: Object, patch: Object) -> None:
        assert patch == {"metadata": {"finalizers": None}}
        self.there[path_of(there)]["metadata"].pop("finalizers")

    def delete(self, there: Object) -> None:
        if not self.there.get(path_of(there), {"metadata": {}})["metadata"].get("finalizers"):
            self.there.pop(path_of(there), None)


def named(kind: str, name: str, namespace: str = "", **spec: str) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    group = "azure.workload.identity/v1alpha1" if kind.startswith("Federated") else "x.io/v1"
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


DEFINITION = named("CustomResourceDefinition", "fics", scope="Namespaced")
ACCOUNT = named("ServiceAccount", "web", "shop")


def guest(server: Server, made: ExitStack, *, lent: bool = True) -> tuple[Guest, list[str]]:
    cluster: Any = SimpleNamespace(ours=not lent)
    patient: Any = SimpleNamespace(asked=False)
    leftovers: list[str] = []
    return Guest(server, cluster, made, patient, leftovers), leftovers


def test_what_it_shares_is_made_where_it_is_not_there_and_deleted_again() -> None:
    server = Server()
    with ExitStack() as made:
        guest(server, made)[0].share(DEFINITION)
        assert server.find(DEFINITION)
    assert server.there == {}


def test_what_is_there_and_says_the_same_is_used_and_stays() -> None:
    there = Server()
    there.apply(DEFINITION)
    before = copy.deepcopy(there.there)
    with ExitStack() as made:
        guest(there, made)[0].share(DEFINITION)
    assert there.there == before


@pytest.mark.parametrize(
    "other",
    [{"theirs": {"scope": "Cluster"}}, {"spec": {"conversion": "None", "scope": "Cluster"}}],
    ids=["somebody holds the field", "nobody does"],
)
def test_what_is_there_and_says_something_else_is_refused_and_stays(other: Object) -> None:
    server = Server({**DEFINITION, **other})
    before = copy.deepcopy(server.there)
    with ExitStack() as made, pytest.raises(DemoFailed, match="found another: somebody uses it"):
        guest(server, made)[0].share(DEFINITION)
    assert server.there == before


def test_things_that_the_controller_would_touch_are_named() -> None:
    with ExitStack() as made:
        found, _ = guest(Server(), made)
        found.refuse_others([], "such things")
        accounts = [named("ServiceAccount", name, "shop") for name in "abcd"]
        with pytest.raises(
            DemoFailed, match=r"without such things, found shop/a, .*shop/c, \.\.\."
        ):
            found.refuse_others(accounts, "such things")


def test_on_a_cluster_of_our_own_nothing_is_refused_or_deleted() -> None:
    server = Server()
    with ExitStack() as made:
        found, _ = guest(server, made, lent=False)
        found.refuse_others([ACCOUNT], "such things")
        found.make(DEFINITION)
        found.set_free_at_the_end(ALL)
    assert server.find(DEFINITION)


def test_objects_that_nobody_frees_any_more_are_freed_before_their_namespace_goes() -> None:
    held = named("FederatedIdentityCredential", "web-1", "shop")
    held["metadata"]["finalizers"] = ["azure.workload.identity/federated-identity-credential"]
    server = Server(held)
    with ExitStack() as made:
        found, leftovers = guest(server, made)
        found.set_free_at_the_end(ALL)
    assert server.there == {}
    assert leftovers == []


def test_what_stands_in_a_namespace_goes_with_it() -> None:
    server = Server()
    with ExitStack() as made:
        guest(server, made)[0].make(ACCOUNT)
    assert server.find(ACCOUNT)
