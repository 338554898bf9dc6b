"""An issuer that changed: new credentials first, the old ones for as long as tokens live."""

from dataclasses import replace

from controller.model import DeletionPolicy
from controller.plan import Cause, Create, Delete, Holds, NoSlot, plan
from tests.controller.plan.stage import (
    AGEING,
    CLUSTER,
    OUTLIVED,
    denied,
    doubted,
    earlier,
    going,
    granted,
    ours,
    situation,
    strangers,
    wish,
)


def test_a_new_credential_is_written_and_the_one_of_the_earlier_issuer_stays() -> None:
    app = wish()

    planned = plan(situation(granted(app), there=(earlier(app),), cluster=AGEING))

    assert planned.steps == (Create(replace(ours(app), id=""), app.uid),)
    assert planned.used == 2


def test_when_its_tokens_are_over_it_goes() -> None:
    app = wish()

    planned = plan(situation(granted(app), there=(earlier(app), ours(app)), cluster=OUTLIVED))

    assert planned.steps == (Delete(earlier(app), Cause.LEFT_OVER),)
    assert planned.outcomes == {app.uid: Holds(ours(app))}


def test_of_an_issuer_that_was_never_ours_nothing_goes() -> None:
    app = wish()

    planned = plan(situation(granted(app), there=(earlier(app), ours(app)), cluster=CLUSTER))

    assert planned.steps == ()


def test_those_of_the_earlier_issuer_take_slots_of_the_identity_and_the_shortage_is_told() -> None:
    app = wish()

    planned = plan(situation(granted(app), there=(earlier(app), *strangers(19)), cluster=AGEING))

    assert planned.steps == ()
    assert isinstance(planned.outcomes[app.uid], NoSlot)


def test_those_of_the_earlier_issuer_take_none_of_the_namespaces_share() -> None:
    """Else a namespace that has its full share could have nothing of the new issuer."""
    app = wish()

    planned = plan(situation(granted(app), there=(earlier(app),), cluster=AGEING, per_namespace=1))

    assert [type(step) for step in planned.steps] == [Create]


def test_a_withdrawn_grant_removes_that_of_the_earlier_issuer_too() -> None:
    app = wish()

    planned = plan(situation(denied(app), there=(earlier(app), ours(app)), cluster=AGEING))

    assert set(planned.steps) == {
        Delete(earlier(app), Cause.WITHDRAWN, (app.uid,)),
        Delete(ours(app), Cause.WITHDRAWN, (app.uid,)),
    }


def test_an_object_that_goes_takes_that_of_the_earlier_issuer_with_it() -> None:
    app = going(wish())

    planned = plan(situation(doubted(app), there=(earlier(app),), cluster=AGEING))

    assert planned.steps == (Delete(earlier(app), Cause.LEFT_OVER, (app.uid,)),)


def test_what_no_object_wants_goes_at_once_whatever_its_issuer() -> None:
    planned = plan(situation(there=(earlier(wish()),), cluster=AGEING))

    assert planned.steps == (Delete(earlier(wish()), Cause.LEFT_OVER),)


def test_one_in_doubt_keeps_that_of_the_earlier_issuer() -> None:
    app = wish()

    assert plan(situation(doubted(app), there=(earlier(app),), cluster=AGEING)).steps == ()


def test_while_objects_are_not_all_known_that_of_the_earlier_issuer_stays() -> None:
    app = wish()

    planned = plan(situation(there=(earlier(app),), cluster=AGEING, complete=False))

    assert planned.steps == ()


def test_for_tokens_of_others_a_credential_with_the_earlier_mark_is_as_good_as_a_new_one() -> None:
    """Its pair is still right, and Entra takes a pair once: it is kept, and written over."""
    repo = wish(foreign="repo")

    for cluster in (AGEING, OUTLIVED):
        planned = plan(situation(granted(repo), there=(earlier(repo),), cluster=cluster))
        assert planned.steps == ()
        assert planned.outcomes == {repo.uid: Holds(earlier(repo))}


def test_it_takes_one_slot_and_not_two() -> None:
    repo, late = wish(foreign="repo", age=9), wish("late")

    planned = plan(
        situation(
            granted(repo), granted(late), there=(earlier(repo), *strangers(18)), cluster=AGEING
        )
    )

    assert [type(step) for step in planned.steps] == [Create]
    assert planned.used == 20


def test_a_withdrawn_grant_removes_it_for_tokens_of_others_as_well() -> None:
    repo = wish(foreign="repo")

    planned = plan(situation(denied(repo), there=(earlier(repo),), cluster=AGEING))

    assert [step.credential for step in planned.steps] == [earlier(repo)]


def test_retaining_keeps_the_one_whose_tokens_there_will_be() -> None:
    app = going(wish(), DeletionPolicy.RETAIN)

    planned = plan(
        situation(granted(app, may_retain=True), there=(earlier(app), ours(app)), cluster=AGEING)
    )

    assert [step.credential for step in planned.steps] == [earlier(app)]
