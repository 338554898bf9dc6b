"""What must be true of the credential, from its grant to its end. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hack.demo.checks import Check
from hack.demo.credentials import State, condition
from hack.demo.entra import CONTROLLER_ID, FIRST_CREDENTIAL
from hack.demo.exchange import RESOURCE
from hack.demo.federation import Change, Withdrawal
from hack.demo.quick_start import QuickStart
from hack.webhook import TENANT_ID

Object = dict[str, Any]

_SHORTEST = 60.0
_LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What was seen of the credential, in the order of the story."""

    ready: State
    claims: Object
    """Of the access token that the labelled pod got."""
    change: Change
    withdrawal: Withdrawal | None
    """None where it was left out."""
    end: State


def credential_checks(followed: Followed, quick_start: QuickStart) -> list[Check]:
    """List them, in the order in which things happened."""
    return [
        *_ready(followed.ready, quick_start),
        *_exchanged(followed.claims, quick_start.client_id),
        *_changed(followed.change, quick_start),
        *(_withdrawn(followed.withdrawal, quick_start) if followed.withdrawal else ()),
        *_ended(followed.end),
    ]


def _ready(ready: State, quick_start: QuickStart) -> Iterator[Check]:
    yield Check(
        "the granted annotation led to one object, which is Ready and Verified",
        expected=[{"Authorized": "True", "Synced": "True", "Verified": "True", "Ready": "True"}],
        found=_conditions(ready),
    )
    yield Check(
        "the identity trusts the ServiceAccount, and the other one trusts nobody",
        expected=([quick_start.subject], []),
        found=_both(ready, quick_start),
    )


def _exchanged(claims: Object, client_id: str) -> Iterator[Check]:
    yield Check(
        "the pod's access token is the identity's, for the resource asked for",
        expected={"appid": client_id, "tid": TENANT_ID, "aud": RESOURCE},
        found={name: claims.get(name) for name in ("appid", "tid", "aud")},
    )


def _changed(change: Change, quick_start: QuickStart) -> Iterator[Check]:
    yield Check(
        "the changed annotation moved the credential to the other identity",
        expected=([], [quick_start.subject]),
        found=_both(change.state, quick_start),
    )
    yield Check(
        "a pod that is made now gets the other identity's access token",
        expected=quick_start.next_client_id,
        found=change.claims.get("appid"),
    )


def _withdrawn(withdrawal: Withdrawal, quick_start: QuickStart) -> Iterator[Check]:
    yield Check(
        "without the grant no identity trusts the ServiceAccount",
        expected=([], []),
        found=_both(withdrawal.gone, quick_start),
    )
    yield Check(
        f"it took two denials: between {_SHORTEST:.0f} and {_LONGEST:.0f} s",
        expected=True,
        found=_SHORTEST <= withdrawal.seconds <= _LONGEST or f"{withdrawal.seconds:.0f} s",
    )
    yield Check(
        "its object says so",
        expected=["False"],
        found=[condition(one, "Authorized")[0] for one in withdrawal.gone.objects],
    )
    yield Check(
        "the pod's token is refused: the identity has no credential",
        expected="AADSTS70025",
        found=withdrawal.refused,
    )
    yield Check(
        "granted again, the credential is back",
        expected=([], [quick_start.subject]),
        found=_both(withdrawal.granted_again, quick_start),
    )


def _ended(end: State) -> Iterator[Check]:
    yield Check(
        "with the ServiceAccount its object went",
        expected=[],
        found=[one["metadata"]["name"] for one in end.objects],
    )
    yield Check(
        "nothing is left in Entra ID but the controller's own credential",
        expected=[(CONTROLLER_ID, FIRST_CREDENTIAL)],
        found=[
            (identity.client_id, credential["name"])
            for identity in end.identities
            for credential in identity.credentials
        ],
    )


def _both(state: State, quick_start: QuickStart) -> tuple[list[str], list[str]]:
    """List whom the first identity trusts, and whom the other one does."""
    return state.subjects(quick_start.client_id), state.subjects(quick_start.next_client_id)


def _conditions(state: State) -> list[dict[str, str]]:
    return [
        {kind["type"]: kind["status"] for kind in one.get("status", {}).get("conditions", [])}
        for one in state.objects
    ]
