"""The metadata service of an emulator in this process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from emulator.app import imds_application, recorded
from emulator.calls.refusal import Surface
from emulator.tokens.signer import Signer
from emulator.world import World
from tests.emulator.arm import stage as arm

PATH = "/metadata/identity/oauth2/token"
VAULT = "https://vault.azure.net"
USUAL = {"api-version": "2018-02-01", "resource": VAULT}


@dataclass(frozen=True)
class Stage:
    """The service, and an HTTP client of it."""

    world: World
    http: httpx.AsyncClient

    async def ask(
        self,
        query: Mapping[str, str] | None = None,
        *,
        path: str = PATH,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask for a token, with what every caller sends besides."""
        sent = {"Metadata": "true"} if headers is None else dict(headers)
        return await self.http.get(path, params=USUAL | dict(query or {}), headers=sent)


@asynccontextmanager
async def staged(signer: Signer, seed: arm.Json, **settings: Any) -> AsyncIterator[Stage]:
    """Put it together."""
    async with arm.staged(signer, seed, **settings) as found:
        transport = httpx.ASGITransport(recorded(imds_application(found.world), Surface.IMDS))
        async with httpx.AsyncClient(transport=transport, base_url="http://node.test") as http:
            yield Stage(found.world, http)
