"""Doing the same to many objects: a few at a time, and one that fails keeps nobody else waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from controller.kube.errors import KubeError, Unreachable

T = TypeVar("T")

AT_ONCE: Final = 8
"""Calls of one who works: others have theirs at the same time, and connections are few."""


async def each(work: Callable[[T], Awaitable[object]], things: Iterable[T]) -> None:
    """Do it to all; when all have ended raise the first error there was, if there was one.

    Anybody may write an object that the API server refuses to change: that is no reason to leave
    the objects of others. After any other error, or no answer, nothing more is begun.
    """
    todo, errors = list(things), list[Exception]()
    left = iter(todo)

    async def worker() -> None:
        for thing in left:
            try:
                await work(thing)
            except Exception as error:  # noqa: BLE001 - raised below, with nothing left running
                errors.append(error)
            if any(
                isinstance(one, Unreachable) or not isinstance(one, KubeError) for one in errors
            ):
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(todo))):
            group.create_task(worker())
    if errors:
        raise next((one for one in errors if not isinstance(one, KubeError)), errors[0])
