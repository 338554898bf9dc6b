"""Rows that remember what they were a while ago."""

import pytest

from emulator.directory.table import ALWAYS, HORIZON, Table


@pytest.fixture
def table() -> Table[str]:
    return Table("rows")


def test_a_row_is_read_as_it_was_at_a_moment(table: Table[str]) -> None:
    table.put("A", "one", 10)
    table.put("a", "two", 20)
    table.delete("A", 30)
    assert [table.get("a", at) for at in (9, 10, 19, 20, 29, 30, None)] == [
        *(None, "one", "one", "two", "two", None, None)
    ]
    assert [table.values(at) for at in (9, 10, 25, 30)] == [[], ["one"], ["two"], []]


def test_rows_are_in_the_order_in_which_they_were_made_now_and_then(table: Table[str]) -> None:
    for key in ("a", "b", "c"):
        table.put(key, key, 1)
    table.put("a", "A", 2)
    table.delete("b", 3)
    table.put("b", "B", 4)
    assert table.values() == table.values(4) == ["A", "c", "B"]


def test_what_always_was_has_no_past(table: Table[str]) -> None:
    table.put("a", "one", 10)
    table.delete("a", 20)
    table.put("a", "two", ALWAYS)
    assert [table.get("a", at) for at in (0, 15, 25)] == ["two"] * 3
    assert table.changed("A") == ALWAYS


def test_the_moment_of_the_last_change_is_known(table: Table[str]) -> None:
    assert table.changed("a") is None
    table.put("a", "one", 10)
    assert table.changed("A") == 10
    table.delete("a", 20)
    assert table.changed("a") == 20


def test_forgetting_leaves_no_past_and_tells_the_listener() -> None:
    told: list[tuple[str, str, object]] = []
    table: Table[str] = Table("rows", lambda *change: told.append(change))
    table.put("A", "one", 10)
    table.delete("a", 20)
    table.put("b", "two", 30)
    table.forget()
    assert (table.values(), table.values(15), table.changed("a")) == ([], [], None)
    assert told == [
        *(("rows", "a", "one"), ("rows", "a", None)),
        *(("rows", "b", "two"), ("rows", "b", None)),
    ]


def test_what_was_removed_long_ago_takes_no_memory(table: Table[str]) -> None:
    for number in range(20_000):
        table.put(f"key-{number}", "value", number)
        table.delete(f"key-{number}", number)
    kept = [number for number in range(20_000) if table.changed(f"key-{number}") is not None]
    assert len(kept) < 5 * HORIZON
    assert {*range(20_000 - int(HORIZON), 20_000)} <= {*kept}


def test_versions_that_no_read_shows_take_no_memory(table: Table[str]) -> None:
    for number in range(5000):
        table.put("a", str(number), number)
    assert table.get("a", 5000 - HORIZON) == str(int(5000 - HORIZON))
    assert table.get("a", 10) is None
