"""Lists in pages. Each goes on after a key, so that rows made or gone meanwhile don't shift it."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from emulator.calls.refusal import Refusal

PAGE_SIZE: Final = 50
"""Items of a page if the caller doesn't say; our choice, so that small seeds have pages, too."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, and the key after which the next one goes on; empty: it is the last."""

    items: list[T]
    after: str = ""


def cut(rows: Iterable[tuple[str, T]], query: Mapping[str, str]) -> Page[T]:
    """Return the page of rows with their keys that `$top` and `$skiptoken` ask for.

    Raises Refusal (400) for what is neither a number nor a token of ours.
    """
    size, after = _size(query.get("$top")), _after(query.get("$skiptoken", ""))
    left = sorted((key.lower(), item) for key, item in rows if key.lower() > after)
    items = [item for _, item in left[:size]]
    return Page(items, left[size - 1][0] if len(left) > size else "")


def next_link(address: str, query: Mapping[str, str], after: str) -> str:
    """Return the address of the page that goes on after a key."""
    token = base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")
    wanted = {**query, "$skiptoken": token}
    return f"{address}?{urlencode(wanted, safe='$', quote_via=quote)}"


def _size(written: str | None) -> int:
    if written is None:
        return PAGE_SIZE
    digits = written.lstrip("0")
    if not (written.isascii() and written.isdecimal() and digits):
        raise Refusal(400, "InvalidTop", "The query parameter $top must be a positive number.")
    return PAGE_SIZE if len(digits) > 3 else min(int(digits), PAGE_SIZE)


def _after(token: str) -> str:
    padded = token + "=" * (-len(token) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Refusal(
            400, "InvalidSkipToken", "The query parameter $skiptoken is none that was given out."
        ) from error
