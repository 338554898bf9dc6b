"""Federated credentials of identities, whichever service keeps them."""

from collections.abc import Mapping
from typing import Protocol

from entra.errors import Conflict, NameTaken, PairTaken, Unsupported
from entra.model import FederatedCredential, Identity, Kind


class Credentials(Protocol):
    """Reads and writes the credentials of identities. Each call is retried as the policy says.

    Writing to one identity is for one writer at a time: `entra.writer` sees to it, and knows what
    is there already. All raise errors of `entra.errors`; `NotFound` means the identity, where
    nothing else is said.
    """

    async def list(self, identity: Identity) -> tuple[FederatedCredential, ...]:
        """Return all credentials of an identity. May be older than the last write by moments."""

    async def get(self, identity: Identity, name: str) -> FederatedCredential | None:
        """Return the credential of that name; None if it, or the whole identity, is not there."""

    async def create(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """Write a new credential and return it as the service does.

        One of the same name, issuer, subject and audience that is there already is returned: our
        own, perhaps, of a try whose answer was lost. Raises `NameTaken` or `PairTaken`; `holder`
        tells by which credential, None if a read does not show it (yet). Resource Manager writes
        over a credential of the same name without a word.
        """

    async def update(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """Give the credential of that name another issuer, subject, audience and description.

        Raises `PairTaken` as `create` does. Where there is none of that name, Graph raises
        `NotFound`, and Resource Manager creates it.
        """

    async def delete(self, identity: Identity, name: str) -> bool:
        """Remove the credential of that name; tell whether it was there.

        A try whose answer was lost may have removed it before the one that finds nothing.
        """


class ByKind:
    """The credentials of every identity, each at the service that keeps it."""

    def __init__(self, backends: Mapping[Kind, Credentials]) -> None:
        self._backends = dict(backends)

    async def list(self, identity: Identity) -> tuple[FederatedCredential, ...]:
        """See `Credentials`."""
        return await self._of(identity).list(identity)

    async def get(self, identity: Identity, name: str) -> FederatedCredential | None:
        """See `Credentials`."""
        return await self._of(identity).get(identity, name)

    async def create(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """See `Credentials`."""
        return await self._of(identity).create(identity, wanted)

    async def update(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """See `Credentials`."""
        return await self._of(identity).update(identity, wanted)

    async def delete(self, identity: Identity, name: str) -> bool:
        """See `Credentials`."""
        return await self._of(identity).delete(identity, name)

    def _of(self, identity: Identity) -> Credentials:
        backend = self._backends.get(identity.kind)
        if backend is None:
            raise Unsupported(
                f"no service of this cloud keeps the credentials of the {identity.kind.value}"
                f" {identity.client_id}"
            )
        return backend


async def there_already(
    backend: Credentials, identity: Identity, wanted: FederatedCredential, conflict: Conflict
) -> FederatedCredential:
    """Look again after "already exists": return what is as wanted, else raise with its holder."""
    there = await backend.list(identity)
    by_name = next((found for found in there if found.name == wanted.name), None)
    if by_name and by_name.says_the_same_as(wanted):
        return by_name
    if by_name and isinstance(conflict, NameTaken):
        raise conflict.held_by(by_name) from conflict
    by_pair = next((found for found in there if found.pair == wanted.pair), None)
    if by_pair:
        taken = PairTaken(conflict.message, trace=conflict.trace)
        raise taken.held_by(by_pair) from conflict
    raise conflict
