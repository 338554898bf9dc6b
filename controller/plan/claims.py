"""Who asks for which credential, and who of them holds it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model import Wish
from controller.plan.outcomes import HeldBy
from controller.plan.situation import Ruled, Situation, Standing
from controller.plan.steps import Cause
from entra.model import FederatedCredential

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claims:
    """All that is asked for at one identity, by issuer and subject."""

    situation: Situation
    holders: Mapping[Pair, Ruled]
    """One for each pair that anybody may have, or might; the granted ones are the oldest first."""
    behind: Mapping[str, HeldBy]
    """Those that an older object is before, by uid."""
    sheltered: Mapping[Pair, Wish]
    """What stands and an older one in doubt, this one, asks for too: it has its slot already."""
    denied: Mapping[Pair, tuple[Wish, ...]]
    leaving: Mapping[Pair, tuple[Wish, ...]]

    def pair_of(self, credential: FederatedCredential) -> Pair:
        """Return the pair that asks for it: of an earlier issuer, that of the present one."""
        cluster = self.situation.cluster
        if credential.issuer in cluster.predecessors:
            return cluster.issuer, credential.subject
        return credential.pair

    def removal(self, credential: FederatedCredential) -> tuple[Cause, tuple[Wish, ...]]:
        """Return why one that nobody holds would go, and whose objects go, or wait, for it.

        Anybody may write an object for a pair, and delete it: that makes it no more certain that
        no other object wants the credential, unless it is the one that it was written for. Of a
        ServiceAccount of this cluster a denial is certain: each of its objects asks the same.
        """
        pair = self.pair_of(credential)
        denied, leaving = self.denied.get(pair, ()), self.leaving.get(pair, ())
        if any(_is_certain(wish) or self._was_for(wish, credential) for wish in denied):
            return Cause.WITHDRAWN, denied + leaving
        if any(self._was_for(wish, credential) for wish in leaving):
            return Cause.DELETED, denied + leaving
        return Cause.LEFT_OVER, denied + leaving

    def _was_for(self, wish: Wish, credential: FederatedCredential) -> bool:
        return self.situation.name_for(wish) == credential.name


def claims_of(situation: Situation, there: Mapping[Pair, FederatedCredential]) -> Claims:
    """Sort out who asks for what; `there` is what stands, by pair."""
    ruled = sorted(situation.ruled, key=lambda one: one.wish.seniority)
    live = [one for one in ruled if not one.wish.deleting]
    granted = [one for one in live if one.standing is Standing.GRANTED]
    denied = [one.wish for one in live if one.standing is Standing.DENIED]
    # A certain denial answers every object of the account, whatever is still to be found out.
    over = {wish.pair for wish in denied if _is_certain(wish)}
    doubted = [
        one for one in live if one.standing is Standing.DOUBTED and one.wish.pair not in over
    ]
    holders: dict[Pair, Ruled] = {}
    for one in (*granted, *doubted):
        holders.setdefault(one.wish.pair, one)
    sheltered: dict[Pair, Wish] = {}
    for one in doubted:
        pair = one.wish.pair
        first, stands = holders[pair], there.get(pair)
        if stands is None or not _is_before(one, first):
            continue
        sheltered.setdefault(pair, one.wish)
        if first.wish.audience != stands.audience == one.wish.audience:
            holders[pair] = one
    return Claims(
        situation,
        holders,
        {
            one.wish.uid: HeldBy(holders[one.wish.pair].wish.key)
            for one in (*granted, *doubted)
            if holders[one.wish.pair] is not one
        },
        sheltered,
        _by_pair(denied),
        _by_pair(one.wish for one in ruled if one.wish.deleting),
    )


def _is_certain(denied: Wish) -> bool:
    """Tell whether a denial is RBAC's answer to all objects that ask for the same pair."""
    return not denied.foreign and not denied.faults


def _is_before(one: Ruled, other: Ruled) -> bool:
    return one.wish.seniority < other.wish.seniority


def _by_pair(wishes: Iterable[Wish]) -> dict[Pair, tuple[Wish, ...]]:
    found: dict[Pair, tuple[Wish, ...]] = {}
    for wish in wishes:
        found[wish.pair] = (*found.get(wish.pair, ()), wish)
    return found
