"""What a case came to, in a word or two: the columns of the table."""

from typing import Final

from hack.fuzz.case import Case, End, Seen

PATCHED: Final = "patched"
ALLOWED: Final = "allowed"
REFUSED: Final = "refused"
RETRY: Final = "retry"
LEFT: Final = "left"
CLOSED: Final = "closed"
HUNG: Final = "hung"
EXPLAINED: Final = {
    PATCHED: "200, allowed with a patch",
    ALLOWED: "200, allowed as it is",
    REFUSED: "200, refused with status.code 400",
    RETRY: "200, status.code 500: the API server failed, to be tried again",
    LEFT: "the client went without waiting",
    CLOSED: "the server ended the connection",
}


def name_of(case: Case, seen: Seen) -> str:
    """Name the outcome of a case; the last answer of several counts."""
    if case.end is not End.READ:
        return LEFT
    if not seen.answers:
        return HUNG if seen.timed_out else CLOSED
    answer = seen.answers[-1]
    if answer.status != 200:
        return str(answer.status)
    if b'"allowed":true' in answer.body:
        return PATCHED if b'"patch":' in answer.body else ALLOWED
    return RETRY if b'"code":500' in answer.body else REFUSED
