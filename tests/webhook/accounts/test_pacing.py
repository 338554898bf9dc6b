from tests.webhook.accounts.time import Time
from webhook.accounts.pacing import Backoff


def test_waits_double_up_to_the_limit_and_start_again() -> None:
    backoff = Backoff(Time().pace, first=0.2, longest=3.0)

    assert [round(backoff.next(), 3) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next() == 0.2


def test_a_wait_never_outgrows_numbers() -> None:
    backoff = Backoff(Time().pace, first=0.2, longest=30.0)

    assert max(backoff.next() for _ in range(5000)) == 30.0


def test_chance_takes_up_to_half_of_a_wait() -> None:
    time = Time()
    time.chance = 0.0

    assert Backoff(time.pace, first=0.2, longest=3.0).next() == 0.1


def test_what_the_server_asks_for_is_the_least_and_a_minute_the_most() -> None:
    time = Time()
    backoff = Backoff(time.pace, first=0.2, longest=3.0)

    assert backoff.next(7.0) == 7.0 * 1.1
    assert backoff.next(3600.0) == 66.0
    time.chance = 0.0
    assert backoff.next(7.0) == 7.0
    assert Backoff(time.pace, first=4.0, longest=4.0).next(1.0) == 2.0
