"""What is written and what it is known by: the design's "Credentials"."""

from dataclasses import replace

from controller.plan import (
    Barred,
    Create,
    HeldBy,
    Holds,
    NameTaken,
    PairTaken,
    Update,
    Waits,
    plan,
)
from tests.controller.plan.stage import (
    denied,
    described,
    doubted,
    granted,
    ours,
    situation,
    strangers,
    theirs,
    wish,
)


def test_a_granted_wish_has_its_credential_written() -> None:
    app = wish()
    new = replace(ours(app), id="")

    planned = plan(situation(granted(app)))

    assert planned.steps == (Create(new, app.uid),)
    assert planned.outcomes == {app.uid: Holds(new)}
    assert planned.used == 1


def test_a_credential_of_an_application_says_whose_it_is() -> None:
    app = wish()

    (step,) = plan(situation(granted(app), described=True)).steps

    assert isinstance(step, Create)
    assert step.credential.description == described(app)


def test_what_stands_as_wanted_is_not_written_again() -> None:
    app = wish()

    planned = plan(situation(granted(app), there=(ours(app), *strangers(3))))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Holds(ours(app))}
    assert planned.used == 4


def test_another_audience_is_written_over_under_the_same_name_and_id() -> None:
    app = wish(audience="api://AzureADTokenExchangeUSGov")
    stands = ours(app, audience="api://other")

    planned = plan(situation(granted(app), there=(stands,)))

    assert planned.steps == (Update(replace(stands, audience=app.audience), app.uid),)
    assert planned.outcomes == {app.uid: Holds(replace(stands, audience=app.audience))}


def test_a_changed_description_is_put_right_where_there_are_descriptions() -> None:
    app = wish()
    stands = ours(app, description="mine now")

    on_application = plan(situation(granted(app), there=(stands,), described=True))

    assert on_application.steps == (Update(replace(stands, description=described(app)), app.uid),)
    assert plan(situation(granted(app), there=(stands,))).steps == ()


def test_it_is_known_by_issuer_and_subject_and_never_by_its_name() -> None:
    """The object was renamed, or another one of the same wish wrote it: nothing is to be done."""
    app = wish(name="new-name")
    stands = ours(wish(name="old-name"))

    planned = plan(situation(granted(app), there=(stands,)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Holds(stands)}


def test_one_that_is_there_already_and_equal_is_adopted() -> None:
    app = wish()

    planned = plan(situation(granted(app), there=(theirs(app),)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Holds(theirs(app), adopted=True)}


def test_what_is_adopted_keeps_its_description() -> None:
    app = wish()
    there = theirs(app, description="written by Terraform")

    assert plan(situation(granted(app), there=(there,), described=True)).steps == ()


def test_one_of_somebody_else_for_another_audience_is_a_conflict_and_stays_as_it_is() -> None:
    app = wish()
    there = theirs(app, audience="api://other")

    planned = plan(situation(granted(app), there=(there,)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: PairTaken(there)}


def test_another_subject_under_our_name_is_a_conflict_and_stays_as_it_is() -> None:
    app = wish()
    there = ours(app, subject="system:serviceaccount:shop:changed-by-hand")

    planned = plan(situation(granted(app), there=(there,)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: NameTaken(there)}


def test_a_name_differs_from_another_by_more_than_letter_case() -> None:
    """Azure Resource Manager compares names without case: a PUT would write over that one."""
    app = wish()
    there = ours(app, name=ours(app).name.upper(), subject="somebody")

    planned = plan(situation(granted(app), there=(there,)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: NameTaken(there)}


def test_what_stands_under_the_name_of_a_wish_in_doubt_waits_with_it() -> None:
    app = wish()
    there = ours(app, subject="system:serviceaccount:shop:changed-by-hand")

    planned = plan(situation(doubted(app), there=(there,)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Waits()}


def test_of_several_objects_that_want_the_same_the_oldest_holds_it_and_the_others_say_by_whom() -> (
    None
):
    oldest, middle, newest = (wish(name=f"of-{age}", age=age) for age in (3, 2, 1))

    planned = plan(situation(granted(newest), granted(oldest), granted(middle)))

    assert planned.steps == (Create(replace(ours(oldest), id=""), oldest.uid),)
    assert planned.outcomes[middle.uid] == HeldBy(oldest.key)
    assert planned.outcomes[newest.uid] == HeldBy(oldest.key)


def test_objects_of_the_same_second_are_ordered_by_uid() -> None:
    one, other = wish(name="one", uid="a"), wish(name="other", uid="b")

    planned = plan(situation(granted(other), granted(one)))

    assert planned.outcomes[other.uid] == HeldBy(one.key)


def test_an_older_one_that_is_denied_holds_nothing() -> None:
    older, newer = wish(foreign="repo", name="older", age=2), wish(foreign="repo", name="newer")

    planned = plan(situation(denied(older), granted(newer)))

    assert isinstance(planned.outcomes[newer.uid], Holds)
    assert planned.outcomes[older.uid] == Barred()


def test_an_older_one_in_doubt_holds_nothing_that_is_not_there_yet() -> None:
    older = wish(foreign="repo", namespace="other", age=2)
    newer = wish(foreign="repo")

    planned = plan(situation(doubted(older), granted(newer)))

    assert planned.steps == (Create(replace(ours(newer), id=""), newer.uid),)
    assert planned.outcomes[older.uid] == HeldBy(newer.key)


def test_a_wish_in_doubt_has_nothing_written_for_it() -> None:
    app = wish()

    planned = plan(situation(doubted(app)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Waits()}


def test_a_wish_in_doubt_keeps_what_stands_as_it_stands() -> None:
    app = wish(audience="api://changed-meanwhile")
    stands = ours(wish(), description="changed")

    planned = plan(situation(doubted(app), there=(stands,), described=True))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Holds(stands)}


def test_a_wish_in_doubt_keeps_its_audience_before_a_newer_one_that_is_granted() -> None:
    older = wish(foreign="repo", namespace="other", age=2)
    newer = wish(foreign="repo", audience="api://another")

    planned = plan(situation(doubted(older), granted(newer), there=(ours(older),)))

    assert planned.steps == ()
    assert planned.outcomes == {older.uid: Holds(ours(older)), newer.uid: HeldBy(older.key)}


def test_the_oldest_of_those_in_doubt_keeps_it_before_a_newer_one_that_is_granted() -> None:
    oldest, older = (wish(foreign="repo", namespace=f"ns-{age}", age=age) for age in (3, 2))
    newer = wish(foreign="repo", audience="api://another")

    planned = plan(situation(doubted(older), doubted(oldest), granted(newer), there=(ours(older),)))

    assert planned.steps == ()
    assert planned.outcomes == {
        oldest.uid: Holds(ours(older)),
        older.uid: HeldBy(oldest.key),
        newer.uid: HeldBy(oldest.key),
    }


def test_what_is_as_nobody_in_doubt_wants_it_is_put_right_for_one_that_is_granted() -> None:
    older = wish(foreign="repo", namespace="other", age=2)
    newer = wish(foreign="repo", audience="api://another")
    stands = ours(older, audience="api://changed")

    planned = plan(situation(doubted(older), granted(newer), there=(stands,)))

    assert planned.steps == (Update(replace(stands, audience="api://another"), newer.uid),)


def test_one_in_doubt_keeps_what_it_had_adopted_before_a_newer_one_that_is_granted() -> None:
    older = wish(foreign="repo", namespace="other", age=2)
    newer = wish(foreign="repo", audience="api://another")

    planned = plan(situation(doubted(older), granted(newer), there=(theirs(older),)))

    assert planned.outcomes[newer.uid] == HeldBy(older.key)


def test_a_denied_wish_has_nothing_written_for_it() -> None:
    app = wish()

    planned = plan(situation(denied(app)))

    assert planned.steps == ()
    assert planned.outcomes == {app.uid: Barred()}


def test_two_wishes_with_the_same_parts_in_other_places_have_credentials_of_their_own() -> None:
    one, other = wish("c", namespace="a-b", name="c"), wish("b-c", namespace="a", name="b-c")

    steps = plan(situation(granted(one), granted(other))).steps

    assert len({step.credential.name for step in steps}) == 2
