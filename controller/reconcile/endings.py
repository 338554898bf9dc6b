"""How objects are let go, and identities forgotten: not before nothing of ours can stand there."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from controller.grants import Question, Verb, Verdict
from controller.journal import Retained
from controller.kube import KubeError
from controller.kube.together import each
from controller.model import DeletionPolicy, Wish
from controller.plan import Standing
from controller.reconcile.apply import Applied
from controller.reconcile.finalizers import take_off
from controller.reconcile.judge import Judged
from controller.reconcile.parts import Parts
from controller.reconcile.telling import Telling
from entra.errors import EntraError, NotFound
from identity.credential_names import credential_name

RESTORED_WITHIN: Final = 31 * 24 * 3600.0
"""Seconds for which an application that was deleted can be restored, with its credentials.

Source: https://learn.microsoft.com/entra/identity/enterprise-apps/delete-recover-faq (30 days)
"""
SHOWN_WITHIN: Final = 600.0
"""Seconds after which a list shows what was written before: reads may be behind for minutes."""

_log = logging.getLogger("azwi.controller.identity")


@dataclass(frozen=True, slots=True)
class Endings:
    """The ends of what one process reconciles. The journal forgets last."""

    parts: Parts

    async def let_go(self, judged: Iterable[Judged], telling: Telling) -> None:
        """Let those go that are being deleted: nothing of ours stands for them, or may stay."""
        going = [one.wish for one in judged if one.wish.deleting and one.wish.finalized]
        try:
            await each(self._take_off, going)
        except KubeError as error:
            telling.took(error)

    async def let_go_unasked(self, client_id: str, telling: Telling, error: EntraError) -> None:
        """Let objects go while Entra can't be asked, for those who may: the sweep takes the rest.

        Without it a namespace would stay until Entra answers, and for most it is to.
        """
        free: list[Judged] = []
        for one in telling.judged:
            wish = one.wish
            if not wish.deleting or not wish.finalized:
                continue
            question = Question(wish.key.namespace, wish.account, Verb.RETAIN, client_id)
            ruling = await self.parts.grants.check(question)
            if ruling.verdict is not Verdict.GRANTED:
                continue
            await self._keep_retained(client_id, wish)
            free.append(one)
            _log.info(
                "object let go without asking Entra: verb retain is granted",
                extra={"object": str(wish.key), "error": type(error).__name__},
            )
        await self.let_go(free, telling)

    async def gone(self, client_id: str, telling: Telling, error: NotFound) -> float | None:
        """Deal with an identity that is not there: nothing of ours lets anybody in.

        It may be there again: Graph is behind its time for moments, a deleted application can be
        restored, a subscription was left out of the settings. So the journal knows it for long, and
        the sweep takes what is left then. Says when to look again.
        """
        journal = self.parts.journal
        self.parts.entra.identities.remembered.forget(client_id)
        await self.let_go(telling.judged, telling)
        await telling.failed(error)
        if any(not one.wish.deleting for one in telling.judged):
            return self.parts.rules.refused_again
        await self.parts.removals.settled(client_id, set())
        self.parts.removals.stands(client_id, ())
        known = client_id in journal.identities
        if known and await journal.missed(client_id) >= RESTORED_WITHIN:
            await self._forget(client_id)
        return None

    async def afterwards(
        self, client_id: str, telling: Telling, applied: Applied, listed_at: float
    ) -> float | None:
        """Let objects go, and the identity, as far as the plan is done; say when to look again."""
        released = [one for one in telling.judged if one.wish.uid in applied.released]
        await self.let_go(released, telling)
        for name in applied.no_longer_retained:
            await self.parts.journal.release(client_id, name)
        if not self._is_over(client_id, telling.judged, applied):
            self.parts.bare_since.pop(client_id, None)
            return None
        now = self.parts.now()
        since = self.parts.bare_since.setdefault(client_id, now)
        if listed_at < since + SHOWN_WITHIN:
            return max(1.0, since + SHOWN_WITHIN - now)
        await self._forget(client_id)
        return None

    def known_for(self, client_id: str) -> float:
        """Return the seconds for which what was listed is good enough."""
        since = self.parts.bare_since.get(client_id)
        known_for = self.parts.rules.known_for
        if since is None:
            return known_for
        # Before it is forgotten it is listed once more.
        return min(known_for, max(0.0, self.parts.now() - since - SHOWN_WITHIN))

    def _is_over(self, client_id: str, judged: Sequence[Judged], applied: Applied) -> bool:
        """Tell whether nothing of ours is on the identity, as far as shown, and nobody asks."""
        return (
            applied.error is None
            and applied.again is None
            and not any(one.uncertain for one in judged)
            and not applied.ours_left
            and all(one.ruled.standing is Standing.DENIED or one.wish.deleting for one in judged)
            and not self.parts.journal.retained(client_id)
        )

    async def _keep_retained(self, client_id: str, wish: Wish) -> None:
        """Note that the credential of an object stays, as it says; if there is none, that shows."""
        if (
            wish.policy is not DeletionPolicy.RETAIN
            or client_id not in self.parts.journal.identities
        ):
            return
        key = wish.key
        name = credential_name(
            self.parts.cluster().issuer, key.namespace, key.name, wish.issuer, wish.subject
        )
        retained = Retained(key.namespace, wish.account, wish.issuer, wish.subject)
        await self.parts.journal.retain(client_id, name, retained)

    async def _take_off(self, wish: Wish) -> None:
        await take_off(self.parts.kube, self.parts.objects, wish, self.parts.cluster())

    async def _forget(self, client_id: str) -> None:
        await self.parts.journal.forget(client_id)
        self.parts.no_slots(client_id)
        self.parts.tags.pop(client_id, None)
        self.parts.bare_since.pop(client_id, None)
