"""What the page shows: all of it as texts, cut to what one page holds. Pure but for the clock."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from emulator.calls.log import Call
from emulator.directory import SLOTS, ManagedIdentity
from emulator.overview import Known, Occupied, Slot, look_at
from emulator.page.reasons import label_of, reason_of
from emulator.page.sentences import faults_in_words
from emulator.tokens.exchanges import Exchange
from emulator.world import World

PER_PAGE: Final = 20
"""Identities; with 20 credentials each that is 400 rows."""
EXCHANGES: Final = 25
REQUESTS: Final = 40
_OPEN: Final = 3
"""So many identities are shown with their credentials; of more only those that are looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a visitor wants to see."""

    text: str = ""
    """Only what holds this text, in any letter case."""
    page: int = 1
    refresh: int = 0
    """Seconds; 0: the page stays as it is."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A time, for people and for programs."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class CredentialShown:
    """A federated credential."""

    name: str
    issuer: str
    subject: str
    audience: str
    description: str
    since: Instant | None
    state: str
    """What the token endpoint knows, where that is not all."""
    fresh: bool
    """Whether it is there, and not yet known as it is."""
    gone: bool


@dataclass(frozen=True, slots=True)
class IdentityShown:
    """An application or a managed identity."""

    name: str
    kind: str
    client_id: str
    tenant: str
    resource_id: str
    used: int
    cells: tuple[bool, ...]
    """A slot each, true for one that is taken."""
    credentials: tuple[CredentialShown, ...]
    hidden: int
    """Credentials that don't hold the text that is looked for."""
    open: bool


@dataclass(frozen=True, slots=True)
class Somebody:
    """Whoever a call is about or from."""

    client_id: str
    name: str
    """Empty for one that is not there."""


@dataclass(frozen=True, slots=True)
class ExchangeShown:
    """One request for a token."""

    at: Instant
    by: Somebody | None
    how: str
    subject: str
    issuer: str
    credential: str
    scope: str
    refused: bool
    label: str
    why: str
    said: str
    """The service's own words."""


@dataclass(frozen=True, slots=True)
class RequestShown:
    """One call."""

    at: Instant
    number: int
    method: str
    path: str
    kind: str
    identity: Somebody | None
    caller: Somebody | None
    status: str
    code: str
    failed: bool
    took: str


@dataclass(frozen=True, slots=True)
class View:
    """All of it."""

    asked: Asked
    origin: str
    imds: str
    ca: str
    tenants: tuple[str, ...]
    now: Instant
    faults: tuple[str, ...]
    identities: tuple[IdentityShown, ...]
    found: int
    total: int
    pages: int
    exchanges: tuple[ExchangeShown, ...]
    requests: tuple[RequestShown, ...]
    slots: int = SLOTS


def view_of(world: World, asked: Asked) -> View:
    """Return what a visitor sees at this moment."""
    now = world.clock.now()
    wanted = asked.text.strip().lower()
    everybody = [*look_at(world)]
    found = [one for one in everybody if _holds(_texts(one), wanted)]
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(asked.page, pages)
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    opened = bool(wanted) or len(found) <= _OPEN
    return View(
        asked=Asked(asked.text, page, asked.refresh),
        origin=world.origin,
        imds=world.place.imds,
        ca=world.place.ca,
        tenants=tuple(row.id for row in world.directory.tenants.values()),
        now=_instant(now, now),
        faults=tuple(faults_in_words(world.gate.settings)),
        identities=tuple(_identity(one, wanted, now, opened=opened) for one in shown),
        found=len(found),
        total=len(everybody),
        pages=pages,
        exchanges=tuple(_exchanges(world, wanted, now)),
        requests=tuple(_requests(world, wanted, now)),
    )


def _holds(texts: Iterable[str], wanted: str) -> bool:
    return not wanted or any(wanted in text.lower() for text in texts)


def _texts(occupied: Occupied) -> Iterator[str]:
    yield from _own_texts(occupied)
    for slot in occupied.slots:
        yield from _slot_texts(slot)


def _own_texts(occupied: Occupied) -> Iterator[str]:
    holder = occupied.holder
    yield from (holder.display_name, holder.client_id, holder.tenant)
    if isinstance(holder, ManagedIdentity):
        yield holder.resource_id


def _slot_texts(slot: Slot) -> Iterator[str]:
    one = slot.credential
    yield from (one.name, one.issuer, one.subject, *one.audiences, one.description or "")


def _identity(occupied: Occupied, wanted: str, now: float, *, opened: bool) -> IdentityShown:
    holder, slots = occupied.holder, occupied.slots
    if not _holds(_own_texts(occupied), wanted):
        slots = tuple(slot for slot in slots if _holds(_slot_texts(slot), wanted))
    managed = isinstance(holder, ManagedIdentity)
    return IdentityShown(
        name=holder.display_name,
        kind="managed identity" if managed else "application",
        client_id=holder.client_id,
        tenant=holder.tenant,
        resource_id=holder.resource_id if isinstance(holder, ManagedIdentity) else "",
        used=occupied.used,
        cells=tuple(number < occupied.used for number in range(SLOTS)),
        credentials=tuple(_credential(slot, now) for slot in slots),
        hidden=len(occupied.slots) - len(slots),
        open=opened,
    )


def _credential(slot: Slot, now: float) -> CredentialShown:
    one = slot.credential
    state = ""
    if slot.known is not Known.WELL:
        state = f"{slot.known.value}, for {max(1, round(slot.settles_in))} s"
    return CredentialShown(
        name=one.name,
        issuer=one.issuer,
        subject=one.subject,
        audience=", ".join(one.audiences),
        description=one.description or "",
        since=None if slot.since is None else _instant(slot.since, now),
        state=state,
        fresh=slot.known in {Known.NOT_YET, Known.AS_BEFORE},
        gone=slot.known is Known.STILL,
    )


def _exchanges(world: World, wanted: str, now: float) -> Iterator[ExchangeShown]:
    left = EXCHANGES
    for one in world.exchanges.latest():
        if left and _holds(_exchange_texts(one, world), wanted):
            left -= 1
            yield _exchange(one, world, now)


def _exchange_texts(one: Exchange, world: World) -> Iterator[str]:
    yield from (one.client_id, one.tenant, one.issuer, one.subject, one.audience, one.scope)
    yield from (one.credential, one.reason, one.how, label_of(one))
    yield _name(one.client_id, world)


def _exchange(one: Exchange, world: World, now: float) -> ExchangeShown:
    return ExchangeShown(
        at=_instant(one.at, now),
        by=_somebody(one.client_id, world),
        how=_HOW.get(one.how, one.how),
        subject=one.subject,
        issuer=one.issuer,
        credential=one.credential,
        scope=one.scope,
        refused=one.aadsts is not None,
        label=label_of(one),
        why=reason_of(one, world.directory),
        said=one.reason,
    )


_HOW: Final = {
    "": "without proof",
    "federated": "by a federated assertion",
    "secret": "by a secret",
    "certificate": "by a certificate",
    "imds": "at the metadata service",
}


def _requests(world: World, wanted: str, now: float) -> Iterator[RequestShown]:
    left = REQUESTS
    for call in world.log.newest():
        if not left:
            return
        if _holds(_request_texts(call, world), wanted):
            left -= 1
            yield _request(call, world, now)


def _request_texts(call: Call, world: World) -> Iterator[str]:
    yield from (call.path, call.kind, call.identity, call.caller, call.code)
    yield from (_name(call.identity, world), _name(call.caller, world))


def _request(call: Call, world: World, now: float) -> RequestShown:
    return RequestShown(
        at=_instant(call.began, now),
        number=call.number,
        method=call.method,
        path=call.path,
        kind=call.kind,
        identity=_somebody(call.identity, world),
        caller=_somebody(call.caller, world),
        status="-" if call.status is None else str(call.status),
        code=call.code,
        failed=call.status is None or call.status >= 400,
        took="" if call.seconds is None else f"{call.seconds * 1000:.1f} ms",
    )


def _somebody(client_id: str, world: World) -> Somebody | None:
    return Somebody(client_id, _name(client_id, world)) if client_id else None


def _name(client_id: str, world: World) -> str:
    holder = world.directory.holder(client_id)
    return "" if holder is None else holder.display_name


def _instant(at: float, now: float) -> Instant:
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    form = "%H:%M:%S" if moment.date() == today.date() else "%Y-%m-%d %H:%M:%S"
    return Instant(moment.strftime(form), moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
