from collections.abc import AsyncIterator

import pytest
import trustme

from controller.kube import Connection, Kube
from controller.kube.tls import trusting
from controller.kube.tokens import StaticToken
from tests.controller.kube.server import Authority, Server, serving

TOKEN = "s3cr3t-t0k3n"


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[Server]:
    async with serving(authority.server()) as found:
        yield found


@pytest.fixture
def connection(server: Server, authority: Authority) -> Connection:
    return Connection(server.url, trusting(authority.pem), StaticToken(TOKEN))


@pytest.fixture
async def kube(connection: Connection) -> AsyncIterator[Kube]:
    async with Kube(connection, timeout=2.0) as found:
        yield found
