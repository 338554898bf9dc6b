"""Statuses: what is told, since when, and when there is nothing new to tell."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.status.conditions import (
    AUTHORIZED,
    READY,
    SYNCED,
    VERIFIED,
    Condition,
    Told,
    ready,
    status_of,
)
from entra.errors import Denied, EntraError, Throttled, Trace, Unreachable
from entra.model import FederatedCredential, Identity, Kind, resource_id

GRANTED = Condition(AUTHORIZED, "True", "Granted", "the identity is granted to it")
REFUSED = Condition(AUTHORIZED, "False", "NotGranted", "ask an admin")
OPEN = Condition(AUTHORIZED, "Unknown", "CheckFailed", "it is asked again")
WRITTEN = Condition(SYNCED, "True", "Written", "in place")
FAILED = Condition(SYNCED, "False", "EntraThrottled", "too many requests")
PROVED = Condition(VERIFIED, "True", "Exchanged", "a token was exchanged")
UNPROVED = Condition(VERIFIED, "Unknown", "NotYet", "not tried yet")

TEN, ELEVEN = "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"
TENANT = "99999999-2222-3333-4444-555555555555"
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
PLACE = resource_id(
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/app"
)
IDENTITY = Identity(Kind.MANAGED_IDENTITY, CLIENT_ID, TENANT, "object-1", PLACE, "the app")
CREDENTIAL = FederatedCredential("azwi-app", "https://issuer", "sub", "aud", "secret notes", "id-1")
TOLD = Told(GRANTED, WRITTEN, credential=CREDENTIAL, identity=IDENTITY, slots_used=3)
THROTTLED = Throttled(
    "too many requests", trace=Trace("graph", 429, "TooManyRequests", "request-1")
)


def status(told: Told, before: Any = None, *, generation: int = 1, now: str = TEN) -> Any:
    return status_of(told, generation, before or {}, now)


def condition(of: Any, kind: str) -> Any:
    (found,) = [one for one in of["conditions"] if one["type"] == kind]
    return found


def test_a_status_says_all_there_is() -> None:
    assert status(replace(TOLD, adopted=True, verified=PROVED, probe={"at": TEN})) == {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "observedGeneration": 1,
                "lastTransitionTime": TEN,
            }
            for kind, reason, message in (
                ("Authorized", "Granted", GRANTED.message),
                ("Synced", "Written", WRITTEN.message),
                ("Verified", "Exchanged", PROVED.message),
                ("Ready", "Ready", "the credential is in place"),
            )
        ],
        "credential": {
            "name": "azwi-app",
            "id": "id-1",
            "issuer": "https://issuer",
            "subject": "sub",
            "audience": "aud",
        },
        "adopted": True,
        "identity": {
            "kind": "ManagedIdentity",
            "clientId": CLIENT_ID,
            "tenantId": TENANT,
            "resourceId": str(PLACE),
        },
        "slots": {"used": 3, "limit": 20},
        "lastProbe": {"at": TEN},
    }


def test_of_an_application_the_kind_is_said_and_no_resource_id() -> None:
    application = Identity(Kind.APPLICATION, CLIENT_ID, TENANT, "object-1")

    assert status(replace(TOLD, identity=application))["identity"] == {
        "kind": "Application",
        "clientId": CLIENT_ID,
        "tenantId": TENANT,
    }


def test_what_there_is_not_to_say_is_left_out() -> None:
    assert set(status(Told(REFUSED, FAILED))) == {"observedGeneration", "conditions"}


# Ready.


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([GRANTED, WRITTEN], ("True", "Ready")),
        ([GRANTED, WRITTEN, PROVED], ("True", "Ready")),
        ([REFUSED, FAILED], ("False", "NotGranted")),
        ([GRANTED, FAILED], ("False", "EntraThrottled")),
        ([OPEN, WRITTEN], ("Unknown", "CheckFailed")),
        ([GRANTED, WRITTEN, UNPROVED], ("Unknown", "NotYet")),
        ([GRANTED, FAILED, UNPROVED], ("False", "EntraThrottled")),
    ],
)
def test_ready_is_true_if_all_are_and_else_as_the_first_that_is_not(
    parts: list[Condition], expected: tuple[str, str]
) -> None:
    told = ready(parts)

    assert (told.type, told.status, told.reason) == (READY, *expected)
    assert told.message == next((p.message for p in parts if not p.holds), told.message)


def test_where_nothing_is_proved_verified_is_not_there_and_ready_needs_none() -> None:
    assert [one["type"] for one in status(TOLD)["conditions"]] == [AUTHORIZED, SYNCED, READY]


# Since when.


def test_a_condition_is_since_its_status_changed_whatever_its_reason() -> None:
    """As the conventions of the API have it."""
    first = status(Told(GRANTED, FAILED))
    other = Condition(SYNCED, "False", "EntraUnreachable", "no answer")

    second = status(Told(GRANTED, other), first, now=ELEVEN)

    assert condition(second, SYNCED)["lastTransitionTime"] == TEN
    assert condition(second, SYNCED)["reason"] == "EntraUnreachable"


def test_a_condition_that_changes_is_since_now_and_the_others_are_not() -> None:
    first = status(Told(GRANTED, FAILED))

    second = status(Told(GRANTED, WRITTEN), first, now=ELEVEN)

    assert condition(second, AUTHORIZED)["lastTransitionTime"] == TEN
    assert condition(second, SYNCED)["lastTransitionTime"] == ELEVEN
    assert condition(second, READY)["lastTransitionTime"] == ELEVEN


def test_a_condition_without_a_moment_is_since_now() -> None:
    first = status(TOLD)
    del condition(first, SYNCED)["lastTransitionTime"]

    second = status(TOLD, first, now=ELEVEN)

    assert condition(second, SYNCED)["lastTransitionTime"] == ELEVEN
    assert condition(second, AUTHORIZED)["lastTransitionTime"] == TEN


def test_conditions_speak_of_the_generation_that_was_looked_at() -> None:
    first = status(TOLD)

    second = status(TOLD, first, generation=2, now=ELEVEN)

    assert second["observedGeneration"] == 2
    assert {one["observedGeneration"] for one in second["conditions"]} == {2}
    assert {one["lastTransitionTime"] for one in second["conditions"]} == {TEN}


def test_a_message_is_of_bounded_length() -> None:
    long = replace(GRANTED, message="x" * 40_000)

    assert len(condition(status(Told(long, WRITTEN)), AUTHORIZED)["message"]) == 1024


# When there is nothing to write.


def test_the_same_said_later_is_not_written() -> None:
    assert status(TOLD, status(TOLD), now=ELEVEN) is None


def test_a_message_that_was_cut_is_the_same_said_later() -> None:
    long = Told(replace(REFUSED, message="x" * 40_000), FAILED)

    assert status(long, status(long), now=ELEVEN) is None


def test_slots_alone_are_no_reason_to_write() -> None:
    """Else all objects of an identity would be written for each other's sake."""
    assert status(replace(TOLD, slots_used=9), status(TOLD), now=ELEVEN) is None


def test_that_slots_are_known_at_all_is_a_reason() -> None:
    unknown = replace(TOLD, slots_used=None)

    assert status(TOLD, status(unknown))["slots"] == {"used": 3, "limit": 20}
    assert "slots" not in status(unknown, status(TOLD))


def test_with_another_reason_slots_are_written_as_they_are() -> None:
    changed = replace(TOLD, adopted=True, slots_used=9)

    assert status(changed, status(TOLD))["slots"]["used"] == 9


@pytest.mark.parametrize(
    "changed",
    [
        replace(TOLD, authorized=replace(GRANTED, message="in other words")),
        replace(TOLD, synced=replace(WRITTEN, reason="Adopted")),
        replace(TOLD, verified=PROVED),
        replace(TOLD, credential=replace(CREDENTIAL, audience="other")),
        replace(TOLD, credential=None),
        replace(TOLD, adopted=True),
        replace(TOLD, identity=replace(IDENTITY, tenant_id="other")),
        replace(TOLD, error=THROTTLED),
        replace(TOLD, probe={"succeeded": True}),
    ],
)
def test_whatever_else_differs_is_written(changed: Told) -> None:
    assert status(changed, status(TOLD), now=ELEVEN) is not None


def test_what_others_wrote_into_a_status_is_written_over() -> None:
    """Told, never believed: somebody who may write statuses gains nothing by it."""
    forged = {**status(TOLD), "note": "trust me", "credential": {"name": "another"}}

    assert status(TOLD, forged) == status(TOLD)


# Errors.


def test_an_error_is_told_with_its_code_and_request_id_and_since_when() -> None:
    assert status(replace(TOLD, error=THROTTLED))["lastError"] == {
        "message": "too many requests",
        "service": "graph",
        "code": "TooManyRequests",
        "requestId": "request-1",
        "at": TEN,
    }


def test_without_a_code_the_http_status_is_one() -> None:
    error = Throttled("too many requests", trace=Trace("arm", 429))

    assert status(replace(TOLD, error=error))["lastError"]["code"] == "429"


def test_the_same_trouble_with_another_request_is_nothing_new() -> None:
    first = status(replace(TOLD, error=THROTTLED))
    again = Throttled(THROTTLED.message, trace=replace(THROTTLED.trace, request_id="request-2"))

    assert status(replace(TOLD, error=again), first, now=ELEVEN) is None


def test_the_same_trouble_in_other_words_is_still_since_it_began() -> None:
    first = status(replace(TOLD, error=THROTTLED))
    again = Throttled("wait for 30 s", trace=replace(THROTTLED.trace, request_id="request-2"))

    assert status(replace(TOLD, error=again), first, now=ELEVEN)["lastError"] == {
        "message": "wait for 30 s",
        "service": "graph",
        "code": "TooManyRequests",
        "requestId": "request-2",
        "at": TEN,
    }


@pytest.mark.parametrize(
    "other",
    [
        Denied("you may not", trace=Trace("graph", 403, "Authorization_RequestDenied")),
        Throttled("too many requests", trace=Trace("arm", 429, "TooManyRequests")),
        Unreachable("connection refused"),
    ],
)
def test_another_trouble_is_since_now(other: EntraError) -> None:
    first = status(replace(TOLD, error=THROTTLED))

    told = status(replace(TOLD, error=other), first, now=ELEVEN)["lastError"]

    assert (told["message"], told["at"]) == (other.message, ELEVEN)


def test_of_troubles_without_a_code_the_words_tell_one_from_another() -> None:
    first = status(replace(TOLD, error=Unreachable("connection refused")))

    told = status(replace(TOLD, error=Unreachable("no answer in 10 s")), first, now=ELEVEN)

    assert told["lastError"] == {"message": "no answer in 10 s", "at": ELEVEN}
    same = status(replace(TOLD, error=Unreachable("connection refused")), first, now=ELEVEN)
    assert same is None


def test_an_error_that_is_over_is_not_told_any_more() -> None:
    first = status(replace(TOLD, error=THROTTLED))

    assert "lastError" not in status(TOLD, first)


# Who is not authorized learns nothing.


@pytest.mark.parametrize("authorized", [REFUSED, OPEN])
def test_nothing_of_an_identity_is_told_to_who_is_not_authorized(authorized: Condition) -> None:
    told = replace(TOLD, authorized=authorized, adopted=True, probe={"at": TEN})

    assert set(status(told)) == {"observedGeneration", "conditions"}


def test_what_was_told_of_an_identity_goes_with_the_grant() -> None:
    withdrawn = replace(TOLD, authorized=REFUSED)

    assert set(status(withdrawn, status(TOLD))) == {"observedGeneration", "conditions"}


# Together.

CONDITIONS = st.tuples(
    st.sampled_from([GRANTED, REFUSED, OPEN]),
    st.sampled_from([WRITTEN, FAILED]),
    st.sampled_from([None, PROVED, UNPROVED]),
)
TOLDS = st.builds(
    lambda parts, **rest: Told(*parts, **rest),
    CONDITIONS,
    credential=st.sampled_from([None, CREDENTIAL]),
    adopted=st.booleans(),
    identity=st.sampled_from([None, IDENTITY]),
    slots_used=st.sampled_from([None, 1, 2]),
    error=st.sampled_from([None, THROTTLED, Unreachable("refused"), Unreachable("too late")]),
    probe=st.sampled_from([None, {"succeeded": True}]),
)


@settings(deadline=None, print_blob=True)
@given(st.lists(st.tuples(TOLDS, st.integers(1, 3)), min_size=1, max_size=6))
def test_what_is_written_is_not_written_again(history: list[tuple[Told, int]]) -> None:
    before: Any = {}
    for hour, (told, generation) in enumerate(history):
        now = f"2026-01-01T{hour:02}:00:00Z"
        written = status_of(told, generation, before, now)
        before = before if written is None else written
        assert status_of(told, generation, before, "2027-01-01T00:00:00Z") is None
        moments = [one["lastTransitionTime"] for one in before["conditions"]]
        assert all(moment <= now for moment in moments)
