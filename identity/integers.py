"""Whole numbers as Go's strconv.ParseInt reads them, which is what the original takes."""

import re

_DIGITS = re.compile(r"([+-]?)([0-9]+)")
_MOST_DIGITS = 19


def parse_go_int(value: str, bits: int = 64) -> int | None:
    """Read a base-10 integer of so many bits, else return None.

    A sign and leading zeros are fine; blanks, `_` and digits of other scripts, all of which
    Python's `int` takes, are not. Source: https://pkg.go.dev/strconv#ParseInt
    """
    match = _DIGITS.fullmatch(value)
    if match is None:
        return None
    sign, digits = match.groups()
    digits = digits.lstrip("0") or "0"
    if len(digits) > _MOST_DIGITS:
        return None
    number = int(sign + digits)
    limit = 1 << (bits - 1)
    return number if -limit <= number < limit else None
