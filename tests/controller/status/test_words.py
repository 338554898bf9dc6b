"""Outcomes and errors as reasons that stay, and words that say what to do."""

import importlib
import pkgutil
import re
from typing import get_args

import pytest

import entra
from controller.model import Key
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
from controller.status.errors import REASONS, condition_from
from controller.status.words import still_effective, synced
from entra.errors import EntraError, LimitReached, NotFound, Throttled, Trace
from entra.model import FederatedCredential

THERE = FederatedCredential("by-hand", "https://issuer.example", "sub", "api://other")
REASON = re.compile(r"[A-Z][A-Za-z]+")

OUTCOMES: list[tuple[Outcome, bool, str, tuple[str, ...]]] = [
    (Holds(THERE), True, "Written", ("by-hand",)),
    (Holds(THERE, adopted=True), True, "Adopted", ("by-hand", "deletionPolicy is Delete")),
    (HeldBy(Key("shop", "older")), False, "HeldBy", ("shop/older",)),
    (
        NoSlot(("shop/a", "shop/b"), of_namespace=True, limit=2),
        False,
        "NoSlot",
        ("all 2 slots", "one namespace", "shop/a, shop/b", "remove one"),
    ),
    (
        NoSlot(("shop/a", "by-hand"), of_namespace=False, limit=20),
        False,
        "NoSlot",
        ("all 20 slots", "shop/a, by-hand", "another identity"),
    ),
    (NameTaken(THERE), False, "NameTaken", ("by-hand", "subject sub", "remove it in Entra ID")),
    (PairTaken(THERE), False, "PairTaken", ("by-hand", "api://other")),
    (Waits(), False, "Waiting", ("certain",)),
    (Barred(), False, "NotAuthorized", ("grant",)),
    (Leaves(), False, "Removing", ("deleted",)),
]


@pytest.mark.parametrize(("outcome", "holds", "reason", "words"), OUTCOMES)
def test_an_outcome_is_told(
    outcome: Outcome, holds: bool, reason: str, words: tuple[str, ...]
) -> None:
    told = synced(outcome)

    assert (told.type, told.holds, told.reason) == ("Synced", holds, reason)
    assert all(word in told.message for word in words)


def test_every_outcome_is_in_the_table_above() -> None:
    assert {type(outcome) for outcome, *_ in OUTCOMES} == set(get_args(Outcome))


def test_of_a_namespaces_share_it_is_said_that_it_is_the_namespaces() -> None:
    of_identity = synced(NoSlot(("x",), of_namespace=False, limit=20)).message

    assert "namespace" not in of_identity


def test_a_credential_that_still_lets_in_is_named() -> None:
    told = still_effective("by-hand")

    assert (told.type, told.status, told.reason) == ("Authorized", "False", "StillEffective")
    assert "by-hand" in told.message
    assert "remove it in Entra ID" in told.message


# Errors.


def all_errors() -> list[type[EntraError]]:
    """Return the whole tree, with what any module of `entra` adds to it."""
    for module in pkgutil.walk_packages(entra.__path__, "entra."):
        importlib.import_module(module.name)
    found: list[type[EntraError]] = [EntraError]
    for kind in found:
        found.extend(sub for sub in kind.__subclasses__() if sub.__module__.startswith("entra"))
    return found


def test_every_error_of_entra_has_a_reason_of_its_own_class() -> None:
    """A new one has to be thought of; its ancestor's reason is only for the time until then."""
    assert set(REASONS) == set(all_errors())


def test_reasons_are_words_that_a_condition_takes() -> None:
    assert all(REASON.fullmatch(reason) for reason in REASONS.values())


@pytest.mark.parametrize("kind", list(REASONS))
def test_an_error_is_told_with_its_reason_and_what_to_do(kind: type[EntraError]) -> None:
    error = kind("what happened", trace=Trace("graph", 400, "Code", "request-1"))

    told = condition_from(error)

    assert (told.type, told.status, told.reason) == ("Synced", "False", REASONS[kind])
    assert told.message.startswith("what happened")
    assert error.advice in told.message


def test_an_error_that_is_not_known_here_has_the_reason_of_the_nearest_that_is() -> None:
    class Busy(Throttled):
        pass

    assert condition_from(Busy("busy")).reason == "EntraThrottled"


def test_no_request_id_is_in_a_condition_since_it_differs_each_time() -> None:
    trace = Trace("graph", 429, "TooManyRequests", "request-1", "correlation-1")

    message = condition_from(Throttled("too many", trace=trace)).message

    assert "request-1" not in message
    assert "correlation-1" not in message


def test_an_advice_is_not_said_twice() -> None:
    error = NotFound(f"no such identity; {NotFound.advice}")

    assert condition_from(error).message.count(NotFound.advice) == 1


def test_a_limit_that_entra_states_is_the_same_reason_as_one_that_was_planned_for() -> None:
    planned = synced(NoSlot((), of_namespace=False, limit=20))

    assert condition_from(LimitReached("full")).reason == planned.reason
