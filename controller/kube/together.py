"""Doing the same to many objects: a few at a time, and one that fails keeps nobody else waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from controller.kube.errors import KubeError, Unreachable

T = TypeVar("T")

AT_ONCE: Final = 8
"""Calls of one who works: others have theirs at the same time, and connections are few."""


async def each(work: Callable[[T], Awaitable[object]], things: Iterable[T]) -> None:
    """Do it to all; when all have ended raise the first `KubeError` there was, if there was one.

    Anybody may write an object that the API server refuses to change: that is no reason to leave
    the objects of others. Where the server does not answer, nothing more is begun.
    """
    left, errors = iter(things), list[KubeError]()

    async def worker() -> None:
        for thing in left:
            try:
                await work(thing)
            except KubeError as error:
                errors.append(error)
            if any(isinstance(error, Unreachable) for error in errors):
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    if errors:
        raise errors[0]
