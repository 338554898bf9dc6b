"""What the demo checks of the credential: a good story passes, and each fault is found by name."""

import copy
import dataclasses
from typing import Any

import pytest

from hack.demo.credential_checks import Followed, credential_checks
from hack.demo.credentials import State
from hack.demo.entra import CONTROLLER_ID, FIRST_CREDENTIAL, Identity
from hack.demo.federation import Change, Withdrawal
from hack.demo.quick_start import MANIFESTS, read_quick_start
from hack.webhook import TENANT_ID

QUICK_START = read_quick_start(MANIFESTS)
ONE, OTHER = QUICK_START.grant.client_ids
SUBJECT = QUICK_START.subject
ALL_TRUE = {"Authorized": "True", "Synced": "True", "Verified": "True", "Ready": "True"}


def an_object(client_id: str, **conditions: str) -> dict[str, Any]:
    told = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {
        "metadata": {"name": f"billing-{client_id[:4]}"},
        "spec": {"identity": {"clientId": client_id}},
        "status": {"conditions": told},
    }


def state(trusting: str = "", *objects: dict[str, Any]) -> State:
    """Objects, and one identity that trusts the ServiceAccount."""
    own = {"name": FIRST_CREDENTIAL, "subject": "system:serviceaccount:azwi-demo:controller"}
    credential = {"name": "azwi-x", "subject": SUBJECT}
    return State(
        objects,
        (
            Identity("azwi-controller", "application", CONTROLLER_ID, (own,)),
            *(
                Identity("billing", "application", one, (credential,) if one == trusting else ())
                for one in (ONE, OTHER)
            ),
        ),
    )


def followed() -> Followed:
    """A story in which everything went as it should."""
    claims = {"appid": ONE, "tid": TENANT_ID, "aud": "https://vault.azure.net", "exp": 1}
    moved = state(OTHER, an_object(OTHER, **ALL_TRUE))
    gone = state("", an_object(OTHER, Authorized="False", Synced="False", Ready="False"))
    return Followed(
        ready=state(ONE, an_object(ONE, **ALL_TRUE)),
        claims=claims,
        change=Change(moved, {}, {**claims, "appid": OTHER}),
        withdrawal=Withdrawal(62.5, gone, "AADSTS70025", moved),
        end=state(),
    )


def failed(found: Followed) -> list[str]:
    return [check.what for check in credential_checks(found, QUICK_START) if not check.ok]


def test_a_good_story_passes_every_check() -> None:
    assert failed(followed()) == []
    assert len(credential_checks(followed(), QUICK_START)) == 12


def test_a_withdrawal_that_was_left_out_is_not_checked() -> None:
    found = dataclasses.replace(followed(), withdrawal=None)
    assert failed(found) == []
    assert len(credential_checks(found, QUICK_START)) == 7


def withdrawn(**changes: Any) -> dict[str, Any]:
    withdrawal = followed().withdrawal
    assert withdrawal is not None
    return {"withdrawal": dataclasses.replace(withdrawal, **changes)}


def changed(**changes: Any) -> dict[str, Any]:
    return {"change": dataclasses.replace(followed().change, **changes)}


GONE = state("", an_object(OTHER, Authorized="False"))
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "not proved": (
        "the granted annotation led to one object, which is Ready and Verified",
        {"ready": state(ONE, an_object(ONE, Authorized="True", Synced="True", Ready="True"))},
    ),
    "two objects": (
        "the granted annotation led to one object, which is Ready and Verified",
        {"ready": state(ONE, *[an_object(ONE, **ALL_TRUE)] * 2)},
    ),
    "on the other identity": (
        "the identity trusts the ServiceAccount, and the other one trusts nobody",
        {"ready": state(OTHER, an_object(ONE, **ALL_TRUE))},
    ),
    "somebody else's access token": (
        "the pod's access token is the identity's, for the resource asked for",
        {"claims": {**followed().claims, "appid": OTHER}},
    ),
    "an access token for something else": (
        "the pod's access token is the identity's, for the resource asked for",
        {"claims": {**followed().claims, "aud": "https://graph.microsoft.com"}},
    ),
    "not moved": (
        "the changed annotation moved the credential to the other identity",
        changed(state=state(ONE, an_object(OTHER, **ALL_TRUE))),
    ),
    "a new pod gets the old identity": (
        "a pod that is made now gets the other identity's access token",
        changed(claims=followed().claims),
    ),
    "still trusted": (
        "without the grant no identity trusts the ServiceAccount",
        withdrawn(gone=state(OTHER, *GONE.objects)),
    ),
    "gone after one denial": (
        "it took two denials: between 60 and 300 s",
        withdrawn(seconds=59.0),
    ),
    "gone too late": ("it took two denials: between 60 and 300 s", withdrawn(seconds=301.0)),
    "the object says nothing": (
        "its object says so",
        withdrawn(gone=state("", an_object(OTHER, **ALL_TRUE))),
    ),
    "the token is let in": (
        "the pod's token is refused: the identity has no credential",
        withdrawn(refused=""),
    ),
    "not back": (
        "granted again, the credential is back",
        withdrawn(granted_again=GONE),
    ),
    "an object is left": (
        "with the ServiceAccount its object went",
        {"end": state("", an_object(OTHER))},
    ),
    "a credential is left": (
        "nothing is left in Entra ID but the controller's own credential",
        {"end": state(OTHER)},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    what, changes = FAULTS[name]
    assert failed(dataclasses.replace(copy.deepcopy(followed()), **changes)) == [what]


def test_a_state_is_ready_with_one_ready_object_of_the_identity() -> None:
    ready = an_object(ONE, **ALL_TRUE)
    assert state("", ready).ready(ONE)
    assert not state("", ready).ready(OTHER)
    assert not state("", ready, an_object(OTHER, **ALL_TRUE)).ready(ONE)
    assert not state("", an_object(ONE, Ready="False")).ready(ONE)
    assert not state("", an_object(ONE)).ready(ONE)
    assert not state().ready(ONE)


def test_a_state_says_in_few_words_what_people_wait_for() -> None:
    waiting = an_object(ONE)
    waiting["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": "NotGranted", "message": "no grant"}
    ]
    assert str(state()) == "no object"
    assert str(state("", waiting)) == "Ready=False NotGranted"
    assert str(state("", waiting, an_object(OTHER))) == "Ready=False NotGranted and 1 more"
    assert str(state("", an_object(ONE))) == "not looked at yet"
