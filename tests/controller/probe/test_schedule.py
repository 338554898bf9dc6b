"""When a credential is proved again: slowly, soon after a change, patiently after trouble."""

import uuid

import pytest

from controller.probe.schedule import History, Intervals, next_in, share_of
from controller.probe.verification import Result

TIMES = Intervals(steady=3600.0, soon=5.0, unknown=15.0, longest_unknown=600.0, refused=900.0)
UIDS = [str(uuid.UUID(int=number)) for number in range(2000)]
HOUR = 3600.0


def around(seconds: float) -> object:
    return pytest.approx(seconds, rel=0.1)


def test_what_was_there_before_us_is_spread_over_the_whole_interval() -> None:
    history = History(seen_at=100.0)
    due = sorted(next_in(history, uid, 100.0, TIMES) for uid in UIDS)
    assert 0.0 <= due[0] < 60.0
    assert 3540.0 < due[-1] < 3600.0
    assert sum(moment < 360.0 for moment in due) == pytest.approx(200, abs=60)


def test_a_change_is_proved_within_seconds_and_not_all_at_once() -> None:
    history = History(seen_at=0.0).changed(50.0)
    due = [next_in(history, uid, 50.0, TIMES) for uid in UIDS]
    assert 0.0 <= min(due) < 0.5
    assert 4.5 < max(due) <= 5.0


def test_the_moment_is_the_same_whenever_it_is_asked_for() -> None:
    history = History(seen_at=0.0).proved(Result.VERIFIED, begun=9.0, now=10.0)
    uid = UIDS[7]
    first = next_in(history, uid, 10.0, TIMES)
    assert next_in(history, uid, 1010.0, TIMES) == pytest.approx(first - 1000.0)
    assert next_in(history, uid, 1e9, TIMES) == 0.0


@pytest.mark.parametrize("uid", UIDS[:50])
def test_what_works_is_proved_again_at_a_slow_pace(uid: str) -> None:
    history = History(seen_at=0.0).proved(Result.VERIFIED, begun=9.0, now=10.0)
    history = history.proved(Result.VERIFIED, begun=20.0, now=20.0)
    assert next_in(history, uid, 20.0, TIMES) == around(HOUR)


@pytest.mark.parametrize(
    ("result", "waits"),
    [
        (Result.UNKNOWN, [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]),
        (Result.REFUSED, [900.0, 1800.0, HOUR, HOUR]),
    ],
)
def test_trouble_is_met_with_more_and_more_patience(result: Result, waits: list[float]) -> None:
    history = History(seen_at=0.0)
    for wait in waits:
        history = history.proved(result, begun=0.0, now=10.0)
        assert next_in(history, UIDS[3], 10.0, TIMES) == around(wait)


def test_patience_has_no_end_but_the_interval() -> None:
    history = History(0.0, None, 10.0, Result.REFUSED, in_a_row=10**6)
    assert next_in(history, UIDS[3], 10.0, TIMES) == around(HOUR)
    quick = Intervals(steady=60.0, longest_unknown=600.0)
    history = History(0.0, None, 10.0, Result.UNKNOWN, in_a_row=10**6)
    assert next_in(history, UIDS[3], 10.0, quick) == around(60.0)


def test_another_result_and_a_change_begin_anew() -> None:
    history = History(seen_at=0.0)
    for _ in range(5):
        history = history.proved(Result.UNKNOWN, begun=0.0, now=10.0)
    assert history.proved(Result.REFUSED, begun=0.0, now=10.0).in_a_row == 1
    changed = history.changed(20.0).proved(Result.UNKNOWN, begun=30.0, now=31.0)
    assert next_in(changed, UIDS[3], 31.0, TIMES) == around(15.0)


def test_a_change_during_a_proof_is_proved_too() -> None:
    history = History(seen_at=0.0).changed(20.0).proved(Result.VERIFIED, begun=10.0, now=30.0)
    assert next_in(history, UIDS[3], 30.0, TIMES) == 0.0
    history = history.proved(Result.VERIFIED, begun=30.0, now=31.0)
    assert next_in(history, UIDS[3], 31.0, TIMES) == around(HOUR)


def test_shares_are_even_and_always_the_same() -> None:
    shares = [share_of(uid) for uid in UIDS]
    assert all(0.0 <= share < 1.0 for share in shares)
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.05)
    assert share_of("3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09") == pytest.approx(0.9236, abs=1e-4)
