"""The brakes, asked about the credentials of one identity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from controller.brakes import Removal, scope_of
from controller.grants import Verdict
from controller.model import Wish
from controller.plan import Cause, Delete
from controller.reconcile.owners import Owner, owner_of
from controller.reconcile.parts import Parts
from entra.model import FederatedCredential
from identity.credential_names import tag_of


@dataclass(frozen=True, slots=True)
class BrakesAt:
    """Says of each removal whose it is, and whether it is a withdrawal."""

    parts: Parts
    client_id: str
    wishes: Sequence[Wish]
    """All that name the identity."""

    def what(self, credential: FederatedCredential) -> str:
        """Return what its removal is known by."""
        return f"{self.client_id}/{credential.name}"

    async def held_by(self, step: Delete) -> str | None:
        """Return the brake that holds a removal; None if it may go. Raises `KubeError`.

        A namespace that has its own brake on could shelter behind it: delete an object, so that its
        credential is held, and have the grant withdrawn for nothing. So what is held is looked at
        once more, and without a grant it goes as what is withdrawn does.
        """
        owner = self._owner(step.credential)
        makes_room = step.cause is Cause.CROWDED_OUT
        removal = Removal(
            self.what(step.credential),
            None if makes_room else self._scope(owner),
            withdrawn=step.cause is Cause.WITHDRAWN and not await self._is_granted(owner),
        )
        holder = await self.parts.removals.held_by(removal)
        if holder is None or removal.withdrawn or not await self._is_denied(owner):
            return holder
        return await self.parts.removals.held_by(replace(removal, withdrawn=True))

    def keeping_from(self, wish: Wish, observed: Iterable[FederatedCredential]) -> str | None:
        """Return the brake because of which a wish has to wait, None if it need not.

        While removals are held, all that stands of a namespace counts for its share: else it could
        have its credentials held, write as many again, and take the slots of all others.
        """
        removals, namespace = self.parts.removals, wish.key.namespace
        brake = removals.brake_for(scope_of(namespace, self.client_id))
        if brake is None:
            return None
        tag = self.parts.cluster().tag  # an earlier issuer's take no share
        owners = [self._owner(there) for there in observed if tag_of(there.name) == tag]
        standing = sum(owner is None or owner.namespace == namespace for owner in owners)
        return brake if standing >= self.parts.rules.per_namespace else None

    def _scope(self, owner: Owner | None) -> str:
        return scope_of(owner.namespace if owner else None, self.client_id)

    def _owner(self, credential: FederatedCredential) -> Owner | None:
        retained = self.parts.journal.retained(self.client_id)
        return owner_of(credential, self.parts.cluster(), self.wishes, retained)

    async def _is_granted(self, owner: Owner | None) -> bool:
        """Tell whether an object, edited so that it can't be right, only looks withdrawn."""
        return await self._verdict(owner) is Verdict.GRANTED

    async def _is_denied(self, owner: Owner | None) -> bool:
        return await self._verdict(owner) is Verdict.DENIED

    async def _verdict(self, owner: Owner | None) -> Verdict | None:
        if owner is None:
            return None
        return (await self.parts.grants.check(owner.question(self.client_id))).verdict
