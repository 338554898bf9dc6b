"""What a plan asks to be done in Entra ID, one call each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from controller.plan.outcomes import Outcome
from entra.model import FederatedCredential


class Cause(Enum):
    """Why a credential goes."""

    DELETED = "deleted"
    """Its object is being deleted."""
    WITHDRAWN = "withdrawn"
    """The grant is gone."""
    CROWDED_OUT = "crowded out"
    """An older object takes its slot."""
    LEFT_OVER = "left over"
    """No object wants it any more."""


@dataclass(frozen=True, slots=True)
class Create:
    """Write a new credential."""

    credential: FederatedCredential
    wish: str
    """The uid of the object it is for."""


@dataclass(frozen=True, slots=True)
class Update:
    """Give the credential of that name another audience or description."""

    credential: FederatedCredential
    wish: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a credential."""

    credential: FederatedCredential
    cause: Cause
    wishes: tuple[str, ...] = ()
    """The uids of the objects that go, or wait, for it."""


Step = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order, and what becomes of every wish."""

    steps: tuple[Step, ...]
    outcomes: Mapping[str, Outcome]
    """By the uid of each wish."""
    used: int
    """Slots in use when all is done."""

    @property
    def presumes_absence(self) -> bool:
        """Whether anything goes because no object is known to want it."""
        return any(
            isinstance(step, Delete) and step.cause is Cause.LEFT_OVER for step in self.steps
        )
