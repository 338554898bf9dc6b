"""What is removed, what stays, and what is waited for: the design's "Grants" and "Credentials"."""

from collections.abc import Callable
from typing import Any

import pytest

from controller.model import DeletionPolicy, Wish
from controller.plan import (
    Barred,
    Cause,
    Delete,
    HeldBy,
    Holds,
    Leaves,
    NoSlot,
    Ruled,
    Standing,
    Waits,
    plan,
)
from entra.model import FederatedCredential
from identity.credential_names import cluster_tag, credential_name
from identity.faults import Fault
from tests.controller.plan.stage import (
    FOREIGN,
    denied,
    doubted,
    going,
    granted,
    ours,
    situation,
    strangers,
    theirs,
    wish,
)

RETAIN, DELETE = DeletionPolicy.RETAIN, DeletionPolicy.DELETE


def removals(
    *ruled: Ruled, there: tuple[FederatedCredential, ...], **changes: Any
) -> dict[str, Cause]:
    """Return the names that a plan removes, with causes; it does nothing else."""
    causes = {}
    for step in plan(situation(*ruled, there=there, **changes)).steps:
        assert isinstance(step, Delete)
        causes[step.credential.name] = step.cause
    return causes


# Of an object that goes.


@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("policy", [None, DELETE])
def test_the_credential_of_an_object_that_goes_is_removed_whatever_grants_say(
    standing: Standing, policy: DeletionPolicy | None
) -> None:
    app = going(wish(), policy)

    planned = plan(situation(Ruled(app, standing), there=(ours(app),)))

    assert planned.steps == (Delete(ours(app), Cause.DELETED, (app.uid,)),)
    assert planned.outcomes == {app.uid: Leaves()}
    assert planned.used == 0


def test_an_object_without_a_credential_may_go_at_once() -> None:
    app = going(wish())

    planned = plan(situation(doubted(app), there=strangers(2)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Leaves()}


def test_an_adopted_one_stays_when_its_object_goes() -> None:
    app = going(wish())

    assert removals(granted(app), there=(theirs(app),)) == {}


def test_an_adopted_one_goes_if_delete_is_written_explicitly() -> None:
    app = going(wish(), DELETE)

    planned = plan(situation(granted(app), there=(theirs(app),)))

    assert planned.steps == (Delete(theirs(app), Cause.DELETED, (app.uid,)),)


def test_an_adopted_one_stays_for_who_has_no_grant_whatever_is_written() -> None:
    app = going(wish(), DELETE)

    planned = plan(situation(denied(app), there=(theirs(app),)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Leaves()}


def test_an_object_that_says_delete_of_an_adopted_one_waits_until_its_grant_is_certain() -> None:
    app = going(wish(), DELETE)

    planned = plan(situation(doubted(app), there=(theirs(app),)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Waits()}


def test_an_object_that_is_faulty_waits_for_nothing() -> None:
    app = going(wish(faults=(Fault("spec", None, "another one"),)), DELETE)

    assert plan(situation(doubted(app), there=(theirs(app),))).outcomes == {app.uid: Leaves()}


def test_one_of_somebody_else_that_was_never_adopted_stays_whatever_is_written() -> None:
    """Its audience is another one: the object was told of a conflict, not that it holds it."""
    app = going(wish(), DELETE)
    there = theirs(app, audience="api://other")

    assert removals(granted(app), there=(there,)) == {}
    assert plan(situation(doubted(app), there=(there,))).outcomes == {app.uid: Leaves()}


def test_an_adopted_one_stays_while_another_object_wants_it() -> None:
    leaving, staying = going(wish(name="leaving", age=2), DELETE), wish(name="staying")

    planned = plan(situation(granted(leaving), granted(staying), there=(theirs(staying),)))

    assert planned.steps == ()
    assert planned.outcomes[staying.uid] == Holds(theirs(staying), adopted=True)


def test_one_that_held_nothing_removes_nothing_when_it_goes() -> None:
    older, newer = wish(name="older", age=2), going(wish(name="newer"), DELETE)

    planned = plan(situation(granted(older), granted(newer), there=(ours(older),)))

    assert planned.steps == ()
    assert planned.outcomes[newer.uid] == Leaves()


def test_the_next_in_line_takes_over_what_stands_as_it_stands() -> None:
    older, newer = going(wish(name="older", age=2)), wish(name="newer")

    planned = plan(situation(granted(older), granted(newer), there=(ours(older),)))

    assert planned.steps == ()
    assert planned.outcomes == {older.uid: Leaves(), newer.uid: Holds(ours(older))}


# Retain.


def test_what_is_to_be_retained_stays_without_its_object_if_that_is_granted() -> None:
    app = going(wish(), RETAIN)

    planned = plan(situation(granted(app, may_retain=True), there=(ours(app),)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Leaves(retained=ours(app).name)}


def test_retain_without_the_grant_to_retain_is_as_if_nothing_was_said() -> None:
    app = going(wish(), RETAIN)

    assert removals(granted(app), there=(ours(app),)) == {ours(app).name: Cause.DELETED}


def test_a_withdrawn_grant_removes_what_is_to_be_retained_too() -> None:
    app = wish(policy=RETAIN)

    assert removals(denied(app), there=(ours(app),)) == {ours(app).name: Cause.WITHDRAWN}
    leaving = Ruled(going(app, RETAIN), Standing.DENIED, may_retain=True)
    assert removals(leaving, there=(ours(app),)) == {ours(app).name: Cause.DELETED}


def test_what_was_retained_stays_with_no_object_at_all() -> None:
    app = wish()

    assert removals(there=(ours(app),), retained={ours(app).name: "shop"}) == {}


def test_what_is_no_longer_retained_goes() -> None:
    app = wish()

    assert removals(there=(ours(app),)) == {ours(app).name: Cause.LEFT_OVER}


def test_an_object_for_what_was_retained_takes_it_over() -> None:
    app = wish()

    planned = plan(
        situation(
            granted(app), there=(ours(app),), retained={ours(app).name: "shop"}, per_namespace=1
        )
    )

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Holds(ours(app))}


def test_what_is_adopted_is_not_retained_since_it_stays_anyway() -> None:
    app = going(wish(), RETAIN)

    planned = plan(situation(granted(app, may_retain=True), there=(theirs(app),)))

    assert planned.outcomes == {app.uid: Leaves()}


def test_nothing_is_said_to_be_retained_that_another_object_holds() -> None:
    leaving, staying = going(wish(name="leaving", age=1), RETAIN), wish(name="staying")

    planned = plan(
        situation(granted(leaving, may_retain=True), granted(staying), there=(ours(leaving),))
    )

    assert planned.steps == ()
    assert planned.outcomes == {leaving.uid: Leaves(), staying.uid: Holds(ours(leaving))}


def test_nothing_is_said_to_be_retained_that_goes_with_another_object_that_has_no_slot() -> None:
    leaving, staying = going(wish(name="leaving", age=1), RETAIN), wish(name="staying")
    oldest = wish("oldest", age=9)

    planned = plan(
        situation(
            granted(oldest),
            granted(leaving, may_retain=True),
            granted(staying),
            there=(ours(leaving),),
            per_namespace=1,
        )
    )

    assert isinstance(planned.outcomes[staying.uid], NoSlot)
    assert Delete(ours(leaving), Cause.CROWDED_OUT, (staying.uid,)) in planned.steps
    assert planned.outcomes[leaving.uid] == Leaves()


# Withdrawn.


@pytest.mark.parametrize("foreign", ["", "repo"])
def test_a_withdrawn_grant_removes_the_credential(foreign: str) -> None:
    app = wish(foreign=foreign)

    planned = plan(situation(denied(app), there=(ours(app),)))

    assert planned.steps == (Delete(ours(app), Cause.WITHDRAWN, (app.uid,)),)
    assert planned.outcomes == {app.uid: Barred()}
    assert not planned.presumes_absence


def test_what_is_withdrawn_goes_before_anything_else_is_done() -> None:
    """A service that keeps failing at something new must not keep it alive."""
    app, new = wish("app"), wish("new")

    steps = plan(situation(denied(app), granted(new), there=(ours(app),))).steps

    assert [type(step).__name__ for step in steps] == ["Delete", "Create"]


def test_an_adopted_one_whose_grant_is_gone_is_reported_and_stays() -> None:
    app = wish(policy=DELETE)

    planned = plan(situation(denied(app), there=(theirs(app),)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Barred(still_effective="by-hand")}


def test_whom_an_identity_trusts_of_another_issuer_is_told_to_nobody_without_a_grant() -> None:
    prober = wish(foreign="repo:acme/shop:ref:refs/heads/main")

    planned = plan(situation(denied(prober), there=(theirs(prober),)))

    assert planned.outcomes == {prober.uid: Barred()}


def test_one_denial_is_overruled_by_no_doubt_about_the_same_account() -> None:
    """Another object of the ServiceAccount can't prolong what was withdrawn from it."""
    app, other = wish(), wish(name="by-resource-id", age=9)

    planned = plan(situation(denied(app), doubted(other), there=(ours(app),)))

    assert planned.steps == (Delete(ours(app), Cause.WITHDRAWN, (app.uid,)),)
    assert planned.outcomes[other.uid] == Waits()


def test_a_fault_of_one_object_is_no_denial_to_another() -> None:
    faulty, app = wish(name="faulty", faults=(Fault("spec", None, "x"),)), wish(age=1)

    planned = plan(situation(denied(faulty), doubted(app), there=(ours(app),)))

    assert planned.steps == ()
    assert planned.outcomes[app.uid] == Holds(ours(app))


def test_a_denied_wish_removes_nothing_that_a_granted_one_holds() -> None:
    """A foreign issuer's tokens may be wanted in two namespaces; one of them has the grant."""
    here = wish(foreign="repo")
    prober = wish(foreign="repo", namespace="prober", age=9)

    planned = plan(situation(denied(prober), granted(here), there=(ours(here),)))

    assert planned.steps == ()
    assert planned.outcomes[here.uid] == Holds(ours(here))


# What no object wants.


def test_what_is_ours_and_nobody_wants_goes() -> None:
    left = wish("gone")

    planned = plan(situation(there=(ours(left), *strangers(2))))

    assert planned.steps == (Delete(ours(left), Cause.LEFT_OVER),)
    assert planned.presumes_absence


def test_what_another_cluster_wrote_stays() -> None:
    other = "https://issuer.example/another/"
    app = wish(issuer=other)
    there = theirs(app, credential_name(other, "shop", "app", other, app.subject))

    assert cluster_tag(other) in there.name
    assert removals(there=(there,)) == {}


@pytest.mark.parametrize(
    "name",
    ["azwi", "azwi-", "azwi-app", f"azwi-{cluster_tag('https://issuer.example/cluster/')}-app"],
)
def test_a_name_that_only_looks_like_ours_is_somebody_elses(name: str) -> None:
    assert removals(there=(theirs(wish(), name),)) == {}


def test_in_the_name_of_ours_letter_case_counts() -> None:
    assert removals(there=(ours(wish(), name=ours(wish()).name.upper()),)) == {}


def test_while_objects_are_not_all_known_nothing_goes_that_nobody_claims() -> None:
    left, app = wish("gone"), wish()

    planned = plan(situation(granted(app), there=(ours(left),), complete=False))

    assert [type(step).__name__ for step in planned.steps] == ["Create"]
    assert planned.used == 2


def test_while_objects_are_not_all_known_what_is_certain_goes_all_the_same() -> None:
    withdrawn, leaving = wish("withdrawn"), going(wish("leaving"))

    assert removals(
        denied(withdrawn),
        doubted(leaving),
        there=(ours(withdrawn), ours(leaving)),
        complete=False,
    ) == {ours(withdrawn).name: Cause.WITHDRAWN, ours(leaving).name: Cause.DELETED}


@pytest.mark.parametrize("claim", [going, lambda one: one], ids=["an object that goes", "denied"])
def test_who_asks_for_what_another_object_wrote_makes_that_no_less_unknown(
    claim: Callable[[Wish], Wish],
) -> None:
    """Anybody may write, and delete, an object for a pair of a foreign issuer.

    The object that it was written for may be there and not known yet: it goes as something left
    over goes, after all objects were listed.
    """
    unknown = wish(foreign="repo")
    prober = claim(wish(foreign="repo", namespace="prober"))

    planned = plan(situation(denied(prober), there=(ours(unknown),)))

    assert planned.steps == (Delete(ours(unknown), Cause.LEFT_OVER, (prober.uid,)),)
    assert planned.presumes_absence
    assert removals(denied(prober), there=(ours(unknown),), complete=False) == {}


def test_a_denial_is_certain_for_every_object_of_the_same_account() -> None:
    """They all ask the same of RBAC: who wrote it makes no difference."""
    app, before = wish(name="new-name"), wish(name="old-name")

    assert removals(denied(app), there=(ours(before),)) == {ours(before).name: Cause.WITHDRAWN}


def test_what_takes_part_in_no_rule_stays() -> None:
    app = wish(foreign="repo")
    there = theirs(app, issuer=FOREIGN + "/", name="other-slash")

    planned = plan(situation(granted(app), there=(there,)))

    assert [type(step).__name__ for step in planned.steps] == ["Create"]


def test_one_in_doubt_and_one_that_goes_keep_it_between_them() -> None:
    leaving, staying = going(wish(name="leaving")), wish(name="staying")

    planned = plan(situation(doubted(leaving), doubted(staying), there=(ours(leaving),)))

    assert planned.steps == ()
    assert planned.outcomes[staying.uid] == Holds(ours(leaving))


def test_every_wish_is_told_something() -> None:
    oldest = wish(age=9)
    ruled = (
        granted(oldest),
        granted(wish(name="second", age=8)),
        doubted(wish(name="third", age=7)),
        denied(wish("other", age=6)),
        doubted(going(wish("leaving"))),
    )

    outcomes = plan(situation(*ruled)).outcomes

    assert set(outcomes) == {one.wish.uid for one in ruled}
    assert outcomes[ruled[2].wish.uid] == HeldBy(oldest.key)
