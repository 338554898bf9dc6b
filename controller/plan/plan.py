"""The plan for one identity."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.model import DeletionPolicy, Wish
from controller.plan.outcomes import (
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
from controller.plan.situation import Ruled, Situation, Standing
from controller.plan.steps import Cause, Create, Delete, Plan, Step, Update
from entra.model import FederatedCredential
from identity.credential_names import credential_name, description


def plan(situation: Situation) -> Plan:
    """Decide what is written and removed, and what each wish is told.

    The same situation has one plan, whatever order things happened in; done, it plans nothing.
    """
    return _Planning(situation).plan()


@dataclass(slots=True)
class _Planning:
    """One run, from the first rule to the last."""

    situation: Situation
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    creates: list[Create] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    """Names of credentials that stay."""
    crowded_out: dict[str, str] = field(default_factory=dict)
    """By name of the credential: whose it was."""
    by_pair: dict[tuple[str, str], FederatedCredential] = field(init=False)
    by_name: dict[str, FederatedCredential] = field(init=False)
    in_namespace: dict[str, list[str]] = field(default_factory=dict)
    """Who counts for each namespace."""

    def __post_init__(self) -> None:
        observed = self.situation.observed
        self.by_pair = {credential.pair: credential for credential in observed}
        self.by_name = {credential.name: credential for credential in observed}

    def plan(self) -> Plan:
        situation = self.situation
        live = sorted(
            (ruled for ruled in situation.ruled if not ruled.wish.deleting),
            key=lambda ruled: ruled.wish.seniority,
        )
        going = [ruled for ruled in situation.ruled if ruled.wish.deleting]
        holders = self._holders(live)
        waiting = [ruled for ruled in holders if not self._settled(ruled)]
        self._keep_what_needs_no_object(going, {ruled.wish.pair for ruled in holders})
        self._share_slots(waiting)
        self._bar(live)
        deletes = self._deletes(live, going)
        self._let_go(going)
        return Plan(
            self._in_order(deletes),
            self.outcomes,
            len(situation.observed) + len(self.creates) - len(deletes),
        )

    def _holders(self, live: list[Ruled]) -> list[Ruled]:
        """Return the one wish of each pair that holds it, oldest first; others are told by whom.

        What is granted goes before what is in doubt.
        """
        holder: dict[tuple[str, str], Ruled] = {}
        for standing in (Standing.GRANTED, Standing.DOUBTED):
            for ruled in live:
                if ruled.standing is standing:
                    first = holder.setdefault(ruled.wish.pair, ruled)
                    if first is not ruled:
                        self.outcomes[ruled.wish.uid] = HeldBy(first.wish.key)
        return sorted(holder.values(), key=lambda ruled: ruled.wish.seniority)

    def _settled(self, ruled: Ruled) -> bool:
        """Deal with holders that need no slot of their own; tell whether this is one."""
        wish, granted = ruled.wish, ruled.standing is Standing.GRANTED
        there = self.by_pair.get(wish.pair)
        if there is None:
            blocker = self.by_name.get(self._name(wish))
            if not granted:
                self.outcomes[wish.uid] = Waits()
            elif blocker is not None:
                self.kept.add(blocker.name)
                self.outcomes[wish.uid] = NameTaken(blocker)
            return not granted or blocker is not None
        if not self.situation.is_ours(there):
            self.outcomes[wish.uid] = (
                Holds(there, adopted=True) if there.audience == wish.audience else PairTaken(there)
            )
            return True
        if not granted:
            self._count(wish)
            self.kept.add(there.name)
            self.outcomes[wish.uid] = Holds(there)
        return not granted

    def _keep_what_needs_no_object(self, going: list[Ruled], held: set[tuple[str, str]]) -> None:
        situation = self.situation
        for name, namespace in situation.retained.items():
            if (there := self.by_name.get(name)) and there.pair not in held:
                self.kept.add(name)
                self.in_namespace.setdefault(namespace, []).append(f"the retained {name}")
        for ruled in going:
            there = self.by_pair.get(ruled.wish.pair)
            if there and self._retains(ruled) and there.pair not in held:
                self.kept.add(there.name)
                if there.name not in situation.retained:
                    self._count(ruled.wish)
        self.kept |= {
            credential.name
            for credential in situation.observed
            if situation.is_ageing(credential) or not situation.is_ours(credential)
        }
        if not situation.complete:
            known = {ruled.wish.pair for ruled in situation.ruled}
            self.kept |= {name for name, there in self.by_name.items() if there.pair not in known}

    def _share_slots(self, waiting: list[Ruled]) -> None:
        """Give what is left to the granted, oldest first, each namespace no more than its share."""
        situation = self.situation
        left = situation.slots - len(self.kept)
        for ruled in waiting:
            wish = ruled.wish
            there = self.by_pair.get(wish.pair)
            ours = self.in_namespace.get(wish.key.namespace, [])
            if len(ours) >= situation.per_namespace:
                no_slot = NoSlot(tuple(ours), of_namespace=True, limit=situation.per_namespace)
            elif left <= 0:
                no_slot = NoSlot(self._all_holders(), of_namespace=False, limit=situation.slots)
            else:
                left -= 1
                self._count(wish)
                self._take(wish, there)
                continue
            self.outcomes[wish.uid] = no_slot
            if there is not None:
                self.crowded_out[there.name] = wish.uid

    def _take(self, wish: Wish, there: FederatedCredential | None) -> None:
        wanted = self._wanted(wish, there)
        if there is None:
            self.creates.append(Create(wanted, wish.uid))
            self.outcomes[wish.uid] = Holds(wanted)
            return
        self.kept.add(there.name)
        same = there.says_the_same_as(wanted) and (
            not self.situation.described or there.description == wanted.description
        )
        if not same:
            self.updates.append(Update(wanted, wish.uid))
        self.outcomes[wish.uid] = Holds(there if same else wanted)

    def _bar(self, live: list[Ruled]) -> None:
        for ruled in live:
            if ruled.standing is not Standing.DENIED:
                continue
            there = self.by_pair.get(ruled.wish.pair)
            # Of a foreign issuer it would tell whom an identity trusts to somebody without a grant.
            stays = there and not ruled.wish.foreign and not self.situation.is_ours(there)
            self.outcomes[ruled.wish.uid] = Barred(there.name if there and stays else "")

    def _deletes(self, live: list[Ruled], going: list[Ruled]) -> list[Delete]:
        leaving = _uids_by_pair(going)
        denied = _uids_by_pair(ruled for ruled in live if ruled.standing is Standing.DENIED)
        claimed = {ruled.wish.pair for ruled in live if ruled.standing is not Standing.DENIED}
        asked_for = {
            ruled.wish.pair
            for ruled in going
            if ruled.wish.policy is DeletionPolicy.DELETE and ruled.standing is Standing.GRANTED
        }
        found: list[Delete] = []
        for credential in self.situation.observed:
            pair, name = credential.pair, credential.name
            if not self.situation.is_ours(credential):
                if pair in asked_for and pair not in claimed:
                    found.append(Delete(credential, Cause.DELETED, leaving[pair]))
            elif name in self.kept:
                continue
            elif owner := self.crowded_out.get(name):
                found.append(Delete(credential, Cause.CROWDED_OUT, (owner,)))
            elif pair in denied:
                wishes = denied[pair] + leaving.get(pair, ())
                found.append(Delete(credential, Cause.WITHDRAWN, wishes))
            elif pair in leaving:
                found.append(Delete(credential, Cause.DELETED, leaving[pair]))
            else:
                found.append(Delete(credential, Cause.LEFT_OVER))
        return found

    def _let_go(self, going: list[Ruled]) -> None:
        for ruled in going:
            there = self.by_pair.get(ruled.wish.pair)
            held = there is not None and any(
                isinstance(outcome, Holds) and outcome.credential.name == there.name
                for outcome in self.outcomes.values()
            )
            stays = there is not None and self._retains(ruled) and not held
            self.outcomes[ruled.wish.uid] = Leaves(there.name if there and stays else "")

    def _in_order(self, deletes: list[Delete]) -> tuple[Step, ...]:
        """Put new before old where slots allow: a workload that moves is let in all the while."""
        steps: list[Step] = list(self.updates)
        used = len(self.situation.observed)
        creates, remaining = list(self.creates), list(deletes)
        while creates or remaining:
            if creates and (used < self.situation.slots or not remaining):
                steps.append(creates.pop(0))
                used += 1
            else:
                steps.append(remaining.pop(0))
                used -= 1
        return tuple(steps)

    def _retains(self, ruled: Ruled) -> bool:
        """Tell whether the credential of an object that goes is to stay, and is ours to keep."""
        there = self.by_pair.get(ruled.wish.pair)
        return (
            ruled.wish.policy is DeletionPolicy.RETAIN
            and ruled.may_retain
            and ruled.standing is not Standing.DENIED
            and there is not None
            and self.situation.is_ours(there)
        )

    def _wanted(self, wish: Wish, there: FederatedCredential | None) -> FederatedCredential:
        return FederatedCredential(
            name=there.name if there else self._name(wish),
            issuer=wish.issuer,
            subject=wish.subject,
            audience=wish.audience,
            description=self._description(wish) if self.situation.described else "",
            id=there.id if there else "",
        )

    def _name(self, wish: Wish) -> str:
        key = wish.key
        return credential_name(
            self.situation.cluster.issuer, key.namespace, key.name, wish.issuer, wish.subject
        )

    def _description(self, wish: Wish) -> str:
        return description(self.situation.cluster.issuer, wish.key.namespace, wish.key.name)

    def _count(self, wish: Wish) -> None:
        self.in_namespace.setdefault(wish.key.namespace, []).append(str(wish.key))

    def _all_holders(self) -> tuple[str, ...]:
        objects = [holder for holders in self.in_namespace.values() for holder in holders]
        others = sorted(
            credential.name
            for credential in self.situation.observed
            if not self.situation.is_ours(credential)
        )
        return (*sorted(objects), *others)


def _uids_by_pair(ruled: Iterable[Ruled]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in ruled:
        found[one.wish.pair] = (*found.get(one.wish.pair, ()), one.wish.uid)
    return found
