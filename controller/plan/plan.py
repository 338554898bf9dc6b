"""The plan for one identity."""

from dataclasses import dataclass, field

from controller.model import DeletionPolicy, Wish
from controller.plan.claims import Claims, Pair, claims_of
from controller.plan.outcomes import (
    Barred,
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
from identity.credential_names import description


def plan(situation: Situation) -> Plan:
    """Decide what is written and removed, and what each wish is told.

    The same situation has one plan, whatever order things happened in; done, it plans nothing.
    """
    return _Planning(situation).plan()


@dataclass(slots=True)
class _Planning:
    """One run, from the first rule to the last."""

    situation: Situation
    claims: Claims = field(init=False)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    creates: list[Create] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    """Names of credentials that stay."""
    crowded_out: dict[str, str] = field(default_factory=dict)
    """By name of the credential: whose it was."""
    by_pair: dict[Pair, FederatedCredential] = field(init=False)
    by_name: dict[str, FederatedCredential] = field(init=False)
    """By name in lower case: Azure Resource Manager compares names without case."""
    in_namespace: dict[str, list[str]] = field(default_factory=dict)
    """Who counts for each namespace."""

    def __post_init__(self) -> None:
        observed = self.situation.observed
        self.by_pair = {credential.pair: credential for credential in observed}
        self.by_name = {credential.name.lower(): credential for credential in observed}
        self.claims = claims_of(self.situation, self.by_pair)

    def plan(self) -> Plan:
        ruled = sorted(self.situation.ruled, key=lambda ruled: ruled.wish.seniority)
        going = [ruled for ruled in ruled if ruled.wish.deleting]
        self.outcomes.update(self.claims.behind)
        waiting = [ruled for ruled in self.claims.holders.values() if not self._settled(ruled)]
        self._keep_what_needs_no_object(going)
        self._share_slots(waiting)
        self._bar([ruled for ruled in ruled if not ruled.wish.deleting])
        deletes = self._deletes(going)
        self._let_go(going)
        return Plan(
            self._in_order(deletes),
            self.outcomes,
            len(self.situation.observed) + len(self.creates) - len(deletes),
        )

    def _settled(self, ruled: Ruled) -> bool:
        """Deal with holders that need no slot of their own; tell whether this is one."""
        wish, granted = ruled.wish, ruled.standing is Standing.GRANTED
        there = self.by_pair.get(wish.pair)
        if there is None:
            return self._settled_by_name(wish, granted=granted)
        if not self.situation.is_ours(there):
            same = there.audience == wish.audience
            self.outcomes[wish.uid] = Holds(there, adopted=True) if same else PairTaken(there)
            return True
        if granted and wish.pair not in self.claims.sheltered:
            return False
        self._count(self.claims.sheltered.get(wish.pair, wish))
        if granted:
            self._take(wish, there)
        else:
            self.kept.add(there.name)
            self.outcomes[wish.uid] = Holds(there)
        return True

    def _settled_by_name(self, wish: Wish, *, granted: bool) -> bool:
        """Leave what stands under the name that the credential would have."""
        blocker = self.by_name.get(self.situation.name_for(wish))
        if blocker is not None:
            self.kept.add(blocker.name)
        if not granted:
            self.outcomes[wish.uid] = Waits()
        elif blocker is not None:
            self.outcomes[wish.uid] = NameTaken(blocker)
        return not granted or blocker is not None

    def _keep_what_needs_no_object(self, going: list[Ruled]) -> None:
        situation, held = self.situation, self.claims.holders
        for name, namespace in sorted(situation.retained.items()):
            if (there := self.by_name.get(name)) and there.pair not in held:
                self.kept.add(there.name)
                self.in_namespace.setdefault(namespace, []).append(f"the retained {name}")
        for ruled in going:
            there = self.by_pair.get(ruled.wish.pair)
            if there and self._retains(ruled) and there.pair not in held:
                if there.name not in self.kept:
                    self._count(ruled.wish)
                self.kept.add(there.name)
        self.kept |= {
            credential.name
            for credential in situation.observed
            if self._stays_by_itself(credential)
        }

    def _stays_by_itself(self, credential: FederatedCredential) -> bool:
        """Tell whether one stays that no object holds, at least for now."""
        if not self.situation.is_ours(credential):
            return True
        if credential.pair in self.claims.holders:
            return False
        # Of the issuer before: as long as tokens of it live, and what it was written for may.
        for_its_tokens = self.claims.pair_of(credential) in self.claims.holders
        if self.situation.is_ageing(credential) and for_its_tokens:
            return True
        cause, _ = self.claims.removal(credential)
        return cause is Cause.LEFT_OVER and not self.situation.complete

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
            wish = ruled.wish
            if ruled.standing is not Standing.DENIED:
                # In doubt, and a denial of the same account is certain.
                self.outcomes.setdefault(wish.uid, Waits())
                continue
            there = self.by_pair.get(wish.pair)
            # Of a foreign issuer it would tell whom an identity trusts to somebody without a grant.
            stays = there and not wish.foreign and not self.situation.is_ours(there)
            self.outcomes[wish.uid] = Barred(there.name if there and stays else "")

    def _deletes(self, going: list[Ruled]) -> list[Delete]:
        adopted = {
            there.name: there
            for ruled in going
            if ruled.standing is Standing.GRANTED and (there := self._adopted_to_remove(ruled))
        }
        found: list[Delete] = []
        for credential in sorted(self.situation.observed, key=lambda there: there.name):
            cause, wishes = self.claims.removal(credential)
            uids = tuple(wish.uid for wish in wishes)
            if credential.name in adopted:
                found.append(Delete(credential, Cause.DELETED, uids))
            elif credential.name in self.kept:
                continue
            elif owner := self.crowded_out.get(credential.name):
                found.append(Delete(credential, Cause.CROWDED_OUT, (owner,)))
            else:
                found.append(Delete(credential, cause, uids))
        return found

    def _adopted_to_remove(self, ruled: Ruled) -> FederatedCredential | None:
        """Return what an object that goes had adopted, if it says that it goes too."""
        wish = ruled.wish
        there = self.by_pair.get(wish.pair)
        asked = wish.policy is DeletionPolicy.DELETE and wish.pair not in self.claims.holders
        if not asked or there is None or self.situation.is_ours(there):
            return None
        return there if there.audience == wish.audience else None

    def _let_go(self, going: list[Ruled]) -> None:
        for ruled in going:
            wish = ruled.wish
            undecided = ruled.standing is Standing.DOUBTED and not wish.faults
            if undecided and self._adopted_to_remove(ruled):
                # Whether it may remove it is still to be known, and nobody would ask again.
                self.outcomes[wish.uid] = Waits()
                continue
            there = self.by_pair.get(wish.pair)
            stays = self._retains(ruled) and wish.pair not in self.claims.holders
            retained = there.name if there and stays else ""
            self.outcomes[wish.uid] = Leaves(retained)

    def _in_order(self, deletes: list[Delete]) -> tuple[Step, ...]:
        """Put new before old where slots allow: a workload that moves is let in all the while.

        What is withdrawn goes first: no trouble with something new may keep it.
        """
        withdrawn = [delete for delete in deletes if delete.cause is Cause.WITHDRAWN]
        remaining = [delete for delete in deletes if delete.cause is not Cause.WITHDRAWN]
        steps: list[Step] = [*withdrawn, *self.updates]
        used = len(self.situation.observed) - len(withdrawn)
        creates = list(self.creates)
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
            name=there.name if there else self.situation.name_for(wish),
            issuer=wish.issuer,
            subject=wish.subject,
            audience=wish.audience,
            description=self._description(wish) if self.situation.described else "",
            id=there.id if there else "",
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
