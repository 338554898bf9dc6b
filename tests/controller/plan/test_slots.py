"""Slots: twenty of an identity, fewer of one namespace, oldest first; new before old."""

from dataclasses import replace

from controller.model import DeletionPolicy, Wish
from controller.plan import Cause, Create, Delete, HeldBy, Holds, NoSlot, Plan, Waits, plan
from tests.controller.plan.stage import (
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


def many(count: int, *, namespace: str = "shop", age: int = 100) -> list[Wish]:
    """Return wishes, the oldest first, each older than `age - count`."""
    return [wish(f"app-{n:02}", namespace=namespace, age=age - n) for n in range(count)]


def created(planned: Plan) -> list[str]:
    return [step.wish for step in planned.steps if isinstance(step, Create)]


def test_a_namespace_has_no_more_than_its_share_oldest_first() -> None:
    wishes = many(4)

    planned = plan(situation(*map(granted, reversed(wishes)), per_namespace=3))

    assert created(planned) == [one.uid for one in wishes[:3]]
    holders = tuple(str(one.key) for one in wishes[:3])
    assert planned.outcomes[wishes[3].uid] == NoSlot(holders, of_namespace=True, limit=3)


def test_every_namespace_has_a_share_of_its_own() -> None:
    wishes = many(3) + many(3, namespace="bank")

    planned = plan(situation(*map(granted, wishes), per_namespace=3))

    assert len(created(planned)) == 6


def test_an_identity_has_twenty_slots_oldest_first() -> None:
    wishes = many(15) + many(15, namespace="bank", age=50)

    planned = plan(situation(*map(granted, reversed(wishes)), per_namespace=15))

    assert created(planned) == [one.uid for one in wishes[:20]]
    told = planned.outcomes[wishes[20].uid]
    assert isinstance(told, NoSlot)
    assert (told.of_namespace, told.limit, len(told.holders)) == (False, 20, 20)
    assert planned.used == 20


def test_credentials_of_other_people_take_slots_and_are_named() -> None:
    app, late = wish(age=9), wish("late")

    planned = plan(situation(granted(app), granted(late), there=strangers(19)))

    assert created(planned) == [app.uid]
    told = planned.outcomes[late.uid]
    names = [stranger.name for stranger in strangers(19)]
    assert told == NoSlot((str(app.key), *names), of_namespace=False, limit=20)


def test_adopted_ones_take_slots_of_the_identity() -> None:
    adopting, late = wish(), wish("late")

    planned = plan(
        situation(granted(adopting), granted(late), there=(theirs(adopting), *strangers(19)))
    )

    assert created(planned) == []
    assert planned.outcomes[adopting.uid] == Holds(theirs(adopting), adopted=True)
    assert isinstance(planned.outcomes[late.uid], NoSlot)


def test_adopting_needs_no_share_of_the_namespace() -> None:
    app, adopting = wish(age=9), wish("adopting")

    planned = plan(
        situation(granted(app), granted(adopting), there=(theirs(adopting),), per_namespace=1)
    )

    assert planned.outcomes[adopting.uid] == Holds(theirs(adopting), adopted=True)


def test_an_older_one_takes_the_slot_of_a_newer_one() -> None:
    older, newer = wish("older", age=9), wish("newer")

    planned = plan(situation(granted(older), granted(newer), there=(ours(newer),), per_namespace=1))

    assert planned.steps == (
        Create(replace(ours(older), id=""), older.uid),
        Delete(ours(newer), Cause.CROWDED_OUT, (newer.uid,)),
    )
    assert planned.outcomes[newer.uid] == NoSlot((str(older.key),), of_namespace=True, limit=1)
    assert planned.used == 1


def test_a_wish_in_doubt_keeps_its_slot_even_before_an_older_one() -> None:
    older, newer = wish("older", age=9), wish("newer")

    planned = plan(situation(granted(older), doubted(newer), there=(ours(newer),), per_namespace=1))

    assert planned.steps == ()
    assert planned.outcomes[newer.uid] == Holds(ours(newer))
    assert planned.outcomes[older.uid] == NoSlot((str(newer.key),), of_namespace=True, limit=1)


def test_a_wish_in_doubt_without_a_credential_takes_no_slot() -> None:
    older, newer = wish("older", age=9), wish("newer")

    planned = plan(situation(doubted(older), granted(newer), per_namespace=1))

    assert created(planned) == [newer.uid]
    assert planned.outcomes[older.uid] == Waits()


def test_a_newer_one_that_is_granted_can_not_be_crowded_out_of_what_an_older_one_in_doubt_has() -> (
    None
):
    """Both want the same; only the newer's namespace is full."""
    filling = wish("filling", namespace="bank", age=8)
    older = wish(foreign="repo", age=9)
    newer = wish(foreign="repo", namespace="bank")

    planned = plan(
        situation(
            granted(filling),
            doubted(older),
            granted(newer),
            there=(ours(older), ours(filling)),
            per_namespace=1,
        )
    )

    assert planned.steps == ()
    assert planned.outcomes[newer.uid] == Holds(ours(older))
    assert planned.outcomes[older.uid] == HeldBy(newer.key)


def test_one_that_would_hold_nothing_if_it_were_granted_keeps_nothing_by_doubt() -> None:
    filling = wish("filling", namespace="bank", age=9)
    older = wish(foreign="repo", namespace="bank", age=8)
    newer = wish(foreign="repo")

    planned = plan(
        situation(
            granted(filling),
            granted(older),
            doubted(newer),
            there=(ours(older), ours(filling)),
            per_namespace=1,
        )
    )

    assert planned.steps == (Delete(ours(older), Cause.CROWDED_OUT, (older.uid,)),)
    assert planned.outcomes[newer.uid] == HeldBy(older.key)


def test_what_is_retained_counts_for_its_namespace_and_for_the_identity() -> None:
    kept, late = wish("kept", age=9), wish("late")

    by_namespace = plan(
        situation(
            granted(late),
            there=(ours(kept),),
            retained={ours(kept).name: "shop"},
            per_namespace=1,
        )
    )
    by_identity = plan(
        situation(
            granted(wish("late", namespace="bank")),
            there=(ours(kept), *strangers(19)),
            retained={ours(kept).name: "shop"},
        )
    )

    holder = f"the retained {ours(kept).name}"
    assert by_namespace.outcomes[late.uid] == NoSlot((holder,), of_namespace=True, limit=1)
    (told,) = by_identity.outcomes.values()
    assert isinstance(told, NoSlot)
    assert holder in told.holders


def test_what_is_about_to_be_retained_counts_as_it_will_afterwards() -> None:
    leaving = going(wish("leaving", age=9), DeletionPolicy.RETAIN)
    late = wish("late")

    planned = plan(
        situation(
            granted(leaving, may_retain=True),
            granted(late),
            there=(ours(leaving),),
            per_namespace=1,
        )
    )

    assert planned.steps == ()
    assert planned.outcomes[late.uid] == NoSlot((str(leaving.key),), of_namespace=True, limit=1)


def test_what_is_about_to_be_retained_counts_once() -> None:
    first = going(wish(name="first", age=9), DeletionPolicy.RETAIN)
    second = going(wish(name="second", age=8), DeletionPolicy.RETAIN)
    late = wish("late")

    planned = plan(
        situation(
            granted(first, may_retain=True),
            granted(second, may_retain=True),
            granted(late),
            there=(ours(first),),
            per_namespace=2,
        )
    )

    assert created(planned) == [late.uid]


def test_what_goes_makes_room() -> None:
    leaving, late = going(wish("leaving", age=9)), wish("late")

    planned = plan(
        situation(doubted(leaving), granted(late), there=(ours(leaving), *strangers(19)))
    )

    assert planned.steps == (
        Delete(ours(leaving), Cause.DELETED, (leaving.uid,)),
        Create(replace(ours(late), id=""), late.uid),
    )


def test_new_comes_before_old_where_a_slot_is_left() -> None:
    """A workload that moves to another account is let in all the while."""
    leaving, new = going(wish("leaving", age=9)), wish("new")

    planned = plan(situation(doubted(leaving), granted(new), there=(ours(leaving), *strangers(18))))

    assert [type(step) for step in planned.steps] == [Create, Delete]


def test_no_more_is_removed_before_something_new_than_there_has_to_be() -> None:
    leaving = [going(one) for one in many(3)]
    new = many(3, age=20, namespace="bank")

    planned = plan(
        situation(
            *map(doubted, leaving),
            *map(granted, new),
            there=(*map(ours, leaving), *strangers(17)),
        )
    )

    assert [type(step) for step in planned.steps] == [Delete, Create] * 3


def test_who_has_no_slot_is_given_one_as_soon_as_it_is_free() -> None:
    wishes = many(2)
    before = situation(*map(granted, wishes), there=(ours(wishes[0]),), per_namespace=1)

    assert isinstance(plan(before).outcomes[wishes[1].uid], NoSlot)
    after = replace(before, ruled=(denied(wishes[0]), granted(wishes[1])))
    assert created(plan(after)) == [wishes[1].uid]


def test_what_is_not_claimed_keeps_its_slot_while_objects_are_not_all_known() -> None:
    left, late = wish("left"), wish("late")

    planned = plan(situation(granted(late), there=(ours(left), *strangers(19)), complete=False))

    assert planned.steps == ()
    assert isinstance(planned.outcomes[late.uid], NoSlot)


def test_one_whose_name_is_taken_takes_no_more_than_the_slot_that_is_taken() -> None:
    app, late = wish(age=9), wish("late")
    blocker = ours(app, subject="changed-by-hand")

    planned = plan(situation(granted(app), granted(late), there=(blocker, *strangers(18))))

    assert created(planned) == [late.uid]
