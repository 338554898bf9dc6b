"""entra/ as programs put it together, against an emulator in a process of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from entra.client import Entra, Settings
from entra.endpoints import Endpoints
from entra.http import Http, TimeLimits
from entra.msal_transport import MsalTransport
from entra.rates import PUBLISHED, Rates
from entra.retry import REQUESTS, Policy
from entra.sign_in import Application, ClientSecret, SignIn
from entra.writer import ECHOES
from hack.emulator import Emulator, running

Json = dict[str, Any]

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
SUBSCRIPTION: Final = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
CALLER: Final = "11111111-2222-4333-8444-555555555555"
SECRET: Final = "known-to-these-tests-only"

IMPATIENT: Final = replace(REQUESTS, attempts=60, first_backoff=0.02, longest_backoff=0.5)
"""The policy of programs, faster: what takes them minutes takes these tests seconds."""


def application_id(number: int) -> str:
    """The client id of an application of the seed."""
    return f"aaaaaaaa-0000-4000-8000-{number:012}"


def managed_id(number: int) -> str:
    """The client id of a managed identity of the seed."""
    return f"bbbbbbbb-0000-4000-8000-{number:012}"


def resource_of(number: int) -> str:
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/identities/providers"
        f"/Microsoft.ManagedIdentity/userAssignedIdentities/identity-{number}"
    )


def a_seed(each: int) -> Json:
    """A caller, and so many applications and managed identities without credentials."""
    return {
        "tenants": [{"id": TENANT}],
        "applications": [
            {"appId": CALLER, "displayName": "caller", "tenant": TENANT, "secret": SECRET},
            *(
                {"appId": application_id(number), "displayName": f"app-{number}", "tenant": TENANT}
                for number in range(each)
            ),
        ],
        "managedIdentities": [
            {
                "resourceId": resource_of(number),
                "clientId": managed_id(number),
                "tenant": TENANT,
            }
            for number in range(each)
        ],
    }


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(Emulator(tmp_path_factory.mktemp("emulator"), a_seed(5))) as found:
        yield found


@pytest.fixture
def fresh(emulator: Emulator) -> Emulator:
    """The same one, as it was in the beginning."""
    emulator.admin("POST", "/reset")
    return emulator


@dataclass(frozen=True)
class Ways:
    """How a program is set up that differs from test to test."""

    policy: Policy = IMPATIENT
    rates: Rates = PUBLISHED
    limits: TimeLimits = TimeLimits()  # noqa: RUF009 - frozen


Open = Callable[[Ways], Awaitable[Entra]]


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    return file


@pytest.fixture
async def opened(fresh: Emulator, secret_file: Path) -> AsyncIterator[Open]:
    """Opens programs, each signed in by a client secret; all are closed with the test."""
    async with AsyncExitStack() as stack:

        async def open_one(ways: Ways) -> Entra:
            return await stack.enter_async_context(a_program(fresh, secret_file, ways))

        yield open_one


@asynccontextmanager
async def a_program(emulator: Emulator, secret_file: Path, ways: Ways) -> AsyncIterator[Entra]:
    addresses = emulator.addresses
    transport = httpx.AsyncHTTPTransport(verify=emulator.tls(), trust_env=False)
    http = Http(httpx.AsyncHTTPTransport(verify=emulator.tls(), trust_env=False))
    signing = MsalTransport(http)
    sign_in = SignIn(
        ClientSecret(Application(TENANT, CALLER, addresses.authority), secret_file), signing
    )
    settings = Settings(
        TENANT,
        Endpoints(addresses.authority, addresses.arm, addresses.graph),
        subscriptions=(SUBSCRIPTION,),
        limits=ways.limits,
        policy=ways.policy,
        echoes=replace(ECHOES, first_backoff=0.02, longest_backoff=0.5),
        rates=ways.rates,
    )
    try:
        async with Entra(settings, transport, sign_in) as entra:
            yield entra
    finally:
        await signing.aclose()
        await http.aclose()
