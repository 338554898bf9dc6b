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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import kopf

from controller.names import GROUP, KOPF_PREFIX, PLURAL, VERSION

_PAUSE: Final = 5.0
"""Seconds between the end of kopf and its next start."""
_WORKERS: Final = 200
_CHUNK: Final = 500
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
                self.problem = await asyncio.shield(ended)
            finally:
                self._stop.set()
                await asyncio.to_thread(thread.join)
            _log.warning("kopf has ended; it is started again", extra={"why": self.problem})
            await asyncio.sleep(_PAUSE)

    def _thread(
        self, loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[str]", stop: threading.Event
    ) -> None:
        why = "it ended by itself"
        try:
            asyncio.run(self._operate(loop, stop))
        except BaseException as error:  # noqa: BLE001 - the end of a thread: told, then retried
            why = f"{type(error).__name__}: {error}"
        loop.call_soon_threadsafe(_settle, ended, why)

    async def _operate(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        await kopf.operator(
            registry=self._registry(loop),
            settings=_settings(),
            standalone=True,
            clusterwide=True,
            stop_flag=stop,
        )

    def _registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        notices = self._notices

        def told(notice: Notice) -> Any:
            def handler(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
                loop.call_soon_threadsafe(notice, type or "", dict(body))

            return handler

        def login(**_: Any) -> kopf.ConnectionInfo:
            return self._login()

        def started(**_: Any) -> None:
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
    settings.queueing.idle_timeout = 0.5
    settings.queueing.worker_limit = _WORKERS
    settings.persistence.finalizer = f"{KOPF_PREFIX}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=KOPF_PREFIX)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=KOPF_PREFIX)
    return settings


def _settle(future: "asyncio.Future[str]", why: str) -> None:
    if not future.done():
        future.set_result(why)
