"""Tables, laid out as kubectl does."""

from typing import Any

from hack.demo.table import table_lines


def table(*rows: list[Any]) -> dict[str, Any]:
    return {
        "columnDefinitions": [
            {"name": "Name", "priority": 0},
            {"name": "Identity", "priority": 0},
            {"name": "Issuer", "priority": 1},
            {"name": "Ready", "priority": 0},
        ],
        "rows": [{"cells": row} for row in rows],
    }


def test_names_are_in_capitals_and_columns_three_blanks_apart() -> None:
    assert table_lines(table(["billing", "7d2f", "here", "True"])) == [
        "NAME      IDENTITY   READY",
        "billing   7d2f       True",
    ]


def test_what_is_not_known_yet_is_left_empty() -> None:
    assert table_lines(table(["billing", "7d2f", None, None]))[1] == "billing   7d2f"


def test_without_rows_there_is_no_header() -> None:
    assert table_lines(table()) == []


def test_a_server_may_leave_out_rows() -> None:
    assert table_lines({"columnDefinitions": [{"name": "Name"}], "rows": None}) == []


def test_where_it_is_too_narrow_the_longest_cells_are_cut_in_their_midst() -> None:
    row = ["billing-abcdefghijklmnop", "0123456789abcdefghijklmnopqrst", "", "True"]
    lines = table_lines(table(row, ["web", "7d2f", "", "False"]), 42)
    assert lines == [
        "NAME              IDENTITY           READY",
        "billing…jklmnop   01234567…nopqrst   True",
        "web               7d2f               False",
    ]


def test_it_is_never_cut_to_nothing() -> None:
    lines = table_lines(table(["billing-of-a-long-name", "0123456789", "", "True"]), 10)
    assert lines[1].split() == ["bil…ame", "012…789", "True"]
