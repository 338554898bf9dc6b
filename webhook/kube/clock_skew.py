"""How far our clock is from the server's, by the `Date` of its answers."""

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime


def skew_of(
    date: str | None, before: float | None, now: Callable[[], float] = time.time
) -> float | None:
    """Return how many seconds we are ahead; what was known `before` stands if there is no date.

    It is good to a second or so, and the time that an answer is under way.
    Source: https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1
    """
    if date is None:
        return before
    try:
        told = parsedate_to_datetime(date)
        return now() - (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return before
