"""Waiting in a test for what comes about by itself."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something is so; a TimeoutError if it takes too long."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  nobody is there to set an event
            await asyncio.sleep(0.005)
