"""The newest that was told of each object, in whatever order watches, writes and lists tell it."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import Key
from controller.store import kept
from controller.store.kept import Store, version_of

KEY, OTHER = Key("shop", "app"), Key("shop", "other")


@dataclass(frozen=True)
class Thing:
    key: Key
    uid: str
    version: int


@dataclass
class Heard:
    """A store, and what it told."""

    changes: list[tuple[Thing | None, Thing | None]] = field(default_factory=list)
    store: Store[Thing] = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(lambda before, after: self.changes.append((before, after)))


@pytest.fixture
def heard() -> Heard:
    return Heard()


def thing(version: int, uid: str = "u-1", key: Key = KEY) -> Thing:
    return Thing(key, uid, version)


def test_what_is_told_is_kept_and_every_change_is_heard_with_both_sides(heard: Heard) -> None:
    store = heard.store

    assert store.put(thing(1))
    assert store.put(thing(2))
    assert store.drop(KEY, "u-1")

    assert heard.changes == [(None, thing(1)), (thing(1), thing(2)), (thing(2), None)]
    assert store.get(KEY) is None
    assert len(store) == 0


def test_what_is_older_or_as_old_is_no_news(heard: Heard) -> None:
    heard.store.put(thing(5))

    assert not heard.store.put(thing(4))
    assert not heard.store.put(thing(5))

    assert heard.store.get(KEY) == thing(5)
    assert heard.changes == [(None, thing(5))]


def test_versions_are_numbers_and_not_text() -> None:
    assert version_of({"resourceVersion": "10"}) > version_of({"resourceVersion": "9"})


def test_what_is_gone_does_not_come_back_by_a_list_made_before(heard: Heard) -> None:
    heard.store.put(thing(5))
    heard.store.drop(KEY, "u-1")

    assert not heard.store.put(thing(5))
    assert not heard.store.put(thing(9))
    assert heard.store.get(KEY) is None


def test_what_is_gone_before_it_was_known_does_not_come(heard: Heard) -> None:
    assert not heard.store.drop(KEY, "u-1")

    assert not heard.store.put(thing(5))
    assert heard.changes == []


def test_another_object_of_the_name_takes_its_place(heard: Heard) -> None:
    heard.store.put(thing(5))

    assert heard.store.put(thing(7, "u-2"))
    assert heard.store.get(KEY) == thing(7, "u-2")
    assert heard.changes[-1] == (thing(5), thing(7, "u-2"))


def test_another_object_of_the_name_stays_when_the_first_one_is_told_gone(heard: Heard) -> None:
    heard.store.put(thing(7, "u-2"))

    assert not heard.store.drop(KEY, "u-1")
    assert heard.store.get(KEY) == thing(7, "u-2")


def test_a_whole_list_tells_what_is_gone(heard: Heard) -> None:
    heard.store.put(thing(3))
    heard.store.put(thing(4, "u-2", OTHER))

    heard.store.settle([OTHER], 10)

    assert list(heard.store) == [thing(4, "u-2", OTHER)]
    assert heard.changes[-1] == (thing(3), None)
    assert not heard.store.put(thing(3)), "it was buried"


def test_what_is_newer_than_a_list_is_none_of_its_business(heard: Heard) -> None:
    """It was made while the list was under way."""
    heard.store.put(thing(11))

    heard.store.settle([], 10)

    assert heard.store.get(KEY) == thing(11)


def test_what_is_as_new_as_a_list_that_lacks_it_is_gone(heard: Heard) -> None:
    heard.store.put(thing(10))

    heard.store.settle([], 10)

    assert heard.store.get(KEY) is None


def test_what_is_remembered_of_the_dead_is_bounded(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_TOMBSTONES", 2)
    for uid in ("u-1", "u-2", "u-3"):
        heard.store.drop(KEY, uid)

    assert heard.store.put(thing(1, "u-1")), "the oldest is forgotten"
    assert not heard.store.put(thing(2, "u-2"))
    assert not heard.store.put(thing(2, "u-3"))


@settings(deadline=None, print_blob=True)
@given(
    st.lists(st.sampled_from(["change", "delete", "create"]), max_size=12), st.integers(0, 2**32)
)
def test_in_any_order_of_what_is_told_the_end_is_the_same(lives: list[str], seed: int) -> None:
    """Two sources tell the same history, each event once, mixed up as the seed has it."""
    history: list[tuple[str, Thing]] = []
    uid, alive = 1, False
    for version, event in enumerate(lives, start=1):
        if event == "delete" and alive:
            history.append(("gone", thing(version, f"u-{uid}")))
            uid, alive = uid + 1, False
        elif event != "delete":
            history.append(("there", thing(version, f"u-{uid}")))
            alive = True
    shuffled = random.Random(seed).sample(history, len(history))

    store = Heard().store
    for what, one in shuffled:
        if what == "there":
            store.put(one)
        else:
            store.drop(one.key, one.uid)

    expected = history[-1][1] if alive else None
    assert store.get(KEY) == expected
