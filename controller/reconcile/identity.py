"""One identity: observe, plan, apply, tell. With no object left it is the sweep."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from controller.grants import Question as GrantQuestion
from controller.grants import Verb, Verdict
from controller.kube import KubeError
from controller.model import Wish
from controller.plan import Plan, Ruled, Situation, Standing, is_ours, plan
from controller.reconcile.apply import Application, Applied
from controller.reconcile.finalizers import take_off
from controller.reconcile.judge import Judge, Judged
from controller.reconcile.parts import Parts
from controller.reconcile.telling import Telling
from entra.errors import EntraError, NotFound, Transient
from entra.model import Identity, Kind
from entra.writer import Writer
from identity.credential_names import tag_of

_log = logging.getLogger("azwi.controller.identity")


@dataclass(frozen=True, slots=True)
class IdentityReconciler:
    """Work for a queue, by client id.

    Raises `KubeError` and `entra.errors.Transient`: then it is tried again, with patience.
    """

    parts: Parts
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        judge = Judge(self.parts.grants, self.parts.rules.own_client_id)
        object.__setattr__(self, "judge", judge)

    async def reconcile(self, client_id: str) -> float | None:
        """Bring an identity's credentials to what is wanted and granted; say when to look again."""
        judged = await self.judge.judge(self._wishes(client_id), client_id)
        telling = Telling(self.parts, client_id, judged)
        if not self._concerns_entra(client_id, judged):
            await telling.barred()
            await self._let_go(judged)
            return _soonest(judged)
        try:
            again = await self._in_entra(client_id, judged, telling)
        except NotFound as error:
            # Gone, or never there: nothing of ours can stand on it. It is looked up anew.
            self.parts.entra.identities.remembered.forget(client_id)
            await telling.failed(error)
            await self._let_go(judged)
            again = self.parts.rules.refused_again
        except EntraError as error:
            await telling.failed(error)
            await self._let_go_unasked(client_id, judged, error)
            if isinstance(error, Transient):
                raise
            again = self.parts.rules.refused_again
        return _soonest(judged, again)

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
        identity = await self._identity(client_id, judged)
        if identity is None:
            return None
        telling.identity = identity
        if any(one.ruled.standing is Standing.GRANTED for one in judged):
            await journal.remember(identity)
        known_for = self.parts.rules.known_for
        async with entra.writers.of(identity, known_for=known_for) as writer:
            decided, judged = await self._decide(client_id, identity, writer, judged)
            telling.judged = judged
            application = Application(self.parts, identity, writer, decided, self.judge, telling)
            applied = await application.run()
            ours = [there for there in writer.observed if is_ours(there, self.parts.cluster())]
            slots = len(writer.observed)
        await self._afterwards(client_id, judged, applied)
        self.parts.removals.stands(client_id, ours)
        self.parts.slots(client_id, slots)
        tags = (tag_of(there.name) for there in ours)
        self.parts.tags[client_id] = frozenset(tag for tag in tags if tag)
        if self._is_over(client_id, judged, applied):
            await journal.forget(client_id)
            self.parts.no_slots(client_id)
            self.parts.tags.pop(client_id, None)
        if applied.error is not None:
            raise applied.error
        return applied.again

    async def _identity(self, client_id: str, judged: Sequence[Judged]) -> Identity | None:
        """Find the identity; None if it is gone, with everything that stood on it."""
        try:
            return await self.parts.entra.identities.by_client_id(client_id)
        except NotFound:
            await self._let_go(judged)
            if all(one.wish.deleting for one in judged):
                await self.parts.journal.forget(client_id)
                return None
            raise

    async def _decide(
        self, client_id: str, identity: Identity, writer: Writer, judged: list[Judged]
    ) -> tuple[Plan, list[Judged]]:
        """Plan; where something would go because nobody wants it, look whether that is so."""
        retained = await self._retained(client_id)
        unresolved = await self._unresolved(client_id, writer)
        situation = self._situation(identity, writer, (*judged, *unresolved), retained)
        decided = plan(situation)
        if not decided.presumes_absence:
            return decided, judged
        try:
            await self.parts.confirm()
        except KubeError as error:
            _log.warning(
                "left-over credentials stay: objects can't be listed",
                extra={"clientId": client_id, "error": str(error)},
            )
            return plan(replace(situation, complete=False)), judged
        judged = await self.judge.judge(self._wishes(client_id), client_id)
        unresolved = await self._unresolved(client_id, writer)
        situation = self._situation(identity, writer, (*judged, *unresolved), retained)
        return plan(situation), judged

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

    async def _retained(self, client_id: str) -> dict[str, str]:
        """Return what stays without an object, as long as that is granted."""
        kept: dict[str, str] = {}
        for name, retained in self.parts.journal.retained(client_id).items():
            foreign = not retained.account
            for verb in (Verb.RETAIN, Verb.FEDERATE_EXTERNAL if foreign else Verb.FEDERATE):
                question = GrantQuestion(retained.namespace, retained.account, verb, client_id)
                ruling = await self.parts.grants.check(question)
                if ruling.verdict is Verdict.DENIED:
                    break
            else:
                kept[name] = retained.namespace
        return kept

    async def _afterwards(self, client_id: str, judged: Sequence[Judged], applied: Applied) -> None:
        """Let objects go whose credential is gone, or stays because it may."""
        journal = self.parts.journal
        cluster = self.parts.cluster()
        for one in judged:
            if one.wish.uid in applied.released and one.wish.deleting and one.wish.finalized:
                await take_off(self.parts.kube, self.parts.objects, one.wish, cluster)
        for name in applied.no_longer_retained:
            await journal.release(client_id, name)

    async def _let_go(self, judged: Iterable[Judged]) -> None:
        """Let objects go for which nothing of ours stands anywhere."""
        cluster = self.parts.cluster()
        going = [one.wish for one in judged if one.wish.deleting and one.wish.finalized]
        await asyncio.gather(
            *(take_off(self.parts.kube, self.parts.objects, wish, cluster) for wish in going)
        )

    async def _let_go_unasked(
        self, client_id: str, judged: Iterable[Judged], error: EntraError
    ) -> None:
        """Let objects go while Entra can't be asked, for those who may: the sweep takes the rest.

        Without it a namespace would stay until Entra answers, and for most it is to.
        """
        for one in judged:
            wish = one.wish
            if not wish.deleting or not wish.finalized:
                continue
            question = GrantQuestion(wish.key.namespace, wish.account, Verb.RETAIN, client_id)
            ruling = await self.parts.grants.check(question)
            if ruling.verdict is Verdict.GRANTED:
                _log.info(
                    "object let go without asking Entra: verb retain is granted",
                    extra={"object": str(wish.key), "error": type(error).__name__},
                )
                cluster = self.parts.cluster()
                await take_off(self.parts.kube, self.parts.objects, wish, cluster)

    def _is_over(self, client_id: str, judged: Sequence[Judged], applied: Applied) -> bool:
        """Tell whether the identity may be forgotten: nothing of ours on it, and nobody asks."""
        return (
            applied.error is None
            and applied.again is None
            and not any(one.uncertain for one in judged)
            and not applied.ours_left
            and all(one.ruled.standing is Standing.DENIED or one.wish.deleting for one in judged)
            and not self.parts.journal.retained(client_id)
        )


def _soonest(judged: Iterable[Judged], *others: float | None) -> float | None:
    times = [one.again for one in judged if one.again is not None]
    times += [other for other in others if other is not None]
    return min(times, default=None)
