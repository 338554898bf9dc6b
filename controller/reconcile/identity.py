"""One identity: observe, plan, apply, tell. With no object left it is the sweep."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from controller.grants import Question as GrantQuestion
from controller.grants import Verb, Verdict
from controller.kube import KubeError
from controller.model import Wish
from controller.plan import Plan, Ruled, Situation, Standing, is_ours, plan
from controller.reconcile.apply import Application
from controller.reconcile.endings import Endings
from controller.reconcile.judge import Judge, Judged
from controller.reconcile.parts import Parts
from controller.reconcile.telling import Telling
from entra.errors import EntraError, NotFound, Transient
from entra.model import Identity, Kind
from entra.writer import Writer
from identity.credential_names import tag_of

_SOON: Final = 60.0
"""Seconds: a doubt has to be settled in time, whatever else fails."""

_log = logging.getLogger("azwi.controller.identity")


@dataclass(frozen=True, slots=True)
class IdentityReconciler:
    """Work for a queue, by client id.

    Raises `KubeError` and `entra.errors.Transient`: then it is tried again, with patience.
    """

    parts: Parts
    judge: Judge = field(init=False)
    endings: Endings = field(init=False)

    def __post_init__(self) -> None:
        judge = Judge(self.parts.grants, self.parts.rules.own_client_id)
        object.__setattr__(self, "judge", judge)
        object.__setattr__(self, "endings", Endings(self.parts))

    async def reconcile(self, client_id: str) -> float | None:
        """Bring an identity's credentials to what is wanted and granted; say when to look again."""
        judged = await self.judge.judge(self._wishes(client_id), client_id)
        telling = Telling(self.parts, client_id, judged)
        if self._concerns_entra(client_id, judged):
            again = await self._asking(client_id, judged, telling)
        else:
            again = None
            await telling.barred()
            await self.endings.let_go(judged, telling)
        return _ended(telling, _soonest(judged, again))

    async def _asking(self, client_id: str, judged: list[Judged], telling: Telling) -> float | None:
        try:
            return await self._in_entra(client_id, judged, telling)
        except NotFound as error:
            return await self.endings.gone(client_id, telling, error)
        except EntraError as error:
            await telling.failed(error)
            await self.endings.let_go_unasked(client_id, telling, error)
            if isinstance(error, Transient):
                raise
            return self.parts.rules.refused_again

    def _wishes(self, client_id: str) -> list[Wish]:
        objects, resources = self.parts.objects, self.parts.resources
        if not client_id:
            return [record.wish for record in objects.nameless()]
        records = [
            *objects.of_client_id(client_id),
            *(
                record
                for resource in resources.of(client_id)
                for record in objects.of_resource(resource)
            ),
        ]
        return [record.wish for record in records]

    def _concerns_entra(self, client_id: str, judged: Sequence[Judged]) -> bool:
        """Tell whether anything of ours may stand there, or is to: else Entra is not even asked.

        Who names an identity without a grant learns nothing about it, and costs no calls.
        """
        if client_id == self.parts.rules.own_client_id:
            return False
        granted = any(
            one.ruled.standing is Standing.GRANTED and not one.wish.deleting for one in judged
        )
        return granted or client_id in self.parts.journal.identities

    async def _in_entra(
        self, client_id: str, judged: list[Judged], telling: Telling
    ) -> float | None:
        entra, journal = self.parts.entra, self.parts.journal
        identity = await entra.identities.by_client_id(client_id)
        telling.identity = identity
        if any(one.ruled.standing is Standing.GRANTED for one in judged):
            await journal.remember(identity)
        known_for = self.endings.known_for(client_id)
        async with entra.writers.of(identity, known_for=known_for) as writer:
            await journal.found(client_id)
            decided = await self._decide(client_id, identity, writer, judged)
            telling.judged = decided.judged
            applied = await Application(
                self.parts, identity, writer, decided.plan, self.judge, telling
            ).run()
            ours = [there for there in writer.observed if is_ours(there, self.parts.cluster())]
            slots, listed_at = len(writer.observed), writer.listed_at
        self.parts.removals.stands(client_id, ours)
        self.parts.slots(client_id, slots)
        tags = (tag_of(there.name) for there in ours)
        self.parts.tags[client_id] = frozenset(tag for tag in tags if tag)
        ending = await self.endings.afterwards(client_id, telling, applied, listed_at)
        if applied.error is not None:
            raise applied.error
        return _soonest(decided.judged, applied.again, decided.again, ending)

    async def _decide(
        self, client_id: str, identity: Identity, writer: Writer, judged: list[Judged]
    ) -> "_Decided":
        """Plan; where something would go because nobody wants it, look whether that is so."""
        retained = await self._retained(client_id)
        unresolved = await self._unresolved(client_id, writer)
        situation = self._situation(identity, writer, (*judged, *unresolved), retained.kept)
        decided = _Decided(plan(situation), judged, _soonest(unresolved, retained.again))
        if not decided.plan.presumes_absence:
            return decided
        try:
            await self.parts.confirm()
        except KubeError as error:
            _log.warning(
                "left-over credentials stay: objects can't be listed",
                extra={"clientId": client_id, "error": str(error)},
            )
            return replace(decided, plan=plan(replace(situation, complete=False)))
        judged = await self.judge.judge(self._wishes(client_id), client_id)
        unresolved = await self._unresolved(client_id, writer)
        situation = self._situation(identity, writer, (*judged, *unresolved), retained.kept)
        return _Decided(plan(situation), judged, _soonest(unresolved, retained.again))

    async def _unresolved(self, client_id: str, writer: Writer) -> list[Judged]:
        """Return objects that may be for this identity: what they have stays until that is known.

        Their resource id was not looked up yet. Only while they are granted it, or in doubt: else
        an id that nobody answers for would be a way to keep what was withdrawn.
        """
        pairs = {there.pair for there in writer.observed}
        wishes = self.parts.resources.open_ones(self.parts.objects)
        judged = await self.judge.judge(
            (replace(wish, deleting=False) for wish in wishes if wish.pair in pairs), client_id
        )
        return [
            replace(one, ruled=Ruled(one.wish, Standing.DOUBTED))
            for one in judged
            if one.ruled.standing is not Standing.DENIED
        ]

    def _situation(
        self,
        identity: Identity,
        writer: Writer,
        judged: Iterable[Judged],
        retained: dict[str, str],
    ) -> Situation:
        return Situation(
            cluster=self.parts.cluster(),
            ruled=tuple(one.ruled for one in judged),
            observed=writer.observed,
            described=identity.kind is Kind.APPLICATION,
            retained=retained,
            per_namespace=self.parts.rules.per_namespace,
        )

    async def _retained(self, client_id: str) -> "_Retained":
        """Return what stays without an object, as long as that is granted."""
        kept: dict[str, str] = {}
        doubted: list[float] = []
        for name, retained in self.parts.journal.retained(client_id).items():
            foreign = not retained.account
            for verb in (Verb.RETAIN, Verb.FEDERATE_EXTERNAL if foreign else Verb.FEDERATE):
                question = GrantQuestion(retained.namespace, retained.account, verb, client_id)
                ruling = await self.parts.grants.check(question)
                if ruling.verdict is Verdict.DENIED:
                    break
                if (again := self.judge.again_in(question, ruling)) is not None:
                    doubted.append(again)
            else:
                kept[name] = retained.namespace
        return _Retained(kept, min(doubted, default=None))


@dataclass(frozen=True, slots=True)
class _Retained:
    """What stays without an object: by name, with the namespace that it counts for."""

    kept: dict[str, str]
    again: float | None
    """Seconds until a doubt about one may be settled."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """A plan, and what it was made from."""

    plan: Plan
    judged: list[Judged]
    again: float | None
    """Seconds until a doubt about what nobody present asks for may be settled."""


def _ended(telling: Telling, again: float | None) -> float | None:
    """Return when to look again, or raise what the API server refused: that is tried again, too."""
    if telling.refused is None:
        return again
    if again is None or again > _SOON:
        raise telling.refused
    _log.warning("not all objects were told", extra={"error": str(telling.refused)})
    return again


def _soonest(judged: Iterable[Judged], *others: float | None) -> float | None:
    times = [one.again for one in judged if one.again is not None]
    times += [other for other in others if other is not None]
    return min(times, default=None)
