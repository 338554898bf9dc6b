"""The benchmark's table, and its profile."""

import json

from hack.bench.book import Book, Import
from hack.bench.machine import Machine
from hack.bench.profile import Place, folded, read_stacks, shares, short, text
from hack.bench.report import as_json, table
from hack.bench.subject import ROOT

_MACHINE = Machine("Some CPU", 2, "Linux 6", "CPython 3.11", "OpenSSL 3", 0.1)
_WORDS = {"accounts": "10,000", "admissions": "100,000"}


def _book() -> Book:
    book = Book(notes=["a note"])
    for value in (2700.4, 2600.0, 2800.0):
        book.add("ours", "rate", value)
    book.add("ours", "rss.many", 70.04)
    return book


def test_the_table_is_read_without_colour() -> None:
    assert table(_book(), _MACHINE, _WORDS).splitlines() == [
        "Some CPU, 2 cores, Linux 6",
        "CPython 3.11, OpenSSL 3",
        "a note",
        "",
        "                                     unit  original*   target   ours  +-",
        "-----------------------------------  ----  ---------  -------  -----  --  ------------",
        "saturated, 8 connections: requests   /s          427  >= 2600  2,700  4%  kept",
        "memory, 10,000 ServiceAccounts: RSS  MiB          68    <= 68   70.0      missed by 3%",
        "",
        "* webhook 1.6, measured earlier on a machine of this kind, +-20 %",
        "Medians of several runs; +-: how far the runs lie from it at the most.",
    ]


def test_the_original_gets_a_column_where_it_was_measured() -> None:
    book = _book()
    book.add("original", "rate", 431.0)

    lines = table(book, _MACHINE, _WORDS).splitlines()

    assert "original, here" in lines[4]
    assert "431" in lines[6]


def test_imports_have_a_table_of_their_own() -> None:
    book = Book(imports=[Import("fastapi", ("starlette",), 15.04, 600.4, loaded=True)])

    last = table(book, _MACHINE, _WORDS).splitlines()[-1]

    assert last.split() == ["fastapi", "starlette", "15.0", "600", "yes"]


def test_programs_get_every_sample() -> None:
    found = json.loads(json.dumps(as_json(_book(), _MACHINE)))

    assert found["machine"]["cpu"] == "Some CPU"
    assert found["figures"]["rate"]["samples"] == {"ours": [2700.4, 2600.0, 2800.0]}


def test_a_function_is_counted_once_in_a_stack_that_has_it_twice() -> None:
    main, recursive = Place("main", "a.py", 1), Place("again", "b.py", 2)
    found = shares([([main, recursive, recursive], 3), ([main], 1)])

    assert found.samples == 4
    assert found.own == {recursive.of: 3, main.of: 1}
    assert found.under == {recursive.of: 3, main.of: 4}
    assert found.lines == {"b.py:2  again": 3, "a.py:1  main": 1}
    assert " 75.0%  again  b.py" in text(found)


def test_no_samples_are_told_as_such() -> None:
    assert "no samples" in text(shares([]))


def test_stacks_are_written_for_flame_graphs() -> None:
    [(stack, count)] = read_stacks('[[[["main", "a.py", 1], ["f", "b.py", 2]], 7]]')

    assert (folded(stack), count) == ("main  a.py;f  b.py", 7)


def test_files_are_named_as_people_know_them() -> None:
    assert short(f"{ROOT}/webhook/review.py") == "webhook/review.py"
    assert short("<frozen runpy>") == "<frozen runpy>"
