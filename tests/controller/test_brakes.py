"""One namespace never holds up another's removals, and none of them a withdrawal."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.brake import BrakeRecord
from controller.brakes import CLUSTER, DELETIONS, Brakes, Removal, scope_of

HOUR = 3600.0
NOW = 1_800_000_000.0
CLIENT_ID = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"


def deleted(namespace: str, number: int) -> Removal:
    return Removal(f"{namespace}-{number}", namespace)


def withdrawn(number: int, namespace: str = "any") -> Removal:
    return Removal(f"withdrawn-{number}", namespace, withdrawn=True)


def asked(brakes: Brakes, *removals: Removal, total: int = 50, now: float = NOW) -> Counter[str]:
    """Ask for one after the other; return how many go (as `""`), and how many each brake holds."""
    answers: Counter[str] = Counter()
    for one in removals:
        answers[brakes.held_by(one, total=total - answers[""], now=now) or ""] += 1
    return +answers


def many(namespace: str, count: int, first: int = 0) -> list[Removal]:
    return [deleted(namespace, number) for number in range(first, first + count)]


def test_ten_deletions_of_a_namespace_go_and_the_next_is_held_by_its_own_brake() -> None:
    brakes = Brakes(HOUR)
    assert asked(brakes, *many("shop", 12)) == {"": 10, "shop": 2}
    assert brakes.records == {"shop": BrakeRecord(NOW, 2)}


def test_what_one_namespace_does_holds_up_no_others_deletions() -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 1000))
    assert asked(brakes, *many("pay", 5)) == {"": 5}


def test_what_all_namespaces_do_holds_up_no_withdrawal() -> None:
    """Of the 20 that go in a small cluster deletions never take the last five."""
    brakes = Brakes(HOUR)
    deletions = [deleted(f"ns-{n}", k) for k in range(10) for n in range(10)]
    assert asked(brakes, *deletions) == {"": 15, DELETIONS: 85}
    assert asked(brakes, *[withdrawn(n) for n in range(6)]) == {"": 5, CLUSTER: 1}


def test_what_deletions_leave_grows_with_the_cluster() -> None:
    brakes = Brakes(HOUR)
    deletions = [deleted(f"ns-{n}", k) for k in range(10) for n in range(100)]
    assert asked(brakes, *deletions, total=10_000) == {"": 750, DELETIONS: 250}


def test_twenty_withdrawals_go_whosever_they_are() -> None:
    brakes = Brakes(HOUR)
    assert asked(brakes, *[withdrawn(n, "shop") for n in range(22)]) == {"": 20, CLUSTER: 2}


def test_once_the_clusters_brake_is_on_deletions_wait_as_well() -> None:
    brakes = Brakes(HOUR, {CLUSTER: BrakeRecord(NOW, 3)})
    assert asked(brakes, deleted("shop", 1), withdrawn(1)) == {CLUSTER: 2}


def test_a_namespace_puts_no_more_than_its_share_before_the_wider_brakes() -> None:
    """Else the word for what others wait for would be used up."""
    brakes = Brakes(HOUR, {DELETIONS: BrakeRecord(NOW, 0)})
    assert asked(brakes, *many("shop", 50)) == {DELETIONS: 10, "shop": 40}
    assert asked(brakes, *many("shop", 50), now=NOW + 15) == {DELETIONS: 10, "shop": 40}
    assert brakes.records[DELETIONS].held == 10


def test_what_makes_room_for_others_is_on_no_namespaces_count() -> None:
    """A namespace could keep its slots with a brake of its own."""
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 11))
    assert asked(brakes, Removal("crowded out")) == {"": 1}


def test_a_deletion_that_turns_out_to_be_withdrawn_is_not_held_by_its_namespace() -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 11))
    assert asked(brakes, Removal("shop-10", "shop", withdrawn=True)) == {"": 1}
    assert brakes.records == {"shop": BrakeRecord(NOW, 0)}


def test_a_word_for_a_namespace_lets_its_removals_pass_the_wider_brakes() -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 50))
    assert brakes.allow("shop", 40, NOW) == 40
    assert asked(brakes, *many("shop", 40, first=10)) == {"": 40}
    assert brakes.records == {}
    assert asked(brakes, *many("pay", 5)) == {"": 5}, "they were on nobody's count"


def test_what_a_namespaces_word_let_go_and_failed_is_tried_again() -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 40))
    brakes.allow("shop", 30, NOW)
    for minute in range(3):
        assert asked(brakes, *many("shop", 30, first=10), now=NOW + 60 * minute) == {"": 30}
    assert brakes.records == {}


def test_a_word_for_some_of_a_namespace_leaves_the_rest_held() -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 50))
    brakes.allow("shop", 30, NOW)
    assert asked(brakes, *many("shop", 40, first=10)) == {"": 30, "shop": 10}


@pytest.mark.parametrize("scope", ["pay", "no-such-namespace", CLUSTER])
def test_a_word_where_nothing_is_held_is_lost(scope: str) -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 12), *many("pay", 2))
    assert brakes.allow(scope, 100, NOW) is None
    assert asked(brakes, *many("shop", 2, first=10)) == {"shop": 2}


def test_a_word_for_the_cluster_is_for_its_deletions_where_these_alone_are_held() -> None:
    brakes = Brakes(HOUR, {DELETIONS: BrakeRecord(NOW, 3)})
    assert brakes.allow(CLUSTER, 3, NOW) == 3
    assert asked(brakes, *many("shop", 3)) == {"": 3}


def test_a_word_for_the_cluster_is_for_withdrawals_first() -> None:
    on = {CLUSTER: BrakeRecord(NOW, 0), DELETIONS: BrakeRecord(NOW, 0)}
    brakes = Brakes(HOUR, on)
    asked(brakes, *many("shop", 9), *[withdrawn(n) for n in range(4)])
    brakes.allow(CLUSTER, 5, NOW)
    assert asked(brakes, *many("shop", 9)) == {"": 1, DELETIONS: 8}
    assert asked(brakes, *[withdrawn(n) for n in range(4)]) == {"": 4}


def test_after_a_restart_what_was_on_is_on() -> None:
    brakes = Brakes(HOUR, {"shop": BrakeRecord(NOW, 7)})
    assert brakes.records == {"shop": BrakeRecord(NOW, 7)}
    assert asked(brakes, deleted("shop", 1), deleted("pay", 1)) == {"shop": 1, "": 1}


def test_what_is_not_due_any_more_is_not_held() -> None:
    brakes = Brakes(HOUR)
    asked(brakes, *many("shop", 12))
    brakes.forget("shop-10")
    brakes.forget("never heard of")
    assert brakes.records == {"shop": BrakeRecord(NOW, 1)}


def test_namespaces_that_remove_nothing_any_more_take_no_memory() -> None:
    brakes = Brakes(HOUR, {"held": BrakeRecord(NOW, 1)})
    for number in range(1000):
        asked(brakes, deleted(f"ns-{number}", 1), now=NOW + number * HOUR / 2)
    assert len(brakes) < 7
    assert "held" in brakes.records


def test_where_the_namespace_is_not_known_the_identity_has_the_count() -> None:
    assert scope_of("shop", CLIENT_ID) == "shop"
    assert scope_of(None, CLIENT_ID) == f"identity/{CLIENT_ID}"


@dataclass(frozen=True)
class Wait:
    seconds: float


removals = st.builds(
    Removal,
    st.integers(0, 200).map(str),
    st.sampled_from(["a", "b", "c", "d", None]),
    st.booleans(),
)
moves = st.lists(st.one_of(removals, st.sampled_from([Wait(60.0), Wait(HOUR / 2)])), max_size=150)


@given(moves, st.integers(0, 400))
def test_without_a_word_no_window_sees_more_than_each_may(
    todo: list[Removal | Wait], total: int
) -> None:
    brakes, now = Brakes(HOUR), NOW
    gone: list[tuple[float, Removal]] = []
    done: set[str] = set()
    for move in todo:
        if isinstance(move, Wait):
            now += move.seconds
            continue
        if move.what in done or brakes.held_by(move, total=total, now=now) is not None:
            continue
        gone.append((now, move))
        done.add(move.what)
        total = max(0, total - 1)
        within = [one for at, one in gone if at > now - HOUR]
        stood = total + len(within)
        deletions = [one for one in within if not one.withdrawn]
        assert len(within) <= max(20, stood // 10)
        assert len(deletions) <= max(15, stood * 75 // 1000)
        assert max(Counter(one.scope for one in deletions if one.scope).values(), default=0) <= 10


@given(st.lists(removals, max_size=150), st.integers(0, 400))
def test_whatever_namespaces_delete_five_withdrawals_go(todo: list[Removal], total: int) -> None:
    brakes = Brakes(HOUR)
    for move in todo:
        if not move.withdrawn:
            brakes.held_by(move, total=total, now=NOW)
    mine = [withdrawn(number) for number in range(5)]
    assert asked(brakes, *mine, total=total) == {"": 5}
