"""What is to be done where the controller goes: `python -m controller release`, or `withdraw`.

Our finalizer keeps an object, and so its namespace, until a controller has removed what it wrote
for it. Where no controller runs any more nobody would, and a namespace that is deleted would wait
for ever. So either the finalizers come off, and the credentials stay in Entra ID (`release`, once
no controller runs); or everything goes first, while one still does (`withdraw`). The chart runs
them as hooks; see docs/controller.md, "Uninstalling".
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from controller.config.settings import LeaseSettings
from controller.kube import (
    Changed,
    Invalid,
    Kube,
    NotFound,
    NotServed,
    Object,
    Transient,
    paths,
)
from controller.kube.together import each
from controller.lease import Leadership
from controller.names import FINALIZER, GROUP, PLURAL
from entra.pacing import REAL, Pace

DEFINITION: Final = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}"
_CALL: Final = 10.0
"""Seconds for one call of the API server."""
_AGAIN: Final = 2.0
"""Seconds until the next look, or the next try."""
_TELL: Final = 15.0
"""Seconds between two lines of a log that say what is waited for."""
_TRIES: Final = 5
T = TypeVar("T")

_log = logging.getLogger("azwi.controller.release")


class NobodyLeads(Exception):  # noqa: N818 - it says all
    """There is no controller that would remove the credentials."""


async def release(kube: Kube, lease: LeaseSettings, pace: Pace = REAL) -> int:
    """Take our finalizer off all objects, and return of how many.

    Waits until no controller leads, and holds the Lease meanwhile: none may put finalizers back.
    Credentials, objects and the definition stay. Raises KubeError.
    """
    async with _leading(kube, lease, pace) as leadership:
        guarded = kube.guarded(partial(leadership.assure, _CALL))
        released = 0
        while names := await _patiently(partial(_finalized, guarded), pace):
            await _patiently(partial(each, partial(_take_off, guarded), names), pace)
            released += len(names)
        return released


async def withdraw(kube: Kube, lease: LeaseSettings, pace: Pace = REAL) -> None:
    """Delete the definition, and wait until the controller has removed all objects' credentials.

    Raises NobodyLeads before anything is deleted, and KubeError.
    """
    if await _definition(kube) is None:
        _log.info("nothing to withdraw: the definition is not there")
        return
    try:
        found = await kube.get(paths.lease(lease.namespace, lease.name))
    except NotFound:
        found = {}
    if not (found.get("spec") or {}).get("holderIdentity"):
        raise NobodyLeads(
            f"no controller holds the Lease {lease.namespace}/{lease.name}: nobody would remove the"
            " credentials; start it, or leave them (release)"
        )
    await kube.delete(DEFINITION)
    tell = _Teller(pace)
    while await _patiently(partial(_definition, kube), pace) is not None:
        left = await _patiently(partial(_finalized, kube), pace)
        some = ", ".join("/".join(one) for one in left[:3])
        tell.tell(
            f"waiting for {len(left)} objects ({some}): their conditions say what they wait for;"
            " many removals at once need an administrator's word"
        )
        await pace.sleep(_AGAIN)


@asynccontextmanager
async def _leading(kube: Kube, lease: LeaseSettings, pace: Pace) -> AsyncIterator[Leadership]:
    leadership = Leadership(kube, lease)
    task = asyncio.create_task(leadership.run(), name="lease")
    tell = _Teller(pace)
    try:
        while not leadership.leading:
            if leadership.holder:
                tell.tell(
                    f"waiting: the Lease {lease.namespace}/{lease.name} is {leadership.holder}'s;"
                    " no controller may run any more"
                )
            await pace.sleep(_AGAIN / 10)
        yield leadership
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _finalized(kube: Kube) -> list[tuple[str, str]]:
    """List the objects that our finalizer is on: namespace and name."""
    found = []
    try:
        async for page in kube.pages(paths.fics(), metadata_only=True):
            for item in page.items:
                metadata: Object = item["metadata"]
                if FINALIZER in (metadata.get("finalizers") or ()):
                    found.append((metadata["namespace"], metadata["name"]))
    except NotServed:
        return []  # without the definition there are no objects
    return found


async def _take_off(kube: Kube, name: tuple[str, str]) -> None:
    path = paths.fic(*name)
    for attempt in range(_TRIES):
        try:
            metadata: Object = (await kube.get(path))["metadata"]
            left = [one for one in metadata.get("finalizers") or () if one != FINALIZER]
            version = metadata["resourceVersion"]
            await kube.merge(path, {"metadata": {"finalizers": left, "resourceVersion": version}})
        except (NotFound, NotServed):
            return
        except (Changed, Invalid):
            if attempt == _TRIES - 1:
                raise
        else:
            return


async def _definition(kube: Kube) -> Object | None:
    try:
        return await kube.get(DEFINITION)
    except NotFound:
        return None


async def _patiently(call: Callable[[], Awaitable[T]], pace: Pace) -> T:
    """Call until the API server answers: whoever started this ends it when it takes too long."""
    while True:
        try:
            return await call()
        except Transient as error:
            _log.warning("trying again", extra={"error": str(error)})
            await pace.sleep(_AGAIN)


class _Teller:
    """Says what is waited for: at once, and then now and again."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._next = pace.now()

    def tell(self, text: str) -> None:
        if self._pace.now() >= self._next:
            _log.info(text)
            self._next = self._pace.now() + _TELL
