"""Tests of this folder run in virtual time, but for those with threads or sockets."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.fakes.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.stem in {"test_watch", "test_run"}:
        return {"real time": asyncio.new_event_loop}
    return {"virtual time": VirtualTimeLoop}
