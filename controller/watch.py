"""kopf, which watches for us. Handlers notice, and nothing else.

kopf runs in a thread with an event loop of its own: it cancels all tasks of its loop when it ends,
and ends when one of its watches can't go on. Then it is started again, while our own work, and our
lists, go on. It has `on.event` handlers only: no others write annotations or finalizers, and none
of kopf's may appear on users' objects.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import kopf

from controller.names import GROUP, KOPF_PREFIX, PLURAL, VERSION
from entra.errors import one_line

_PAUSE: Final = 5.0
"""Seconds between the end of kopf and its next start."""
_PATIENCE: Final = 10.0
"""Seconds that kopf has to end. Nobody waits for longer: who holds the Lease has to work."""
_IDLE: Final = 0.05
"""Seconds for which kopf keeps an object that it has told, lest there be more to tell of it. There
is no limit to how many it keeps: those beyond one would be read all the same, and wait as a whole.
"""
_CHUNK: Final = 100
"""Objects of one page of a list: whole lists of 10,000 are tens of megabytes in memory, twice."""
_SWITCH: Final = 0.0005
"""Seconds that kopf's thread may keep ours waiting for the interpreter each time that ours has sent
or read something. By default they are ten times as many: then ours makes 50 calls a second instead
of 500 while kopf goes through thousands of objects."""

_log = logging.getLogger("azwi.controller.watch")

Notice = Callable[[str, Mapping[str, Any]], None]
"""Takes the type of a watch event (`DELETED`, ... or empty for what was listed) and the object."""


@dataclass(frozen=True, slots=True)
class Notices:
    """Who hears of what; called on the event loop of the caller, never on kopf's."""

    account: Notice
    credential: Notice
    grant: Notice


class Watch:
    """Runs kopf for as long as it is asked to."""

    def __init__(
        self, login: Callable[[], kopf.ConnectionInfo], notices: Notices, *, grants: bool
    ) -> None:
        """Take what logs in, who hears, and whether ClusterRoles and their bindings are watched."""
        self._login = login
        self._notices = notices
        self._grants = grants
        self._stop = threading.Event()
        self.problem = "kopf has not started yet"
        """Why nothing is watched now; empty while it is."""
        self.restarts = -1
        self._blind_since = time.monotonic()

    @property
    def blind_for(self) -> float:
        """The seconds for which nothing has been watched; 0 while something is."""
        return time.monotonic() - self._blind_since if self.problem else 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        sys.setswitchinterval(_SWITCH)
        while True:
            self.restarts += 1
            ended: asyncio.Future[str] = loop.create_future()
            self._stop = threading.Event()
            thread = threading.Thread(
                target=self._thread, args=(loop, ended, self._stop), name="kopf", daemon=True
            )
            thread.start()
            try:
                why = await asyncio.shield(ended)
            finally:
                await self._end(thread, ended)
            self.problem, self._blind_since = why, time.monotonic()
            _log.warning("kopf has ended; it is started again", extra={"why": self.problem})
            await asyncio.sleep(_PAUSE)

    async def _end(self, thread: threading.Thread, ended: "asyncio.Future[str]") -> None:
        """Have kopf end, and wait for it as long as that may take."""
        self._stop.set()
        await asyncio.wait({ended}, timeout=_PATIENCE)
        if ended.done():
            thread.join(1.0)
        else:
            _log.error("kopf does not end: it is left alone, and nobody hears of what it says")

    def _thread(
        self, loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[str]", stop: threading.Event
    ) -> None:
        why = "it ended by itself"
        try:
            asyncio.run(self._operate(loop, stop))
        except BaseException as error:  # noqa: BLE001 - the end of a thread: told, then retried
            why = f"{type(error).__name__}: {one_line(str(error))}"
        _hand_over(loop, _settle, ended, why)

    async def _operate(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        await kopf.operator(
            registry=self._registry(loop, stop),
            settings=_settings(),
            standalone=True,
            clusterwide=True,
            stop_flag=stop,
        )

    def _registry(
        self, loop: asyncio.AbstractEventLoop, stop: threading.Event
    ) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        notices = self._notices

        def told(notice: Notice) -> Any:
            def handler(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
                if not stop.is_set():
                    _hand_over(loop, notice, type or "", dict(body))

            return handler

        def login(**_: Any) -> kopf.ConnectionInfo:
            return self._login()

        def started(**_: Any) -> None:
            if not stop.is_set():
                self.problem = ""

        kopf.on.login(registry=registry)(login)
        kopf.on.startup(registry=registry)(started)
        kopf.on.event("", "v1", "serviceaccounts", registry=registry)(told(notices.account))
        kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(told(notices.credential))
        if self._grants:
            for plural in ("clusterroles", "clusterrolebindings"):
                kopf.on.event("rbac.authorization.k8s.io", "v1", plural, registry=registry)(
                    told(notices.grant)
                )
        return registry


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.trust_env = False
    settings.networking.request_timeout = 30
    settings.watching.server_timeout = 300
    settings.watching.chunk_size = _CHUNK
    settings.queueing.idle_timeout = _IDLE
    settings.persistence.finalizer = f"{KOPF_PREFIX}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=KOPF_PREFIX)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=KOPF_PREFIX)
    return settings


def _hand_over(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: Any) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
        loop.call_soon_threadsafe(call, *arguments)


def _settle(future: "asyncio.Future[str]", why: str) -> None:
    if not future.done():
        future.set_result(why)
