"""Outcomes of a plan as conditions: reasons that stay, messages that say what to do. Pure."""

from controller.brakes import CLUSTER
from controller.plan import (
    Barred,
    HeldBy,
    Holds,
    Leaves,
    NameTaken,
    NoSlot,
    Outcome,
    PairTaken,
    Waits,
)
from controller.status.conditions import AUTHORIZED, SYNCED, Condition


def synced(outcome: Outcome) -> Condition:
    """Return `Synced` for an outcome whose step, if it has one, is done."""
    match outcome:
        case Holds():
            told = _holds(outcome)
        case HeldBy(holder):
            told = _no(
                "HeldBy",
                f"the older object {holder} asks for the same credential and holds it; one of the"
                " two is enough",
            )
        case NoSlot():
            told = _no("NoSlot", _no_slot(outcome))
        case NameTaken(credential):
            told = _no(
                "NameTaken",
                f"a credential named {credential.name} is there for subject {credential.subject} of"
                f" {credential.issuer}: it was changed by somebody; remove it in Entra ID",
            )
        case PairTaken(credential):
            told = _no(
                "PairTaken",
                f"the credential {credential.name} has this issuer and subject, for the audience"
                f" {credential.audience}; change or remove it in Entra ID, or ask for its audience",
            )
        case Waits():
            told = _no("Waiting", "nothing is written until the grant is certain")
        case Barred():
            told = _no("NotAuthorized", "nothing is written without a grant")
        case Leaves():
            told = _no("Removing", "the object is being deleted")
    return told


def _holds(outcome: Holds) -> Condition:
    name = outcome.credential.name
    if not outcome.adopted:
        return _yes("Written", f"the credential {name} is in place")
    return _yes(
        "Adopted",
        f"the credential {name} was there already; it is not removed with this object unless"
        " deletionPolicy is Delete",
    )


def still_effective(name: str) -> Condition:
    """Return `Authorized` for a withdrawn grant whose credential is not ours to remove."""
    return Condition(
        AUTHORIZED,
        "False",
        "StillEffective",
        f"the grant is gone, but the credential {name} was not made here and is not removed: its"
        " tokens are let in all the same; remove it in Entra ID",
    )


def removals_held(brake: str, before: str = "") -> Condition:
    """Return `Synced` for an object whose credential may not go yet, by the brake that holds it."""
    if brake.startswith(CLUSTER):
        return _no(
            "RemovalsHeld",
            f"{before}many credentials would be removed at once, so that an administrator has to"
            " allow it: the controller's log and metrics say how",
        )
    return _no(
        "NamespaceRemovalsHeld",
        f"{before}many credentials of {brake} would be removed at once, so that an administrator"
        " has to allow it: the controller's log and metrics say how",
    )


def no_room(brake: str) -> Condition:
    """Return `Synced` for one that is not written while removals of its namespace are held."""
    return removals_held(
        brake,
        "the namespace has its share of this identity's slots until credentials that wait to be"
        " removed are gone; ",
    )


def _no_slot(outcome: NoSlot) -> str:
    holders = ", ".join(outcome.holders)
    if outcome.of_namespace:
        return (
            f"the namespace has all {outcome.limit} slots of this identity that one namespace may"
            f" have, held by {holders}; remove one of them"
        )
    return (
        f"all {outcome.limit} slots of the identity are taken, by {holders}; remove one that nobody"
        " uses, or use another identity"
    )


def _yes(reason: str, message: str) -> Condition:
    return Condition(SYNCED, "True", reason, message)


def _no(reason: str, message: str) -> Condition:
    return Condition(SYNCED, "False", reason, message)
