from collections.abc import AsyncIterator

import pytest

from entra.msal_transport import MsalTransport
from tests.fakes.entra_tokens import Clock, FakeEntra, msal_over


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entra(clock: Clock) -> FakeEntra:
    return FakeEntra(clock)


@pytest.fixture
async def transport(entra: FakeEntra, clock: Clock) -> AsyncIterator[MsalTransport]:
    async with msal_over(entra, clock) as transport:
        yield transport
