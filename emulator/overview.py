"""What an identity's credentials are to the token endpoint at this moment. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from emulator.directory import ALWAYS, SLOTS, Credential, Directory, Holder
from emulator.world import World


class Known(Enum):
    """What the token endpoint knows of a credential."""

    WELL = "known"
    NOT_YET = "not yet known"
    AS_BEFORE = "known as it was before its change"
    STILL = "removed, and still known"


@dataclass(frozen=True, slots=True)
class Slot:
    """A credential, as it stands and as it is known."""

    credential: Credential
    known: Known
    since: float | None
    """Epoch seconds of its last change by the emulator's clock; None: from the start."""
    settles_in: float
    """Seconds until the token endpoint knows it as it is; 0: it does."""


@dataclass(frozen=True, slots=True)
class Occupied:
    """An identity and what it holds."""

    holder: Holder
    used: int
    """Slots that are taken: credentials that are there."""
    slots: tuple[Slot, ...]
    """Those, and any that were removed and are still known."""

    @property
    def left(self) -> int:
        """Slots that are free."""
        return SLOTS - self.used


@dataclass(frozen=True, slots=True)
class _Moment:
    """One look at the clock, and what is known then."""

    moment: float
    now: float
    known_at: float | None
    lag: float


def look_at(world: World) -> Iterator[Occupied]:
    """Go through all who can have credentials, applications first."""
    moment = _Moment(
        moment=world.clock.moment(),
        now=world.clock.now(),
        known_at=world.gate.known_at(),
        lag=world.gate.settings.propagation_seconds,
    )
    for holder in world.directory.holders():
        yield _occupied(holder, world.directory, moment)


def _occupied(holder: Holder, directory: Directory, look: _Moment) -> Occupied:
    table = directory.credentials(holder.key)
    present = table.values()
    if look.known_at is None:
        slots = [_slot(one, Known.WELL, table.changed(one.name), look) for one in present]
        return Occupied(holder, len(present), tuple(slots))
    before = {one.name.lower(): one for one in table.values(look.known_at)}
    slots = []
    for one in present:
        earlier = before.pop(one.name.lower(), None)
        known = Known.NOT_YET if earlier is None else Known.AS_BEFORE
        if earlier == one:
            known = Known.WELL
        slots.append(_slot(one, known, table.changed(one.name), look))
    gone = [_slot(one, Known.STILL, table.changed(one.name), look) for one in before.values()]
    return Occupied(holder, len(present), (*slots, *gone))


def _slot(one: Credential, known: Known, changed: float | None, look: _Moment) -> Slot:
    if changed is None or changed == ALWAYS:
        return Slot(one, known, None, 0.0)
    age = look.moment - changed
    settles = 0.0 if known is Known.WELL else max(0.0, look.lag - age)
    return Slot(one, known, look.now - age, settles)
