"""Doing what a plan says, step by step, and telling each object as its step is done."""

import logging
from dataclasses import dataclass, field

from controller.journal import Retained
from controller.kube import KubeError
from controller.plan import Create, Delete, Holds, Leaves, Outcome, Plan, Step, Update, is_ours
from controller.reconcile.brakes_at import BrakesAt
from controller.reconcile.finalizers import put_on
from controller.reconcile.judge import Judge, Judged
from controller.reconcile.parts import Parts
from controller.reconcile.telling import Telling
from entra.errors import EntraError, Transient
from entra.model import FederatedCredential, Identity
from entra.writer import Writer

_log = logging.getLogger("azwi.controller.identity")


@dataclass(slots=True)
class Applied:
    """How far it came."""

    released: set[str] = field(default_factory=set)
    """Uids of objects that nothing of ours stands for any more."""
    no_longer_retained: list[str] = field(default_factory=list)
    ours_left: bool = False
    again: float | None = None
    """Seconds after which to look again."""
    error: EntraError | None = None
    """What ended it: transient; the rest of the plan is still to be done."""


@dataclass(slots=True)
class Application:
    """One plan being carried out, in one turn at its identity."""

    parts: Parts
    identity: Identity
    writer: Writer
    plan: Plan
    judge: Judge
    telling: Telling
    applied: Applied = field(default_factory=Applied)
    brakes: BrakesAt = field(init=False)
    outcomes: dict[str, Outcome] = field(init=False)
    _by_uid: dict[str, Judged] = field(init=False)
    _blocked: set[str] = field(default_factory=set)
    """Uids whose step was not done: they are not let go, and were told why."""
    _held: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.outcomes = dict(self.plan.outcomes)
        self._by_uid = {one.wish.uid: one for one in self.telling.judged}
        wishes = [one.wish for one in self.telling.judged]
        self.brakes = BrakesAt(self.parts, self.identity.client_id, wishes)

    async def run(self) -> Applied:
        """Take all steps.

        Raises `KubeError` where the API server does not answer, or the journal can't be written;
        what it refuses about one object is told to `telling`. Entra's transient errors are in what
        is returned.
        """
        waiting = self._waiting()
        for step in self.plan.steps:
            try:
                await self._take(step)
            except Transient as error:
                self.applied.error = error
                break
            except EntraError as error:
                await self._refused(step, error)
            else:
                await self._done(step)
            waiting -= set(_uids(step))
        if self.applied.error is None:
            await self.parts.removals.settled(self.identity.client_id, self._held)
            await self._finish()
        else:
            await self._tell_the_settled(waiting)
        return self.applied

    def _waiting(self) -> set[str]:
        return {uid for step in self.plan.steps for uid in _uids(step)}

    async def _take(self, step: Step) -> None:
        match step:
            case Create(credential, uid):
                await self._create(credential, uid)
            case Update(credential, uid):
                self._has(uid, await self.writer.update(credential))
            case Delete():
                await self._delete(step)

    async def _create(self, credential: FederatedCredential, uid: str) -> None:
        one = self._by_uid[uid]
        if not await self.judge.may_create(one.wish, self.identity.client_id):
            # The rate budget may have kept this plan for minutes.
            self._block(uid)
            self._look_again(1.0)
            return
        if brake := self.brakes.keeping_from(one.wish, self.writer.observed):
            self._block(uid)
            self._look_again(self.parts.rules.held_again)
            await self.telling.no_room(one, brake)
            return
        if not one.wish.finalized and not await self._finalized(one):
            self._block(uid)
            return
        self._has(uid, await self.writer.create(credential))
        self.parts.removals.wrote(self.brakes.what(credential))
        _log.info(
            "credential written",
            extra={
                "object": str(one.wish.key),
                "clientId": self.identity.client_id,
                "credential": credential.name,
            },
        )

    async def _delete(self, step: Delete) -> None:
        if brake := await self.brakes.held_by(step):
            self._held.add(self.brakes.what(step.credential))
            self._look_again(self.parts.rules.held_again)
            for uid in step.wishes:
                self._block(uid)
            await self.telling.held(step, brake)
            return
        await self.writer.delete(step.credential.name)
        self.parts.removed(step.cause.value)
        _log.info(
            "credential removed",
            extra={
                "clientId": self.identity.client_id,
                "credential": step.credential.name,
                "cause": step.cause.value,
            },
        )

    def _has(self, uid: str, credential: FederatedCredential) -> None:
        self.outcomes[uid] = Holds(credential)

    async def _finalized(self, one: Judged) -> bool:
        parts = self.parts
        try:
            return await put_on(parts.kube, parts.objects, one.wish, parts.cluster())
        except KubeError as error:
            self.telling.took(error)
            return False

    def _look_again(self, seconds: float) -> None:
        self.applied.again = min(seconds, self.applied.again or seconds)

    def _block(self, uid: str) -> None:
        self._blocked.add(uid)

    async def _refused(self, step: Step, error: EntraError) -> None:
        """Tell whom it concerns; the other steps go on."""
        self._look_again(self.parts.rules.refused_again)
        for uid in _uids(step):
            self._block(uid)
            if uid in self._by_uid:
                await self.telling.error(self._by_uid[uid], error)

    async def _done(self, step: Step) -> None:
        for uid in _uids(step):
            if uid not in self._blocked and uid in self._by_uid:
                await self.telling.outcome(self._by_uid[uid], self.outcomes[uid], self.plan.used)

    async def _tell_the_settled(self, waiting: set[str]) -> None:
        """Tell those whom the failure does not concern."""
        settled = {uid: told for uid, told in self.outcomes.items() if uid not in waiting}
        await self.telling.outcomes(self._unblocked(settled), self.plan.used)

    async def _finish(self) -> None:
        await self.telling.outcomes(self._unblocked(self.outcomes), self.plan.used)
        await self._keep_finalizers()
        client_id, journal = self.identity.client_id, self.parts.journal
        ours = {
            there.name for there in self.writer.observed if is_ours(there, self.parts.cluster())
        }
        held = {told.credential.name for told in self.outcomes.values() if isinstance(told, Holds)}
        for uid, outcome in self.outcomes.items():
            if isinstance(outcome, Leaves) and uid not in self._blocked and uid in self._by_uid:
                if outcome.retained:
                    wish = self._by_uid[uid].wish
                    retained = Retained(wish.key.namespace, wish.account, wish.issuer, wish.subject)
                    await journal.retain(client_id, outcome.retained, retained)
                self.applied.released.add(uid)
        self.applied.no_longer_retained = [
            name for name in journal.retained(client_id) if name not in ours or name in held
        ]
        self.applied.ours_left = bool(ours)

    async def _keep_finalizers(self) -> None:
        """Put our finalizer back where somebody took it off, and on what was adopted."""
        for uid, outcome in self.outcomes.items():
            one = self._by_uid.get(uid)
            if one and isinstance(outcome, Holds) and one.authorized.holds:
                record = self.parts.objects.get(one.wish.key)
                if record and record.uid == uid and not record.wish.finalized:
                    await self._finalized(one)

    def _unblocked(self, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
        return {uid: told for uid, told in outcomes.items() if uid not in self._blocked}


def _uids(step: Step) -> tuple[str, ...]:
    return step.wishes if isinstance(step, Delete) else (step.wish,)
