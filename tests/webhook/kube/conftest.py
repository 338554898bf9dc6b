import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from tests.fakes.kube_api import FakeKubeApi
from webhook.kube import KubeClient, Limits


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], Any]]:
    """Run each test on the loop that the webhook runs on, and on asyncio's own."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def api() -> AsyncIterator[FakeKubeApi]:
    async with FakeKubeApi() as api:
        yield api


@pytest.fixture
async def client(api: FakeKubeApi) -> AsyncIterator[KubeClient]:
    limits = Limits(connect=1.0, answer=0.5, watch_grace=0.3, connections=8)
    async with KubeClient(api.connection(), limits=limits) as client:
        yield client
