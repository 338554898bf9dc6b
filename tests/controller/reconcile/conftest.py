"""Tests of this folder run in virtual time, and without real I/O."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.controller.reconcile.stage import Stage
from tests.fakes.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual time": VirtualTimeLoop}


@pytest.fixture
async def stage() -> Stage:
    return await Stage.opened()
