"""Putting a seed's entries into the directory. What is there already stays as it is."""

from collections.abc import Collection, Iterable
from typing import Final

from emulator.directory import (
    ALWAYS,
    Application,
    Directory,
    ManagedIdentity,
    RoleAssignment,
    ServicePrincipal,
    Subscription,
    Tenant,
)
from emulator.seed.plan import Held, Row, Step, plan
from emulator.seed.schema import Seed
from emulator.storage import Storage
from identity.faults import Fault

PLANTED: Final = "planted"
"""The storage's table of entries that were planted once."""


def begin(
    seed: Seed, directory: Directory, storage: Storage, planted: Collection[str] = ()
) -> tuple[Fault, ...]:
    """Plant a seed at the start of an emulator's life, and remember what was planted.

    What was `planted` in an earlier life and removed since stays away. Returns what could not be
    planted beside what was there.
    """
    found = plan(seed, directory, planted)
    carry_out(found.steps, directory)
    for step in found.steps:
        storage.keep(PLANTED, step.key, value=True)
    return found.faults


def plant(seed: Seed, directory: Directory, moment: float = ALWAYS) -> None:
    """Make what is not there yet and can be, as of a moment."""
    carry_out(plan(seed, directory).steps, directory, moment)


def carry_out(steps: Iterable[Step], directory: Directory, moment: float = ALWAYS) -> None:
    """Make what a plan says.

    As of `ALWAYS` it counts as having been there before anything: no read is too stale for it.
    """
    for step in steps:
        for row in step.rows:
            _put(row, directory, moment)


def _put(row: Row, directory: Directory, moment: float) -> None:
    match row:
        case Tenant():
            directory.tenants.put(row.id, row, moment)
        case Subscription():
            directory.subscriptions.put(row.id, row, moment)
        case Application():
            directory.put_application(row, moment)
        case ServicePrincipal():
            directory.put_principal(row, moment)
        case ManagedIdentity():
            directory.put_identity(row, moment)
        case RoleAssignment():
            directory.assignments.put(row.id, row, moment)
        case Held():
            credential = row.credential
            directory.credentials(row.holder_key).put(credential.name, credential, moment)
