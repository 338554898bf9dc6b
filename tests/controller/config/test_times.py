"""Times that hang together: what would break a promise is a fault."""

import pytest

from controller.config.settings import Intervals
from tests.controller.config.test_parse import faults, parse


def test_times_are_written_as_go_does() -> None:
    config = parse("--resync-interval=1m30s", "--drift-interval=90m", "--probe-interval=10m")
    assert config.intervals == Intervals(resync=90.0, drift=5400.0, probe=600.0, denial=60.0)


@pytest.mark.parametrize(
    ("flag", "shortest"),
    [
        ("--resync-interval", "1m"),
        ("--drift-interval", "1m"),
        ("--probe-interval", "10m"),
        ("--denial-interval", "1m"),
    ],
)
@pytest.mark.parametrize("value", ["1s", "-1h", "90", "soon", "nan"])
def test_a_time_that_is_none_or_too_short_is_a_fault(flag: str, shortest: str, value: str) -> None:
    (fault, *_) = faults(f"{flag}={value}")
    assert fault == (
        f'{flag}: "{value}" is not valid; expected a duration of at least {shortest}, such as 90s,'
        " 3m or 1h30m"
    )


def test_the_two_denials_may_be_further_apart_only() -> None:
    assert parse("--denial-interval=90s").intervals.denial == 90.0
    assert faults("--denial-interval=59s") != []


@pytest.mark.parametrize(
    ("resync", "denial"), [("3m30s", "1m"), ("60s", "3m30s"), ("2m", "2m30s"), ("1m", "1m")]
)
def test_a_withdrawal_is_noticed_within_five_minutes(resync: str, denial: str) -> None:
    intervals = parse(f"--resync-interval={resync}", f"--denial-interval={denial}").intervals
    # Worst: a ruling made just before, looked at again a resync after it was last used.
    longest = intervals.ruling_kept + intervals.resync + intervals.denial
    assert longest <= 270.0
    assert 0.0 <= intervals.ruling_kept <= 60.0


def test_a_ruling_is_kept_for_a_minute_at_the_most() -> None:
    assert parse().intervals.ruling_kept == 30.0
    assert parse("--resync-interval=1m").intervals.ruling_kept == 60.0


def test_intervals_that_break_the_five_minutes_are_a_fault() -> None:
    (fault,) = faults("--resync-interval=3m31s")
    assert fault == (
        '--resync-interval and --denial-interval: "3m31s and 60s" is not valid; expected together'
        " at most 4m30s: a withdrawn grant is noticed, noticed again and its credential removed"
        " within 5m"
    )


def test_drift_is_not_looked_for_more_often_than_objects() -> None:
    assert faults("--drift-interval=2m") == [
        '--drift-interval: "2m" is not valid; expected no less than --resync-interval'
    ]


def test_the_lease_outlives_a_call() -> None:
    assert parse("--lease-duration=24s").lease.duration == 24.0
    assert len(faults("--lease-duration=23s")) == 1
    assert len(faults("--lease-renew-interval=9s")) == 1
    assert len(faults("--lease-retry-interval=6s")) == 1
    lease = parse(
        "--lease-duration=1m", "--lease-renew-interval=15s", "--lease-retry-interval=1s"
    ).lease
    assert (lease.duration, lease.renew, lease.retry) == (60.0, 15.0, 1.0)


def test_a_lease_s_duration_is_what_others_read() -> None:
    assert faults("--lease-duration=30500ms")[0].startswith("--lease-duration: ")
    assert parse("--lease-duration=40000ms").lease.duration == 40.0


def test_a_lease_has_a_name_that_an_object_can_have() -> None:
    assert parse("--lease-name=azwi.two").lease.name == "azwi.two"
    assert len(faults("--lease-name=Azwi")) == 1
