"""What each object of one identity is told, from its ruling and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.grants import Verdict
from controller.kube import KubeError, Unreachable
from controller.plan import Barred, Delete, Holds, Outcome, Standing
from controller.reconcile.judge import Judged, question_for
from controller.reconcile.parts import Parts
from controller.reconcile.resources import NOT_AUTHORIZED
from controller.reconcile.writeback import write_back
from controller.status.conditions import SYNCED, Condition, Told
from controller.status.errors import condition_from
from controller.status.words import no_room, removals_held, still_effective, synced
from entra.errors import EntraError, Transient
from entra.model import FederatedCredential, Identity
from identity.credential_names import credential_name

_NOT_REMOVED = Condition(
    SYNCED,
    "False",
    "Removing",
    "what was written for it, if anything was, could not be removed yet",
)


@dataclass(slots=True)
class Telling:
    """Tells as the work goes on. What was told once in a run is not told again by a failure."""

    parts: Parts
    client_id: str
    judged: list[Judged]
    identity: Identity | None = None
    told: set[str] = field(default_factory=set)
    refused: KubeError | None = None
    """The first thing that the API server refused about an object."""

    def took(self, error: KubeError) -> None:
        """Take that something could not be done to one object: the others go on.

        Else whoever writes an object that can't be changed, too large a one say, would stop what
        happens to everybody's of the identity. Where the server does not answer it is raised.
        """
        if isinstance(error, Unreachable):
            raise error
        self.refused = self.refused or error

    async def barred(self) -> None:
        """Tell all that they have no grant, or none that is certain: Entra was not asked."""
        for one in self.judged:
            if not one.wish.deleting and not self._stands(one):
                await self._tell(one, Told(one.authorized, NOT_AUTHORIZED))

    async def outcomes(self, outcomes: Mapping[str, Outcome], slots_used: int) -> None:
        """Tell those whose outcome needs no step, or whose step is done."""
        for one in self.judged:
            outcome = outcomes.get(one.wish.uid)
            if outcome is not None and one.wish.uid not in self.told:
                await self.outcome(one, outcome, slots_used)

    async def outcome(self, one: Judged, outcome: Outcome, slots_used: int) -> None:
        """Tell one object what became of it."""
        self.told.add(one.wish.uid)
        if one.wish.deleting or self._stands(one):
            return
        authorized = one.authorized
        if isinstance(outcome, Barred) and outcome.still_effective:
            authorized = still_effective(outcome.still_effective)
        if one.ruled.standing is Standing.DENIED or not authorized.holds:
            await self._tell(one, Told(authorized, self._synced(one, outcome)))
            return
        holds = outcome if isinstance(outcome, Holds) else None
        if holds and one.wish.resource_id and one.wish.made_for:
            await self._write_back(one)
        await self._tell(
            one,
            Told(
                authorized,
                synced(outcome),
                credential=holds.credential if holds else None,
                adopted=holds.adopted if holds else False,
                identity=self.identity,
                slots_used=slots_used,
            ),
        )

    def _synced(self, one: Judged, outcome: Outcome) -> Condition:
        """Return what may be said without a grant: who trusts whom is for those who have it."""
        holds = isinstance(outcome, Holds) and self._is_of(one, outcome.credential)
        return synced(outcome) if holds else NOT_AUTHORIZED

    def _is_of(self, one: Judged, credential: FederatedCredential) -> bool:
        """Tell whether a credential was written for an object: else anybody could ask for it."""
        key, cluster = one.wish.key, self.parts.cluster()
        return credential.name == credential_name(
            cluster.issuer, key.namespace, key.name, credential.issuer, credential.subject
        )

    async def _write_back(self, one: Judged) -> None:
        parts = self.parts
        if not parts.rules.resolve_resource_ids or self.identity is None:
            return
        try:
            await write_back(parts.kube, parts.accounts, one.wish, self.identity)
        except KubeError as error:
            self.took(error)

    async def held(self, step: Delete, brake: str) -> None:
        """Tell those whose removal waits for an admin's word."""
        for one in self.judged:
            if one.wish.uid in step.wishes and self._is_of(one, step.credential):
                self.told.add(one.wish.uid)
                await self._tell(one, Told(one.authorized, removals_held(brake)))

    async def no_room(self, one: Judged, brake: str) -> None:
        """Tell one that waits until what stands of its namespace may go."""
        self.told.add(one.wish.uid)
        await self._tell(one, Told(one.authorized, no_room(brake)))

    async def error(self, one: Judged, error: EntraError) -> None:
        """Tell one object that its step failed."""
        self.told.add(one.wish.uid)
        await self._failed(one, error)

    async def failed(self, error: EntraError) -> None:
        """Tell those who wait for what failed; who has a credential already keeps it."""
        for one in self.judged:
            if one.wish.uid not in self.told:
                await self._failed(one, error)

    async def _failed(self, one: Judged, error: EntraError) -> None:
        if self._stands(one):
            return
        if not one.wish.deleting and not one.authorized.holds:
            await self._tell(one, Told(one.authorized, NOT_AUTHORIZED))
            return
        if one.wish.deleting and not await self._may_know(one):
            await self._tell(one, Told(one.authorized, _NOT_REMOVED))
            return
        if isinstance(error, Transient) and await self._troubled(one, error):
            return
        # Of one that is being deleted, people want to know why it does not go.
        await self._tell(
            one,
            Told(one.authorized, condition_from(error), identity=self.identity, error=error),
        )

    async def _may_know(self, one: Judged) -> bool:
        """Tell whether an object that goes may hear of its identity: errors name kind and name."""
        ruling = await self.parts.grants.check(question_for(one.wish, self.client_id))
        return ruling.verdict is Verdict.GRANTED

    def _stands(self, one: Judged) -> bool:
        """Tell whether what an object was told stands: a check that failed is no news."""
        return one.uncertain and (one.wish.deleting or self.parts.teller.was_told(one.wish))

    async def _troubled(self, one: Judged, error: Transient) -> bool:
        try:
            return await self.parts.teller.trouble(one.wish, error)
        except KubeError as refused:
            self.took(refused)
            return True

    async def _tell(self, one: Judged, told: Told) -> None:
        try:
            await self.parts.teller.tell(one.wish, self.parts.complete(one.wish, told))
        except KubeError as error:
            self.took(error)
