"""Whole numbers are read as Go's strconv.ParseInt(text, 10, bits) reads them.

The table was checked against Go 1.26's strconv itself.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.integers import parse_go_int

TABLE_64 = [
    ("0", 0),
    ("-0", 0),
    ("+0", 0),
    ("00", 0),
    ("3600", 3600),
    ("+3600", 3600),
    ("-3600", -3600),
    ("0003600", 3600),
    ("-0003600", -3600),
    ("+0003600", 3600),
    ("0" * 100 + "7", 7),
    ("9223372036854775807", 9223372036854775807),
    ("+9223372036854775807", 9223372036854775807),
    ("09223372036854775807", 9223372036854775807),
    ("-9223372036854775808", -9223372036854775808),
    ("9223372036854775808", None),
    ("-9223372036854775809", None),
    ("18446744073709551616", None),
    ("99999999999999999999", None),
    ("9" * 5000, None),
    ("", None),
    ("+", None),
    ("-", None),
    ("++1", None),
    ("+-1", None),
    ("--1", None),
    ("1-", None),
    (" 1", None),
    ("1 ", None),
    ("1\n", None),
    ("\t1", None),
    ("\u00a01", None),
    ("1_000", None),
    ("_1", None),
    ("0_1", None),
    ("0x10", None),
    ("0o17", None),
    ("0b11", None),
    ("1e3", None),
    ("1.0", None),
    ("1,000", None),
    ("1h", None),
    ("٣٦٠٠", None),
    ("\uff13\uff16\uff10\uff10", None),
    ("²", None),
    ("\u22121", None),
    ("1\0", None),
    ("NaN", None),
    ("true", None),
]

TABLE_32 = [
    ("65535", 65535),
    ("2147483647", 2147483647),
    ("02147483647", 2147483647),
    ("-2147483648", -2147483648),
    ("2147483648", None),
    ("-2147483649", None),
    ("4294967296", None),
    ("8000 ", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), TABLE_64)
def test_64_bits_are_read_as_go_reads_them(text: str, expected: int | None) -> None:
    assert parse_go_int(text) == expected


@pytest.mark.parametrize(("text", "expected"), TABLE_32)
def test_32_bits_are_read_as_go_reads_them(text: str, expected: int | None) -> None:
    assert parse_go_int(text, bits=32) == expected


@given(st.integers(-(2**65), 2**65), st.sampled_from([8, 32, 64]))
def test_what_python_writes_is_read_if_it_fits(number: int, bits: int) -> None:
    fits = -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)
    assert parse_go_int(str(number), bits) == (number if fits else None)


@given(st.text(max_size=30))
def test_no_text_is_too_odd(text: str) -> None:
    number = parse_go_int(text)
    assert number is None or (text.isascii() and int(text) == number)
