"""`$filter`, as far as roles need it: `roleName eq 'Reader' and atScope()`. Pure.

Source: https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from emulator.calls.refusal import Refusal

_CLAUSE: Final = re.compile(
    r"\s*(?:(?P<field>[A-Za-z]+)\s+eq\s+'(?P<value>(?:[^']|'')*)'"
    r"|(?P<function>[A-Za-z]+)\(\s*(?:'(?P<argument>[^']*)')?\s*\))\s*"
)
_AND: Final = re.compile(r"and\b", re.IGNORECASE)


def clauses(written: str, known: Collection[str]) -> Mapping[str, str]:
    """Return the values that a filter asks for, by field or function in lower case.

    `known` has their names in lower case, functions as `atscope()`. Raises Refusal (400) for what
    is not understood.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(written):
        match = _CLAUSE.match(written, at)
        if match is None:
            raise _not_understood(written, known)
        name = (match["field"] or f"{match['function']}()").lower()
        if name not in known:
            raise _not_understood(written, known)
        found[name] = (match["value"] or match["argument"] or "").replace("''", "'")
        at = match.end()
        if at < len(written):
            joint = _AND.match(written, at)
            if joint is None or joint.end() == len(written):
                raise _not_understood(written, known)
            at = joint.end()
    return found


def _not_understood(written: str, known: Collection[str]) -> Refusal:
    return Refusal(
        400,
        "InvalidFilter",
        f"The filter '{written[:200]}' is not understood: {', '.join(sorted(known))} are, joined by"
        " and.",
    )
