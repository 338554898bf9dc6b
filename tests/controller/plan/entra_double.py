"""One identity in Entra ID, as far as plans depend on it: it refuses what Entra refuses."""

from dataclasses import dataclass, field, replace

from controller.plan import Create, Delete, Step, Update
from entra.model import SLOTS, FederatedCredential


class RefusedByEntraError(AssertionError):
    """A plan asked for what the service does not do."""


@dataclass
class EntraDouble:
    """Slots, unique pairs, unique names; credentials in the order in which they came."""

    there: dict[str, FederatedCredential] = field(default_factory=dict)

    @property
    def observed(self) -> tuple[FederatedCredential, ...]:
        return tuple(self.there.values())

    def take(self, step: Step) -> None:
        match step:
            case Create(credential):
                self.create(credential)
            case Update(credential):
                self._update(credential)
            case Delete(credential):
                if self.there.pop(credential.name, None) is None:
                    raise RefusedByEntraError(f"{credential.name} is not there")

    def create(self, credential: FederatedCredential) -> None:
        if len(self.there) >= SLOTS:
            raise RefusedByEntraError("no slot is left")
        if credential.name.lower() in {name.lower() for name in self.there}:
            raise RefusedByEntraError(f"the name {credential.name} is taken")
        if not self.is_free(credential.pair):
            raise RefusedByEntraError(f"the pair {credential.pair} is taken")
        made = replace(credential, id=credential.id or f"id-{credential.name}")
        self.there[credential.name] = made

    def is_free(self, pair: tuple[str, str]) -> bool:
        return all(one.pair != pair for one in self.there.values())

    def _update(self, credential: FederatedCredential) -> None:
        before = self.there.get(credential.name)
        if before is None or before.pair != credential.pair or before.id != credential.id:
            raise RefusedByEntraError(f"{credential.name} is not the one that is there")
        self.there[credential.name] = credential
