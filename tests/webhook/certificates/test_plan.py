"""The state machine, a row for each thing that can be the case."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.webhook.certificates.keys import DAY, NAME, YEAR
from webhook.certificates.contexts import blank_context
from webhook.certificates.inspection import Authority, Serving
from webhook.certificates.issuer import KeyPair
from webhook.certificates.plan import (
    Announce,
    Begin,
    Keep,
    Note,
    Observed,
    Publish,
    Renew,
    Rest,
    Retire,
    Switch,
    due,
    plan,
)
from webhook.certificates.secret import Contents, Notes, Report
from webhook.config.settings import CertificateConfig

NOW = 1_800_000_000.0
CONFIG = CertificateConfig(directory=Path("/certs"))
CONTEXT = blank_context("1.3")
PAIR = KeyPair(b"", b"")


def ca(name: str, *, made: float = NOW - YEAR, ends: float = NOW + 9 * YEAR) -> Authority:
    return Authority(name, name, made, ends, frozenset({"azure-workload-identity-ca"}))


def leaf(
    by: Authority,
    *,
    made: float = NOW - 30 * DAY,
    ends: float = NOW + 300 * DAY,
    names: tuple[str, ...] = (NAME,),
) -> Serving:
    return Serving("leaf", made, ends, frozenset(names), by, CONTEXT)


A, B, C = ca("a"), ca("b"), ca("c")
OLD_A = ca("a", made=NOW - 9.9 * YEAR, ends=NOW + 92 * DAY)
DEAD = ca("dead", made=NOW - 11 * YEAR, ends=NOW - YEAR)


def says(authority: Authority, at: float = NOW - 60) -> Report:
    return Report(authority.fingerprint, at)


def bundle(*members: Authority) -> bytes:
    return "".join(member.pem for member in members).encode()


def state(
    members: tuple[Authority, ...] = (A,),
    *,
    serving: Serving | None = None,
    settled: frozenset[str] | None = frozenset({"a"}),
    reports: dict[str, Report] | None = None,
    requests: frozenset[str] = frozenset(),
    **seen: Any,
) -> Observed:
    """Everything is as it should be and settled, but for what is said otherwise."""
    contents = Contents(
        bundle=members,
        bundle_pem=bundle(*members),
        signer=seen.pop("signer", PAIR),
        serving=serving or leaf(members[0]),
        upcoming=seen.pop("upcoming", None),
        upcoming_pair=PAIR,
        notes=Notes(settled, {"me": says(members[0])} if reports is None else reports, requests),
    )
    default = Observed(
        contents=contents,
        replica="me",
        mine=members[0],
        published=bundle(*members),
        trusted=members,
        trusted_for={member.fingerprint: 1e6 for member in members},
        signing_for=1e6,
        silent_for={},
        skew=0.5,
    )
    return replace(default, **seen)


def nothing(**seen: Any) -> Observed:
    return replace(Observed(Contents(), "me", skew=0.5), **seen)


def without_serving(observed: Observed) -> Observed:
    return replace(observed, contents=replace(observed.contents, serving=None))


BOTH = frozenset({"a", "b"})
ROWS = {
    "all is well": (state(), Rest(600.0)),
    "nothing is there": (nothing(), Begin()),
    "nothing is there, and somebody trusts another CA": (
        nothing(published=bundle(B), trusted=(B,)),
        Begin(keep=(B,)),
    ),
    "the Secret is lost, and this replica still serves": (
        nothing(mine=A, published=bundle(A), trusted=(A,)),
        Begin(keep=(A,)),
    ),
    "CAs that have run out are not kept": (nothing(trusted=(DEAD,)), Begin()),
    "CAs that only our own clock calls dead are kept": (
        nothing(trusted=(DEAD,), skew=None),
        Begin(keep=(DEAD,)),
    ),
    "of too many CAs those are kept that are in use": (
        nothing(
            contents=Contents(notes=Notes(reports={"you": Report("9", 0.0)})),
            trusted=tuple(ca(str(number)) for number in range(10)),
            skew=None,
        ),
        Begin(keep=tuple(ca(str(number)) for number in (9, *range(7)))),
    ),
    "our clock is wrong, and nothing is there": (nothing(skew=301.0), Rest(60.0)),
    "our clock is wrong, and everything looks dead": (
        state((DEAD,), serving=leaf(DEAD, ends=NOW - YEAR), skew=-301.0),
        Rest(60.0),
    ),
    "our clock is nearly wrong": (nothing(skew=-300.0), Begin()),
    "no serving certificate, a good CA": (without_serving(state()), Renew(urgent=True)),
    "no serving certificate, a CA that can't sign": (
        without_serving(state(signer=None)),
        Begin(keep=(A,)),
    ),
    "the serving certificate has run out": (
        state(serving=leaf(A, ends=NOW - 1)),
        Renew(urgent=True),
    ),
    "the serving certificate is of next year": (
        state(serving=leaf(A, made=NOW + YEAR, ends=NOW + 2 * YEAR)),
        Renew(urgent=True),
    ),
    "the CA has run out, and with it everything": (
        state((DEAD,), serving=leaf(DEAD, ends=NOW - YEAR), mine=None),
        Begin(),
    ),
    "the CA runs out in two minutes and nothing can be served": (
        without_serving(state((ca("a", ends=NOW + 120),))),
        Begin(keep=(ca("a", ends=NOW + 120),)),
    ),
    "the serving certificate is due": (
        state(serving=leaf(A, made=NOW - 273 * DAY, ends=NOW + 92 * DAY)),
        Renew(urgent=False),
    ),
    "the serving certificate is not due yet": (
        state(serving=leaf(A, made=NOW - 271 * DAY, ends=NOW + 94 * DAY)),
        Rest(600.0),
    ),
    "the serving certificate lacks a name": (
        state(serving=leaf(A, names=("other",))),
        Renew(urgent=False),
    ),
    "somebody asks for a new serving certificate": (
        state(requests=frozenset({"serving"})),
        Renew(urgent=False),
    ),
    "the CA is due": (state((OLD_A,)), Announce()),
    "somebody asks for a new CA": (state(requests=frozenset({"ca"})), Announce()),
    "the CA's key is not in the original's form": (state(signer=None), Announce()),
    "the next CA is announced, caBundle not yet written": (
        state((OLD_A, B), upcoming=B, published=bundle(OLD_A)),
        Publish(),
    ),
    "the next CA stands in caBundle for a second": (
        state((OLD_A, B), upcoming=B, trusted_for={"a": 1e6, "b": 1.0}),
        Rest(59.0),
    ),
    "the next CA stands in caBundle long enough": (
        state((OLD_A, B), upcoming=B, trusted_for={"a": 1e6, "b": 60.0}),
        Switch(),
    ),
    "the next CA was taken out of caBundle by somebody": (
        state((OLD_A, B), upcoming=B, published=bundle(OLD_A), trusted_for={"a": 1e6}),
        Publish(),
    ),
    "there is no configuration: the next CA waits": (
        state((OLD_A, B), upcoming=B, published=None, trusted=(), trusted_for={}),
        Rest(60.0),
    ),
    "switched, and this replica serves the new one, but not for long": (
        state((B, A), settled=BOTH, reports={"me": says(B)}, signing_for=100.0),
        Rest(80.0),
    ),
    "switched, and everybody serves the new one": (
        state((B, A), settled=BOTH, reports={"me": says(B), "you": says(B)}),
        Retire(("a",)),
    ),
    "another replica still serves the old one": (
        state((B, A), settled=BOTH, reports={"me": says(B), "you": says(A)}),
        Rest(600.0),
    ),
    "this replica still serves the old one": (
        state((B, A), settled=BOTH, mine=A, reports={"me": says(A)}),
        Rest(600.0),
    ),
    "switched, and this replica will serve the new one when it has seen it long enough": (
        state(
            (B, A),
            settled=BOTH,
            mine=A,
            reports={"me": says(A)},
            trusted_for={"a": 1e6, "b": 10.0},
        ),
        Rest(50.0),
    ),
    "the other replica was silent for an hour": (
        state(
            (B, A),
            settled=BOTH,
            reports={"me": says(B), "you": says(A)},
            silent_for={"you": 3601.0},
        ),
        Retire(("a",)),
    ),
    "the other replica's word is three days old": (
        state((B, A), settled=BOTH, reports={"me": says(B), "you": says(A, NOW - 3.1 * DAY)}),
        Retire(("a",)),
    ),
    "the old CA stays as long as the new one is not in caBundle": (
        state(
            (B, A),
            settled=BOTH,
            reports={"me": says(B)},
            published=None,
            trusted=(),
            trusted_for={},
        ),
        Rest(600.0),
    ),
    "an old CA that has run out goes at once": (
        state((A, DEAD), signing_for=0.0),
        Retire(("dead",)),
    ),
    "the original replaced the CA in one step": (
        state((B,), mine=A, reports={"me": says(A)}),
        Keep(A),
    ),
    "caBundle was emptied": (state(published=b"", trusted=(), trusted_for={}), Publish()),
    "caBundle was replaced": (state(published=b"x", trusted=(), trusted_for={}), Publish()),
    "there is no configuration": (state(published=None, trusted=(), trusted_for={}), Rest(600.0)),
    "one that only our own clock calls dead goes when nobody uses it": (
        state((A, DEAD), skew=None),
        Retire(("dead",)),
    ),
    "and not before": (
        state((A, DEAD), skew=None, reports={"me": says(A), "you": says(DEAD, NOW - YEAR)}),
        Rest(600.0),
    ),
    "a word of next year is no word": (
        state((B, A), settled=BOTH, reports={"me": says(B), "you": says(A, NOW + YEAR)}),
        Retire(("a",)),
    ),
    "this replica has not said what it serves": (state(reports={}), Note()),
    "this replica said something else": (state(reports={"me": says(B)}), Note()),
    "what this replica said is a day old": (state(reports={"me": says(A, NOW - DAY)}), Note()),
    "behind the Secret, it says so more often": (
        state((B, A), settled=BOTH, mine=A, reports={"me": says(A, NOW - 901)}),
        Note(),
    ),
    "the original's Secret, seen long enough": (state(settled=None), Note(settled=("a",))),
    "the original's Secret, just seen": (
        state(settled=None, trusted_for={"a": 10.0}),
        Rest(50.0),
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_planned_when(row: str) -> None:
    seen, action = ROWS[row]
    assert plan(seen, NOW, CONFIG) == action


def test_a_certificate_is_never_due_before_half_its_life_is_over() -> None:
    assert not due(NOW, NOW + 100, NOW + 49, lookahead=1e9)
    assert due(NOW, NOW + 100, NOW + 51, lookahead=1e9)


def test_due_a_little_before_the_original_finds_it_due() -> None:
    year = NOW + 365 * DAY
    assert due(NOW, year, year - 92 * DAY, lookahead=90 * DAY)
    assert not due(NOW, year, year - 94 * DAY, lookahead=90 * DAY)
