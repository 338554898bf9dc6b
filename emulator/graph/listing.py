"""A collection's answer: filtered, page by page, with the properties that were asked for.

Objects come in the order of their ids, so that a page begins where the last one ended whatever was
made or deleted between the two. Source: https://learn.microsoft.com/graph/query-parameters,
https://learn.microsoft.com/graph/paging
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import QueryParams

from emulator.calls.refusal import Refusal
from emulator.graph.filters import Clause, Filterable, parse, passes
from emulator.graph.refusals import LONGEST, bad, unsupported

Json = dict[str, Any]

PAGE: Final = 100
LARGEST: Final = 999
_SIZE: Final = re.compile(r"[0-9]{1,3}")
_PATH: Final = "/()'=$,:@"
_OF_ONE: Final = frozenset({"$select"})
_OF_MANY: Final = _OF_ONE | {"$filter", "$top", "$count", "$skiptoken"}
_NAMES: Final = frozenset(
    {"$apply", "$compute", "$deltatoken", "$expand", "$format", "$orderby", "$search", "$skip"}
    | _OF_MANY
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object, as queries see it."""

    set: str
    """Its collection's name in `@odata.context`."""
    type: str
    """Its own, without the namespace: `servicePrincipal`."""
    by: Filterable
    properties: frozenset[str]
    """What can be selected: what is served, and what the real service would have besides."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a query asks for."""

    clauses: Sequence[Clause]
    select: tuple[str, ...]
    """Empty: everything."""
    top: int
    count: bool
    after: str
    """The id of the last object of the page before; empty: from the start."""


def options_of(query: QueryParams, kind: Kind, *, many: bool = True) -> Options:
    """Read the options of a query. Raises Refusal (400)."""
    given = _given(query, _OF_MANY if many else _OF_ONE)
    return Options(
        clauses=parse(given["$filter"], kind.by) if "$filter" in given else (),
        select=_selected(given.get("$select"), kind),
        top=_top(given.get("$top")),
        count=_count(given.get("$count")),
        after=_after(given.get("$skiptoken")),
    )


def page(rows: Iterable[Json], options: Options, kind: Kind, address: "Address") -> Json:
    """Return one page of what passes the filter."""
    found = [row for row in rows if passes(row, options.clauses, kind.by)]
    rest = sorted((row for row in found if _place(row) > options.after), key=_place)
    shown = rest[: options.top]
    answer: Json = {"@odata.context": address.context(kind, options.select)}
    if options.count:
        answer["@odata.count"] = len(found)
    if len(rest) > len(shown):
        answer["@odata.nextLink"] = address.next_page(_place(shown[-1]))
    answer["value"] = [picked(row, options.select) for row in shown]
    return answer


def _place(row: Json) -> str:
    return str(row["id"]).lower()


def single(row: Json, options: Options, kind: Kind, address: "Address") -> Json:
    """Return one object."""
    context = f"{address.context(kind, options.select)}/$entity"
    return {"@odata.context": context} | picked(row, options.select)


def picked(row: Json, select: Sequence[str]) -> Json:
    """Return the properties that were asked for."""
    if not select:
        return row
    return {name: value for name, value in row.items() if name in select or "@" in name}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a collection or object is, for the links in its answer."""

    origin: str
    path: str
    """As the caller wrote it, decoded."""
    query: QueryParams

    def context(self, kind: Kind, select: Sequence[str]) -> str:
        """Return `@odata.context`."""
        version = self.path.split("/", 2)[1].lower()
        chosen = f"({','.join(select)})" if select else ""
        return f"{self.origin}/{version}/$metadata#{kind.set}{chosen}"

    def next_page(self, last: str) -> str:
        """Return where the page after an id is, with all options of this one."""
        token = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
        kept = [
            (name, value) for name, value in self.query.multi_items() if _full(name) != "$skiptoken"
        ]
        pairs = [*kept, ("$skiptoken", token)]
        query = "&".join(f"{quote(name, '$')}={quote(value, '')}" for name, value in pairs)
        return f"{self.origin}{quote(self.path, _PATH)}?{query}"


def _given(query: QueryParams, allowed: frozenset[str]) -> Mapping[str, str]:
    given: dict[str, str] = {}
    for name, value in query.multi_items():
        full = _full(name)
        if not full.startswith("$"):
            continue  # a custom option, which OData leaves to others
        if full not in allowed:
            raise unsupported(f"The query option '{full[:LONGEST]}' is not supported here.")
        if full in given:
            raise bad(f"The query option '{full}' stands twice.")
        given[full] = value
    return given


def _full(name: str) -> str:
    """Return an option's name with its dollar, which Graph does not insist on."""
    lower = name.lower()
    if lower.startswith("$"):
        return lower
    return f"${lower}" if f"${lower}" in _NAMES else lower


def _selected(text: str | None, kind: Kind) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    known = {name.lower(): name for name in kind.properties}
    for name in names:
        if name.lower() not in known:
            raise bad(
                f"Parsing OData Select and Expand failed: Could not find a property named"
                f" '{name[:LONGEST]}' on type 'microsoft.graph.{kind.type}'."
            )
    return tuple(dict.fromkeys(known[name.lower()] for name in names))


def _top(text: str | None) -> int:
    if text is None:
        return PAGE
    if not _SIZE.fullmatch(text) or not 1 <= int(text) <= LARGEST:
        raise bad(
            f"Invalid page size specified: '{text[:20]}'. Must be between 1 and {LARGEST}"
            " inclusive."
        )
    return int(text)


def _count(text: str | None) -> bool:
    if text is None:
        return False
    if text.lower() not in {"true", "false"}:
        raise bad("Invalid value for $count: expected true or false.")
    return text.lower() == "true"


def _after(token: str | None) -> str:
    if token is None:
        return ""
    try:
        return base64.b64decode(
            token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
        ).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise Refusal(
            400,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your"
            " request.",
        ) from error
