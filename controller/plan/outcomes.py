"""What a plan says about each wish. Statuses are made of these (`controller.status`)."""

from dataclasses import dataclass

from controller.model import Key
from entra.model import FederatedCredential


@dataclass(frozen=True, slots=True)
class Holds:
    """The credential is there, or will be once the plan's step is done."""

    credential: FederatedCredential
    adopted: bool = False
    """It was there under somebody else's name, and stays theirs."""


@dataclass(frozen=True, slots=True)
class HeldBy:
    """An older object wants the same credential, and holds it."""

    holder: Key


@dataclass(frozen=True, slots=True)
class NoSlot:
    """No slot of the identity is left for it."""

    holders: tuple[str, ...]
    """Who has them: objects as `namespace/name`, credentials of others by name."""
    of_namespace: bool
    """The namespace has as many as it may have, whatever the identity has left."""
    limit: int


@dataclass(frozen=True, slots=True)
class NameTaken:
    """Under the name that its credential would have stands one for somebody else."""

    credential: FederatedCredential


@dataclass(frozen=True, slots=True)
class PairTaken:
    """Somebody else's credential has its issuer and subject, for another audience."""

    credential: FederatedCredential


@dataclass(frozen=True, slots=True)
class Waits:
    """It is not clear whether it may have the credential, and none stands: nothing is written."""


@dataclass(frozen=True, slots=True)
class Barred:
    """It may not have a credential."""

    still_effective: str = ""
    """The name of one that is not ours to remove, and lets its tokens in all the same."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """Its object is going, and may go once the step that names it is done, if there is one."""

    retained: str = ""
    """The credential that stays because it says so, and may."""


Outcome = Holds | HeldBy | NoSlot | NameTaken | PairTaken | Waits | Barred | Leaves
