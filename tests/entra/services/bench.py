"""What tests of this folder begin with: both services, and a client of ours on them."""

from dataclasses import replace

from entra.client import Entra, Seams, Settings
from entra.http import Told, unheard
from entra.model import FederatedCredential, Identity, Kind
from entra.rates import Rates
from tests.fakes.entra_services import ENDPOINTS, SUBSCRIPTION, TENANT, FakeServices, FakeTokens
from tests.fakes.virtual_time import virtual_pace

ISSUER = "https://issuer.example/"
AUDIENCE = "api://AzureADTokenExchange"
EPOCH = 1_790_000_000.0


class Bench:
    """One client, with rates so high that nobody waits for them, unless told otherwise."""

    def __init__(
        self,
        *,
        factor: float = 1000.0,
        seed: int = 0,
        services: FakeServices | None = None,
        told: Told = unheard,
    ) -> None:
        self.services = services or FakeServices()
        self.tokens = FakeTokens()
        self.pace = virtual_pace(seed)
        self.entra = Entra(
            Settings(TENANT, ENDPOINTS, (SUBSCRIPTION,), rates=Rates(factor)),
            self.services,
            self.tokens,
            seams=Seams(self.pace, clock=self.clock, told=told),
        )

    def clock(self) -> float:
        return EPOCH + self.pace.now()

    def identity(self, kind: Kind, name: str = "billing") -> Identity:
        if kind is Kind.APPLICATION:
            return self.services.application(name)
        return self.services.managed_identity(name)


def credential(
    name: str = "aks-app", subject: str = "system:serviceaccount:team:app"
) -> FederatedCredential:
    return FederatedCredential(name, ISSUER, subject, AUDIENCE)


def numbered(number: int) -> FederatedCredential:
    return credential(f"aks-{number}", f"system:serviceaccount:team:app-{number}")


def without_id(found: FederatedCredential) -> FederatedCredential:
    return replace(found, id="")
