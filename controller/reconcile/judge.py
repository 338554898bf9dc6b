"""What grants say of wishes, as a plan needs it and as people are told."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from controller.grants import Grants, Question, Ruling, Verb, Verdict, rule_for
from controller.model import DeletionPolicy, Wish
from controller.plan import Ruled, Standing
from controller.reconcile.resources import unknown_or_not_granted
from controller.status.conditions import AUTHORIZED, Condition

_STANDINGS = {
    Verdict.GRANTED: Standing.GRANTED,
    Verdict.DOUBTED: Standing.DOUBTED,
    Verdict.UNKNOWN: Standing.DOUBTED,
    Verdict.DENIED: Standing.DENIED,
}


_FAILED_AGAIN = 30.0
"""Seconds after which a check that failed is made again, however long a denial has waited for it:
else an API server that fails at once would be asked at once."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One wish with its ruling."""

    wish: Wish
    ruled: Ruled
    authorized: Condition
    uncertain: bool = False
    """The check failed: an error is no denial, and what people were told stands."""
    again: float | None = None
    """Seconds until a denial may be confirmed, or a check that failed is made again."""


def question_for(wish: Wish, client_id: str, verb: Verb | None = None) -> Question:
    """Return what is asked of RBAC for a wish: the right of its ServiceAccount to the identity.

    For a foreign issuer there is none, so that its namespace needs the right, of another verb.
    """
    own = Verb.FEDERATE_EXTERNAL if wish.foreign else Verb.FEDERATE
    return Question(wish.key.namespace, wish.account, verb or own, client_id)


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks for grants."""

    grants: Grants
    own_client_id: str | None

    async def judge(self, wishes: Iterable[Wish], client_id: str) -> list[Judged]:
        """Return each wish judged."""
        return await asyncio.gather(*(self._one(wish, client_id) for wish in wishes))

    async def may_create(self, wish: Wish, client_id: str) -> bool:
        """Tell whether a wish is granted right now: a plan may be minutes old."""
        ruling = await self.grants.check(question_for(wish, client_id))
        return ruling.verdict is Verdict.GRANTED

    async def _one(self, wish: Wish, client_id: str) -> Judged:
        if wish.faults and not wish.deleting:
            return Judged(wish, Ruled(wish, Standing.DENIED), _invalid(wish))
        if wish.deleting:
            return await self._going(wish, client_id)
        question = question_for(wish, client_id)
        ruling = await self.grants.check(question)
        if client_id == self.own_client_id and ruling.verdict is Verdict.GRANTED:
            # Which identity is ours is told to those alone who may have it.
            return Judged(wish, Ruled(wish, Standing.DENIED), _OWN)
        return Judged(
            wish,
            Ruled(wish, _STANDINGS[ruling.verdict]),
            _authorized(wish, question, ruling),
            uncertain=ruling.verdict is Verdict.UNKNOWN,
            again=self.again_in(question, ruling),
        )

    def again_in(self, question: Question, ruling: Ruling) -> float | None:
        """Return the seconds after which to ask again what is not certain; None if it is."""
        wait = self.grants.again_in(question)
        if ruling.verdict is Verdict.UNKNOWN:
            return max(_FAILED_AGAIN, wait or 0.0)
        return wait

    async def _going(self, wish: Wish, client_id: str) -> Judged:
        """Judge an object on its way out: only what it says about its credential needs a right."""
        gone = Condition(AUTHORIZED, "Unknown", "Removing", "the object is being deleted")
        if wish.policy is None or wish.faults:
            return Judged(wish, Ruled(wish, Standing.DOUBTED), gone)
        asked = question_for(wish, client_id)
        own = await self.grants.check(asked)
        standing = _STANDINGS[own.verdict]
        if wish.policy is DeletionPolicy.DELETE:
            undecided = standing is Standing.DOUBTED
            again = self.again_in(asked, own) if undecided else None
            return Judged(wish, Ruled(wish, standing), gone, uncertain=undecided, again=again)
        question = question_for(wish, client_id, Verb.RETAIN)
        ruling = await self.grants.check(question)
        if standing is not Standing.DENIED and ruling.verdict in {
            Verdict.UNKNOWN,
            Verdict.DOUBTED,
        }:
            # Not decided: the object stays until it is, and so does its credential.
            stays = replace(wish, deleting=False)
            again = self.again_in(question, ruling)
            return Judged(wish, Ruled(stays, Standing.DOUBTED), gone, uncertain=True, again=again)
        return Judged(wish, Ruled(wish, standing, ruling.verdict is Verdict.GRANTED), gone)


def _authorized(wish: Wish, question: Question, ruling: Ruling) -> Condition:
    if ruling.verdict is Verdict.GRANTED:
        return Condition(AUTHORIZED, "True", "Granted", "the identity is granted to it")
    if ruling.verdict is Verdict.UNKNOWN:
        return Condition(
            AUTHORIZED, "Unknown", "CheckFailed", "the API server could not say; it is asked again"
        )
    if wish.resource_id:
        return unknown_or_not_granted(wish.resource_id)
    return Condition(AUTHORIZED, "False", "NotGranted", rule_for(question))


def _invalid(wish: Wish) -> Condition:
    return Condition(AUTHORIZED, "False", "Invalid", "; ".join(map(str, wish.faults)))


_OWN = Condition(
    AUTHORIZED,
    "False",
    "ControllersIdentity",
    "this is the identity that the controller signs in as: it is never federated by itself",
)
