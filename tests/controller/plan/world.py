"""A cluster and one identity, and what people do to them; reconciled step by step, or crashing.

Events are small tuples, so that an example that fails can be read, and tried by hand.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from controller.model import DeletionPolicy, Wish
from controller.plan import (
    Cause,
    Create,
    Delete,
    Holds,
    Leaves,
    Plan,
    Ruled,
    Situation,
    Standing,
    Update,
    plan,
)
from entra.model import SLOTS, FederatedCredential
from tests.controller.plan.entra_double import EntraDouble
from tests.controller.plan.stage import AUDIENCE, CLUSTER, strangers, theirs, wish

NAMESPACES = ("shop", "bank", "lab")
ACCOUNTS = ("a", "b", "c", "d")
FOREIGN_SUBJECTS = ("", "", "repo-1", "repo-2")
AUDIENCES = (AUDIENCE, "api://other")
PER_NAMESPACE = 2
SLOTS_LEFT = 6
"""The rest is taken by strangers, so that identities fill up soon."""

Event = tuple[Any, ...]
_index = st.integers(0, 7)
Question = tuple[str, str]
"""Namespace and account: what is asked of RBAC; every object of both is answered the same."""


def events(*, retaining: bool) -> st.SearchStrategy[list[Event]]:
    """Return what may happen, in any order; `retaining`: objects say what becomes of theirs."""
    policies = st.sampled_from([None, *DeletionPolicy] if retaining else [None])
    add = st.tuples(
        st.just("add"),
        st.sampled_from(NAMESPACES),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(FOREIGN_SUBJECTS),
        st.sampled_from(AUDIENCES),
        policies,
    )
    ruling = st.tuples(
        st.just("rule"),
        st.sampled_from(NAMESPACES),
        st.sampled_from(["", *ACCOUNTS]),
        st.sampled_from(Standing),
    )
    others = st.tuples(
        st.sampled_from(["stranger", "unstrange"]),
        _index,
        st.sampled_from(AUDIENCES),
    )
    return st.lists(
        st.one_of(
            add,
            add,
            ruling,
            ruling,
            st.tuples(st.just("delete"), _index),
            st.tuples(st.just("audience"), _index, st.sampled_from(AUDIENCES)),
            others,
            st.tuples(st.just("drift"), _index),
            st.tuples(st.just("step")),
            st.tuples(st.just("settle")),
        ),
        max_size=40,
    )


def _partly_taken() -> EntraDouble:
    return EntraDouble({one.name: one for one in strangers(SLOTS - SLOTS_LEFT)})


@dataclass
class World:
    """Objects, rulings and the identity."""

    described: bool = False
    objects: dict[str, Wish] = field(default_factory=dict)
    rulings: dict[Question, Standing] = field(default_factory=dict)
    may_retain: bool = False
    retained: dict[str, str] = field(default_factory=dict)
    entra: EntraDouble = field(default_factory=_partly_taken)
    made: int = 0

    def happen(self, event: Event) -> None:
        kind, *rest = event
        getattr(self, f"_{kind}")(*rest)

    # What people do.

    def _add(self, namespace: str, account: str, foreign: str, audience: str, policy: Any) -> None:
        self.made += 1
        made = wish(
            account,
            namespace=namespace,
            foreign=foreign,
            name=f"object-{self.made}",
            age=2000 - self.made,
            audience=audience,
            policy=policy,
        )
        self.objects[made.uid] = made

    def _rule(self, namespace: str, account: str, standing: Standing) -> None:
        self.rulings[namespace, account] = standing

    def _delete(self, index: int) -> None:
        if one := self._chosen(index):
            self.objects[one.uid] = replace(one, deleting=True)

    def _audience(self, index: int, audience: str) -> None:
        if (one := self._chosen(index)) and not one.deleting:
            self.objects[one.uid] = replace(one, audience=audience)

    def _stranger(self, index: int, audience: str) -> None:
        """Somebody else writes a credential for what an object wants."""
        one = self._chosen(index)
        full = len(self.entra.there) >= SLOTS
        if one and not full and self.entra.is_free(one.pair):
            self.made += 1
            self.entra.create(theirs(one, f"by-hand-{self.made}", audience=audience, id=""))

    def _unstrange(self, index: int, _audience: str) -> None:
        by_hand = [name for name in self.entra.there if name.startswith("by-hand-")]
        if by_hand:
            del self.entra.there[by_hand[index % len(by_hand)]]

    def _drift(self, index: int) -> None:
        """Somebody removes a credential of ours."""
        ours = [one.name for one in self.entra.observed if self.situation().is_ours(one)]
        if ours:
            del self.entra.there[ours[index % len(ours)]]

    # What the controller does.

    def _step(self) -> None:
        """Plan, take one step, and crash."""
        planned = self.planned()
        if planned.steps:
            self.entra.take(planned.steps[0])
        else:
            self._tell(planned)

    def _settle(self) -> None:
        """Do all that is to be done; it comes to an end, and then nothing is planned."""
        planned = self.planned()
        for step in planned.steps:
            self.entra.take(step)
        self._tell(planned)
        again = self.planned()
        assert again.steps == (), "planning after everything is done plans something"
        assert len(self.entra.there) == planned.used == again.used
        self._agrees(planned, again)

    def settle(self) -> None:
        """See above."""
        self._settle()

    def decide(self, standing: Standing) -> None:
        """Have whatever is in doubt answered."""
        for question in [(one.key.namespace, one.account) for one in self.objects.values()]:
            if self.rulings.get(question) is Standing.DOUBTED:
                self.rulings[question] = standing

    def planned(self) -> Plan:
        situation = self.situation()
        planned = plan(situation)
        check(situation, planned)
        return planned

    def situation(self) -> Situation:
        return Situation(
            cluster=CLUSTER,
            ruled=tuple(map(self._ruled, self.objects.values())),
            observed=self.entra.observed,
            described=self.described,
            retained=dict(self.retained),
            per_namespace=PER_NAMESPACE,
        )

    def afresh(self) -> "World":
        """Return the same cluster, with nothing of ours written yet."""
        situation = self.situation()
        kept = {
            one.name: one
            for one in self.entra.observed
            if not situation.is_ours(one) or one.name in self.retained
        }
        return replace(self, objects=dict(self.objects), entra=EntraDouble(kept))

    def of_ours(self) -> set[tuple[str, str, str, str]]:
        """Return what our credentials say; their names depend on which object came first."""
        situation = self.situation()
        return {
            (one.issuer, one.subject, one.audience, one.description)
            for one in self.entra.observed
            if situation.is_ours(one)
        }

    def _ruled(self, one: Wish) -> Ruled:
        standing = self.rulings.get((one.key.namespace, one.account), Standing.DENIED)
        return Ruled(one, standing, self.may_retain)

    def _tell(self, planned: Plan) -> None:
        """Let objects go, and remember what stays without one."""
        for uid, outcome in planned.outcomes.items():
            if isinstance(outcome, Leaves):
                if outcome.retained:
                    self.retained[outcome.retained] = self.objects[uid].key.namespace
                del self.objects[uid]
            elif isinstance(outcome, Holds):
                self.retained.pop(outcome.credential.name, None)
        self.retained = {
            name: namespace for name, namespace in self.retained.items() if name in self.entra.there
        }

    def _agrees(self, planned: Plan, again: Plan) -> None:
        """What was told when it was planned is still so."""
        for uid, outcome in again.outcomes.items():
            before = planned.outcomes[uid]
            if isinstance(before, Holds) and isinstance(outcome, Holds):
                assert replace(before.credential, id="") == replace(outcome.credential, id="")
            else:
                assert before == outcome

    def _chosen(self, index: int) -> Wish | None:
        those = list(self.objects.values())
        return those[index % len(those)] if those else None


def check(situation: Situation, planned: Plan) -> None:
    """Check what is true of every plan."""
    ruled = {one.wish.uid: one for one in situation.ruled}
    assert set(planned.outcomes) == set(ruled), "somebody is told nothing"
    _check_steps(situation, planned, ruled)
    _check_doubted(situation, planned)
    _check_shares(situation, planned)


def _check_steps(situation: Situation, planned: Plan, ruled: dict[str, Ruled]) -> None:
    walked = EntraDouble({one.name: one for one in situation.observed})
    for step in planned.steps:
        walked.take(step)
        match step:
            case Create(credential, uid) | Update(credential, uid):
                assert ruled[uid].standing is Standing.GRANTED, "written without a grant"
                assert not ruled[uid].wish.deleting
                assert credential.pair == ruled[uid].wish.pair
                assert situation.is_ours(credential), "written over somebody else's"
            case Delete(credential, cause, uids):
                if not situation.is_ours(credential):
                    _check_removal_of_adopted(credential, cause, [ruled[uid] for uid in uids])


def _check_removal_of_adopted(
    credential: FederatedCredential, cause: Cause, for_whom: list[Ruled]
) -> None:
    assert cause is Cause.DELETED
    assert any(
        one.wish.deleting
        and one.wish.policy is DeletionPolicy.DELETE
        and one.standing is Standing.GRANTED
        and (*one.wish.pair, one.wish.audience) == (*credential.pair, credential.audience)
        for one in for_whom
    ), "somebody else's is removed"


def _check_doubted(situation: Situation, planned: Plan) -> None:
    """Nothing that one in doubt has goes, or changes for it, unless an older one has it."""
    after = EntraDouble({one.name: one for one in situation.observed})
    for step in planned.steps:
        after.take(step)
    before = {one.pair: one for one in situation.observed}
    now = {one.pair: one for one in after.observed}
    for one in situation.ruled:
        if one.standing is not Standing.DOUBTED or one.wish.deleting:
            continue
        stands = before.get(one.wish.pair)
        if stands is None or stands.audience != one.wish.audience:
            continue
        if not any(_is_before(other, one) for other in situation.ruled):
            assert now[one.wish.pair].audience == stands.audience, "one in doubt lost something"


def _is_before(other: Ruled, one: Ruled) -> bool:
    return (
        other.standing is Standing.GRANTED
        and not other.wish.deleting
        and other.wish.pair == one.wish.pair
        and other.wish.seniority < one.wish.seniority
    )


def _check_shares(situation: Situation, planned: Plan) -> None:
    """No namespace is given more than its share; it may have more, of what is in doubt."""
    written = {step.wish for step in planned.steps if isinstance(step, Create)}
    granted = [one.wish for one in situation.ruled if one.standing is Standing.GRANTED]
    for namespace in _namespaces_of(granted, written):
        held = [
            one
            for one in granted
            if one.key.namespace == namespace and _holds_ours(situation, planned, one)
        ]
        assert len(held) <= situation.per_namespace


def _namespaces_of(wishes: Iterable[Wish], uids: set[str]) -> list[str]:
    return list(Counter(one.key.namespace for one in wishes if one.uid in uids))


def _holds_ours(situation: Situation, planned: Plan, one: Wish) -> bool:
    outcome = planned.outcomes[one.uid]
    return isinstance(outcome, Holds) and situation.is_ours(outcome.credential)
