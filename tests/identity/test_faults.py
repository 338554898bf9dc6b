"""Faults read as sentences, and no value of somebody's breaks them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.faults import Fault, Faults, quoted


def test_a_fault_names_the_place_the_value_and_what_was_expected() -> None:
    fault = Fault("annotation x", "60", "at least 3600")
    assert str(fault) == 'annotation x: "60" is not valid; expected at least 3600'


def test_a_fault_without_a_value_says_what_to_do() -> None:
    assert str(Fault("AZURE_TENANT_ID", None, "required")) == "AZURE_TENANT_ID: required"


def test_an_empty_value_is_shown_as_such() -> None:
    assert str(Fault("x", "", "a port")) == 'x: "" is not valid; expected a port'


def test_faults_are_kept_in_the_order_in_which_they_were_found() -> None:
    faults = Faults()
    assert not faults
    assert len(faults) == 0
    faults.add("b", None, "first")
    faults.add("a", "1", "second")
    assert faults
    assert len(faults) == 2
    assert list(faults) == [Fault("b", None, "first"), Fault("a", "1", "second")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", '""'),
        ("plain", '"plain"'),
        ('say "no"', '"say \\"no\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("two\nlines\tand\0more", '"two\\nlines\\tand\\x00more"'),
        ("Grüße 🌍", '"Gr\\xfc\\xdfe \\U0001f30d"'),
        ("\ud800", '"\\ud800"'),
        ("x" * 64, '"' + "x" * 64 + '"'),
        ("x" * 65, '"' + "x" * 63 + '~"'),
    ],
)
def test_a_value_is_quoted_for_one_line(value: str, expected: str) -> None:
    assert quoted(value) == expected


@given(st.text())
def test_a_quoted_value_is_printable_ascii_whatever_it_was(value: str) -> None:
    shown = quoted(value)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 2 + 64 * len("\\U0001f30d")
