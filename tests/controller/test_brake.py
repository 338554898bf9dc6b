"""Too many removals at once stop, and go on by an admin's word only."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.brake import CLUSTER, Brake, BrakeRecord

HOUR = 3600.0
NOW = 1_800_000_000.0


def asked(brake: Brake, times: int, total: int, now: float = NOW, first: int = 0) -> int:
    """Ask for one removal after the other; return how many may go. Each that goes is gone."""
    gone = 0
    for number in range(first, first + times):
        gone += brake.ask(total=total - gone, now=now, what=number)
    return gone


def test_twenty_removals_may_go_however_few_there_are() -> None:
    brake = Brake(HOUR)
    assert asked(brake, 20, total=20) == 20
    assert brake.record is None


def test_the_twenty_first_of_a_hundred_is_held() -> None:
    brake = Brake(HOUR)
    assert asked(brake, 100, total=100) == 20
    assert brake.record == BrakeRecord(NOW, 80)


def test_a_tenth_of_what_stood_at_first_may_go() -> None:
    brake = Brake(HOUR)
    assert asked(brake, 1000, total=1000) == 100
    assert brake.record == BrakeRecord(NOW, 900)


def test_more_at_once_than_may_go_is_held_as_a_whole() -> None:
    brake = Brake(HOUR)
    assert not brake.ask(21, total=100, now=NOW)
    assert brake.record == BrakeRecord(NOW, 21)


def test_the_window_slides() -> None:
    brake = Brake(HOUR)
    assert asked(brake, 10, total=100) == 10
    assert asked(brake, 10, total=90, now=NOW + HOUR / 2, first=10) == 10
    assert asked(brake, 10, total=80, now=NOW + HOUR, first=20) == 10
    assert asked(brake, 1, total=70, now=NOW + HOUR, first=30) == 0


def test_a_removal_that_fails_and_is_tried_again_counts_once() -> None:
    brake = Brake(HOUR)
    for minute in range(100):
        assert asked(brake, 20, total=100, now=NOW + 60 * minute) == 20
    assert asked(brake, 1, total=100, now=NOW + 60 * 100, first=20) == 0
    assert asked(brake, 20, total=100, now=NOW + 60 * 100) == 20, "they were let go before"


def test_a_removal_that_an_admin_allowed_and_that_failed_is_tried_again() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 10))
    brake.allow(2, NOW)
    assert asked(brake, 2, total=100) == 2
    assert asked(brake, 2, total=100) == 2
    assert asked(brake, 1, total=100, first=2) == 0


def test_once_on_it_stays_on_however_long() -> None:
    brake = Brake(HOUR)
    asked(brake, 21, total=100)
    assert not brake.ask(total=80, now=NOW + 1000 * HOUR, what=20)
    assert brake.record == BrakeRecord(NOW, 1)


def test_a_restart_does_not_release_it() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 80))
    assert not brake.ask(total=1000, now=NOW + HOUR, what="a")
    assert brake.record == BrakeRecord(NOW, 80)


def test_what_is_asked_again_is_held_once() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 1))
    for _ in range(10):
        assert not brake.ask(2, total=10, now=NOW, what="a")
    assert not brake.ask(total=10, now=NOW, what="b")
    assert brake.record == BrakeRecord(NOW, 3)


def test_what_is_wanted_no_more_is_not_held() -> None:
    brake = Brake(HOUR)
    asked(brake, 22, total=100)
    assert brake.ask(0, total=80, now=NOW, what=20)
    assert brake.record == BrakeRecord(NOW, 1)


def test_what_is_asked_without_a_name_is_counted_each_time() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 1))
    for _ in range(10):
        brake.ask(total=10, now=NOW)
    assert brake.record == BrakeRecord(NOW, 10)


def test_an_admins_word_for_all_of_them_takes_the_brake_off() -> None:
    brake = Brake(HOUR)
    asked(brake, 100, total=100)
    brake.allow(80, NOW)
    assert brake.record is None
    assert [brake.ask(total=80, now=NOW, what=number) for number in range(20, 100)] == [True] * 80
    assert not brake.ask(total=1, now=NOW)


def test_an_admins_word_for_some_lets_that_many_go_and_the_rest_is_held() -> None:
    brake = Brake(HOUR)
    asked(brake, 100, total=100)
    brake.allow(30, NOW + 9 * HOUR)
    gone = [brake.ask(total=80, now=NOW + 9 * HOUR, what=number) for number in range(20, 100)]
    assert gone == [True] * 30 + [False] * 50
    assert brake.record == BrakeRecord(NOW, 50)


def test_after_a_restart_a_word_for_some_leaves_the_rest_held() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 80))
    brake.allow(30, NOW)
    assert asked(brake, 80, total=80) == 30
    assert brake.record == BrakeRecord(NOW, 50)


def test_words_add_up() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 80))
    brake.allow(30, NOW)
    brake.allow(50, NOW)
    assert brake.record is None
    assert asked(brake, 80, total=80) == 80


def test_a_word_that_is_not_used_lapses() -> None:
    brake = Brake(HOUR, BrakeRecord(NOW, 80))
    brake.allow(80, NOW)
    assert asked(brake, 100, total=100, now=NOW + HOUR) == CLUSTER.least
    assert brake.allowance == 0


@pytest.mark.parametrize("count", [0, -1])
def test_a_word_is_for_at_least_one(count: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Brake(HOUR).allow(count, NOW)


@dataclass(frozen=True)
class Ask:
    count: int


@dataclass(frozen=True)
class Allow:
    count: int


@dataclass(frozen=True)
class Wait:
    seconds: float


moves = st.lists(
    st.one_of(
        st.builds(Ask, st.integers(1, 25)),
        st.builds(Wait, st.sampled_from([0.0, 60.0, HOUR / 2, HOUR - 1, HOUR])),
        st.builds(Allow, st.integers(1, 40)),
    ),
    max_size=80,
)


@given(moves, st.integers(0, 2000))
def test_without_a_word_no_window_sees_more_than_the_limit(
    todo: list[Ask | Wait | Allow], total: int
) -> None:
    brake, now = Brake(HOUR), NOW
    gone: list[tuple[float, int]] = []
    for move in todo:
        match move:
            case Wait(seconds):
                now += seconds
            case Ask(count):
                if brake.ask(count, total=total, now=now):
                    gone.append((now, count))
                    total -= count
                    within = sum(many for at, many in gone if at > now - HOUR)
                    assert within <= max(CLUSTER.least, (total + within) // 10)


@given(moves, st.integers(0, 500))
def test_while_it_is_on_exactly_what_was_allowed_goes(
    todo: list[Ask | Wait | Allow], held: int
) -> None:
    brake, now = Brake(HOUR, BrakeRecord(NOW, held)), NOW
    allowed, until = 0, 0.0
    for number, move in enumerate(todo):
        if brake.record is None:
            break
        allowed = allowed if now < until else 0
        match move:
            case Wait(seconds):
                now += seconds
            case Allow(count):
                brake.allow(count, now)
                allowed, until = allowed + count, now + HOUR
            case Ask(count):
                went = brake.ask(count, total=1000, now=now, what=number)
                assert went is (count <= allowed)
                allowed -= count * went
