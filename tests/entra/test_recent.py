"""Our own last writes decide where a read shows exactly what they replaced."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from entra.model import FederatedCredential
from entra.recent import WINDOW, RecentWrites

A = FederatedCredential("name", "https://i.example", "a", "audience", id="1")
B = replace(A, subject="b")
C = replace(A, subject="c")


def test_what_was_created_and_removed_is_gone() -> None:
    recent = RecentWrites()
    recent.wrote("name", None, A, 0.0)
    recent.wrote("name", A, None, 1.0)
    assert recent.corrected([], 2.0) == ()
    assert recent.corrected([A], 2.0) == ()


def test_what_was_removed_and_created_again_is_there_and_not_past() -> None:
    recent = RecentWrites()
    recent.wrote("name", A, None, 0.0)
    recent.wrote("name", None, A, 1.0)
    assert recent.corrected([], 2.0) == (A,)
    assert not recent.is_past(A, 2.0)


def test_ids_do_not_tell_credentials_apart() -> None:
    """Graph's answer to an update has none."""
    recent = RecentWrites()
    recent.wrote("name", A, replace(B, id=""), 0.0)
    recent.wrote("name", replace(B, id=""), C, 0.0)
    assert recent.corrected([B], 1.0) == (C,)


def test_others_are_left_alone() -> None:
    recent = RecentWrites()
    recent.wrote("name", A, B, 0.0)
    other = replace(A, name="other")
    assert recent.corrected([other, A], 1.0) == (other, B)
    assert not recent.is_past(other, 1.0)


def test_what_somebody_removed_stays_removed() -> None:
    recent = RecentWrites()
    recent.wrote("name", A, B, 0.0)
    assert recent.corrected([], 1.0) == ()


def test_after_the_window_nothing_is_known() -> None:
    recent = RecentWrites()
    recent.wrote("name", A, B, 0.0)
    assert recent.corrected([A], WINDOW - 1) == (B,)
    assert recent.corrected([A], WINDOW) == (A,)
    assert recent.forget(WINDOW)


STATES = st.sampled_from([None, A, B, C])


@given(st.lists(STATES, min_size=1, max_size=8), st.data())
def test_any_read_of_what_we_wrote_shows_the_last_of_it(
    states: list[FederatedCredential | None], data: st.DataObject
) -> None:
    recent = RecentWrites()
    for before, after in pairwise(states):
        recent.wrote("name", before, after, 0.0)
    shown = data.draw(st.sampled_from(states))
    now = recent.corrected([shown] if shown else [], 1.0)
    assert now == ((states[-1],) if states[-1] else ())
