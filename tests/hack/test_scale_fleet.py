"""Who is there, and how long it takes at least."""

from collections import Counter

import pytest

from entra.model import SLOTS
from hack.scale.bound import bound, budgets_needs, services_needs
from hack.scale.fleet import Size, fleet

WHOLE = fleet(Size())


def test_every_identity_has_all_of_its_slots_used() -> None:
    assert len(WHOLE.wanted) == 500
    assert set(WHOLE.wanted.values()) == {SLOTS}


def test_half_of_them_are_managed_identities_in_five_subscriptions() -> None:
    subscriptions = Counter(one.subscription for one in WHOLE.members if one.managed)
    assert sorted(subscriptions.values()) == [50] * 5
    assert WHOLE.subscriptions() == sorted(subscriptions)


def test_each_has_accounts_in_many_namespaces() -> None:
    pairs = {(one.namespace, one.client_id) for one in WHOLE.accounts}
    assert len(pairs) == len(WHOLE.accounts)
    assert len(WHOLE.namespaces) == 100


def test_the_same_fleet_is_laid_out_each_time() -> None:
    assert fleet(Size()) == WHOLE


def test_the_grants_are_what_the_accounts_name_and_no_more() -> None:
    roles, granted = {}, set()
    for path, body in WHOLE.grants():
        name = body["metadata"]["name"]
        if path.endswith("clusterroles"):
            (rule,) = body["rules"]
            assert rule["verbs"] == ["federate"]
            roles[name] = rule["resourceNames"]
        else:
            for subject in body["subjects"]:
                namespace = subject["name"].removeprefix("system:serviceaccounts:")
                granted |= {(namespace, client_id) for client_id in roles[name]}
    assert granted == {(one.namespace, one.client_id) for one in WHOLE.accounts}
    assert len(roles) == 5


def test_the_seed_has_the_controller_and_every_identity() -> None:
    seed = WHOLE.seed()
    assert len(seed["applications"]) == 251
    assert len(seed["managedIdentities"]) == 250


@pytest.mark.parametrize(
    ("size", "why"),
    [
        (Size(accounts=501, identities=25), "21 ServiceAccounts on one identity"),
        (Size(accounts=20, identities=1), "20 ServiceAccounts of one namespace"),
    ],
)
def test_a_fleet_that_could_never_be_ready_is_refused(size: Size, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fleet(size)


def test_at_published_rates_the_subscriptions_and_the_tenant_take_longest() -> None:
    """5,000 writes at 10 a second, 200 of them at once; 1,000 at 2 a second, 40 at once."""
    first, second, *_ = services_needs(WHOLE, 1.0)
    assert {first.seconds, second.seconds} == {480.0}
    assert {first.whose, second.whose} == {
        "tenant, Resource Manager writes",
        "subscription, Resource Manager writes",
    }
    assert bound(services_needs(WHOLE, 1.0)) == 480.0


def test_twice_the_rates_are_twice_the_bursts_as_well() -> None:
    assert bound(services_needs(WHOLE, 2.0)) == 230.0


def test_applications_alone_are_bound_by_graph() -> None:
    few = services_needs(fleet(Size(accounts=1, identities=1)), 0.0001)
    assert [need.whose for need in few] == ["tenant, writes to Graph"]


def test_an_identity_alone_is_bound_by_its_own_rate() -> None:
    """20 writes at a quarter of one a second, 5 of them at once."""
    size = Size(accounts=500, identities=25)
    needs = {need.whose: need for need in services_needs(fleet(size), 1.0)}
    assert needs["identity, Resource Manager writes"].seconds == 60.0
    assert bound(needs.values()) == 60.0


def test_the_controller_allows_itself_no_more_than_the_services_do() -> None:
    for factor in (1.0, 2.0, 10.0):
        theirs = {need.whose: need for need in services_needs(WHOLE, factor)}
        for own in budgets_needs(WHOLE, factor):
            assert own.calls == theirs[own.whose].calls
            assert own.seconds >= theirs[own.whose].seconds
