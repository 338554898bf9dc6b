"""What people see of the demo: on a terminal, in a file, with and without colour."""

import io
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from hack.cluster.progress import Step
from hack.demo.checks import Check
from hack.demo.pods import Line
from hack.demo.screen import Screen

PLAIN = {"COLUMNS": "80", "LINES": "40"}
DIFFERENCE = [
    Line("place", "spec.containers.env"),
    Line("same", "- name: LOG_LEVEL"),
    Line("added", "- name: AZURE_CLIENT_ID"),
    Line("removed", "- name: OTHER"),
]


class Terminal:
    """A pseudo terminal, and what was written to it."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.file: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self._chunks: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 4096):
                self._chunks.append(chunk)
        except OSError:  # Linux's way of saying that the other end is closed
            return

    def close(self) -> str:
        self.file.close()
        self._reader.join(5)
        os.close(self._master)
        return b"".join(self._chunks).decode()


@contextmanager
def terminal() -> Iterator[Terminal]:
    found = Terminal()
    try:
        yield found
    finally:
        if not found.file.closed:
            found.close()


def in_a_file(environment: dict[str, str] | None = None) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(out, out, environment or PLAIN), out


def test_in_a_file_a_step_is_one_line_begun_at_its_start_and_ended_with_its_time() -> None:
    screen, out = in_a_file()
    screen.progress(Step("starting etcd", "started", 0))
    assert out.getvalue() == "   starting etcd "
    screen.progress(Step("starting etcd", "running", 0.1))
    screen.progress(Step("starting etcd", "done", 0.25))
    assert out.getvalue() == f"   starting etcd {'.' * 57} 0.2 s\n"


def test_in_a_file_a_long_step_tells_how_far_it_is_every_ten_seconds() -> None:
    screen, out = in_a_file()
    screen.progress(Step("building", "started", 0))
    for second in range(25):
        screen.progress(Step("building", "running", second, f"{second * 10} of 250 packages"))
    screen.progress(Step("building", "done", 425))
    lines = out.getvalue().splitlines()
    assert [line.rstrip() for line in lines[:3]] == [
        "   building",
        "      100 of 250 packages, 10.0 s so far",
        "      200 of 250 packages, 20.0 s so far",
    ]
    assert lines[3].startswith("   building ...")
    assert lines[3].endswith(" 7 min 05 s")


def test_in_a_file_a_step_that_fails_says_so() -> None:
    screen, out = in_a_file()
    with pytest.raises(OSError, match="no"), screen.step("trying"):
        raise OSError("no")
    assert out.getvalue().endswith(" 0.0 s, failed\n")


def test_once_interrupted_steps_say_nothing() -> None:
    screen, out = in_a_file()
    screen.progress(Step("building", "started", 0))
    screen.mute()
    screen.progress(Step("building", "failed", 3))
    with screen.step("cleaning up"):
        pass
    screen.section("Cleaning up")
    assert out.getvalue() == "   building \n"


def test_in_a_file_there_is_no_colour() -> None:
    screen, out = in_a_file({**PLAIN, "TERM": "xterm-256color"})
    screen.title("title")
    screen.difference(DIFFERENCE)
    assert out.getvalue().splitlines() == [
        "title",
        "   @@ spec.containers.env",
        "     - name: LOG_LEVEL",
        "   + - name: AZURE_CLIENT_ID",
        "   - - name: OTHER",
    ]


def test_on_a_terminal_what_is_new_is_green_and_what_is_gone_is_red() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "xterm"})
        screen.difference(DIFFERENCE)
        text = shown.close()
    assert "\x1b[32m   + - name: AZURE_CLIENT_ID\x1b[0m" in text
    assert "\x1b[31m   - - name: OTHER\x1b[0m" in text
    assert "\r\n     - name: LOG_LEVEL\r\n" in text


def test_on_a_terminal_with_no_color_there_is_none_and_nothing_bold_or_dim() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "xterm", "NO_COLOR": "1"})
        screen.title("title")
        screen.note("note")
        screen.difference(DIFFERENCE)
        text = shown.close()
    assert "\x1b" not in text


def test_on_a_terminal_a_step_is_drawn_over_by_its_end() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "xterm"})
        screen.progress(Step("starting etcd", "started", 0))
        screen.progress(Step("starting etcd", "running", 1, "still"))
        screen.progress(Step("starting etcd", "done", 1.5))
        text = shown.close()
    live, _, ended = text.rpartition("\x1b[2K")  # the live line is erased
    assert "starting etcd" in live
    assert "✓" in ended
    assert ended.replace("\x1b[0m", "").rstrip().endswith("1.5 s")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back


def test_a_step_within_a_step_leaves_no_live_line_behind() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "xterm"})
        with screen.step("outer"), screen.step("inner"):
            pass
        text = shown.close()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_closed_in_the_midst_of_a_step_the_terminal_has_its_cursor_again() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "xterm"})
        screen.progress(Step("starting etcd", "started", 0))
        screen.close()
        text = shown.close()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_dumb_terminal_is_treated_as_a_file() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "dumb"})
        with screen.step("starting etcd"):
            pass
        text = shown.close()
    assert "\x1b" not in text
    assert "starting etcd ...." in text


def test_a_check_that_fails_shows_what_was_expected_and_found() -> None:
    screen, out = in_a_file()
    screen.check(Check("the answer is known", expected=42, found=42))
    screen.check(Check("the question is known", expected="six", found="nine"))
    assert out.getvalue().splitlines() == [
        "   ✓ the answer is known",
        "   ✗ the question is known",
        "       expected  six",
        "       found     nine",
    ]


def test_an_encoding_without_the_marks_gets_others() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    screen = Screen(out, out, PLAIN)
    screen.check(Check("the answer is known", expected=42, found=42))
    out.seek(0)
    assert out.read() == "   ok the answer is known\n"


def test_facts_stand_in_columns_and_a_name_stands_once() -> None:
    screen, out = in_a_file()
    screen.facts([("sub", "somebody"), ("kubernetes.io", "one"), ("kubernetes.io", "two")])
    assert out.getvalue().splitlines() == [
        "   sub            somebody",
        "   kubernetes.io  one",
        "                  two",
    ]


TABLE = {
    "columnDefinitions": [{"name": "Name"}, {"name": "Subject"}],
    "rows": [{"cells": ["billing", "s" * 100]}],
}


def test_in_a_file_a_table_is_as_wide_as_it_is() -> None:
    screen, out = in_a_file()
    screen.table("kubectl get fic", TABLE)
    assert out.getvalue().splitlines() == [
        "   $ kubectl get fic",
        "   NAME      SUBJECT",
        f"   billing   {'s' * 100}",
    ]


def test_on_a_terminal_a_tables_cells_are_cut_where_it_is_too_narrow() -> None:
    with terminal() as shown:
        screen = Screen(shown.file, io.StringIO(), {**PLAIN, "TERM": "xterm", "NO_COLOR": "1"})
        screen.table("kubectl get fic", TABLE)
        text = shown.close()
    *_, last = text.split("\r\n")[:-1]
    assert len(last) == 80
    assert last.startswith("   billing   sss")
    assert "s…s" in last


def test_a_table_without_rows_says_so() -> None:
    screen, out = in_a_file()
    screen.table("kubectl get fic", {**TABLE, "rows": []})
    assert out.getvalue().splitlines()[-1] == "   No resources found"


def test_a_long_text_is_broken_between_words() -> None:
    screen, out = in_a_file()
    screen.quote("word " * 40 + "x" * 90)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("      word word")
    assert max(map(len, lines[:-1])) <= 80
    assert lines[-1] == "      " + "x" * 90


def test_a_problem_comes_on_the_stream_of_errors() -> None:
    out, errors = io.StringIO(), io.StringIO()
    screen = Screen(out, errors, PLAIN)
    screen.problem("expected this, found that\nits log:\n    a line [bold]of[/bold] it")
    assert out.getvalue() == ""
    assert errors.getvalue().splitlines() == [
        "",
        "✗ expected this, found that",
        "its log:",
        "    a line [bold]of[/bold] it",
    ]


def test_long_lines_are_left_to_the_terminal() -> None:
    screen, out = in_a_file()
    screen.difference([Line("added", "x" * 300)])
    assert out.getvalue() == f"   + {'x' * 300}\n"
