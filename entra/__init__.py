"""Clients for Microsoft Graph, Azure Resource Manager and Entra ID's token endpoint.

    endpoints = Endpoints.of(cloud)
    settings = Settings(tenant_id, endpoints, subscriptions)
    async with Entra(settings, httpx.AsyncHTTPTransport(), tokens) as entra:
        identity = await entra.identities.by_client_id(client_id)
        async with entra.writers.of(identity) as writer:
            if not any(one.pair == wanted.pair for one in writer.observed):
                await writer.create(wanted)

Token sources stand in `entra.sign_in`, the exchange of a ServiceAccount's token in
`entra.exchange`, and what can go wrong in `entra.errors`.
"""

from entra.budget import Budget
from entra.client import Entra, Seams, Settings
from entra.credentials import Credentials
from entra.endpoints import Endpoints
from entra.errors import EntraError
from entra.http import TimeLimits
from entra.model import SLOTS, FederatedCredential, Identity, Kind, ResourceId, resource_id
from entra.pacing import Pace
from entra.rates import PUBLISHED, Rates
from entra.remembered import Remembered
from entra.retry import ONCE, PROPAGATION, REQUESTS, Policy, retrying
from entra.tokens import AccessToken, TokenSource
from entra.writer import Writer, Writers

__all__ = [
    "ONCE",
    "PROPAGATION",
    "PUBLISHED",
    "REQUESTS",
    "SLOTS",
    "AccessToken",
    "Budget",
    "Credentials",
    "Endpoints",
    "Entra",
    "EntraError",
    "FederatedCredential",
    "Identity",
    "Kind",
    "Pace",
    "Policy",
    "Rates",
    "Remembered",
    "ResourceId",
    "Seams",
    "Settings",
    "TimeLimits",
    "TokenSource",
    "Writer",
    "Writers",
    "resource_id",
    "retrying",
]
