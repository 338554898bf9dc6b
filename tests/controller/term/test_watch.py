"""kopf's thread: it ends, it hangs, it outlives the loop; the work goes on."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kopf
import pytest
from kopf._core.intents.causes import Activity

from controller import watch as watching
from controller.names import KOPF_PREFIX
from controller.watch import Notices, Watch


class OwnWatch(Watch):
    """Has something else in the place of kopf."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        notices = Notices(*(lambda kind, _: self.heard.append(kind),) * 3)
        super().__init__(kopf.ConnectionInfo, notices, grants=False)  # type: ignore[arg-type]
        self.error: Exception | None = None
        self.heeds_stop = True
        self.begun = threading.Event()
        self.let_go = threading.Event()

    async def _operate(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        self.begun.set()
        if self.error:
            raise self.error
        await asyncio.to_thread(stop.wait if self.heeds_stop else self.let_go.wait)


@contextmanager
def let_go(watch: OwnWatch) -> Iterator[None]:
    try:
        yield
    finally:
        watch.let_go.set()


async def begun(watch: OwnWatch) -> "asyncio.Task[None]":
    task = asyncio.create_task(watch.run())
    await asyncio.to_thread(watch.begun.wait, 5)
    return task


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()


async def test_it_ends_when_it_is_told_to() -> None:
    watch = OwnWatch()
    await ended(await begun(watch))
    assert "kopf" not in {thread.name for thread in threading.enumerate()}


async def test_one_that_does_not_end_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a process that lost the Lease, and gets it back, would hold it and do nothing."""
    monkeypatch.setattr(watching, "_PATIENCE", 0.05)
    watch = OwnWatch()
    watch.heeds_stop = False
    with let_go(watch):
        await ended(await begun(watch))
        assert "does not end" in caplog.text


def test_one_that_outlives_the_loop_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_PATIENCE", 0.05)
    watch = OwnWatch()
    watch.heeds_stop = False
    unheard: list[object] = []
    monkeypatch.setattr(threading, "excepthook", unheard.append)

    async def whole() -> None:
        await ended(await begun(watch))

    with let_go(watch):
        asyncio.run(whole())
    for thread in threading.enumerate():
        if thread.name == "kopf":
            thread.join(5)
    gc.collect()
    assert not unheard


async def test_one_that_ends_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "_PAUSE", 0.01)
    watch = OwnWatch()
    watch.error = RuntimeError("no luck")
    task = await begun(watch)
    async with asyncio.timeout(5):
        while watch.restarts < 2:  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.01)
        watch.begun.clear()
        watch.error = None
        await asyncio.to_thread(watch.begun.wait, 5)
    assert not task.done()
    assert "is started again" in caplog.text
    await ended(task)


@pytest.mark.parametrize("grants", [True, False])
def test_it_watches_what_it_should_and_writes_nothing(grants: bool) -> None:
    """Handlers of changes would write a finalizer and annotations on people's ServiceAccounts."""
    loop = asyncio.new_event_loop()
    notices = Notices(*(lambda kind, _: None,) * 3)
    watch = Watch(kopf.ConnectionInfo, notices, grants=grants)  # type: ignore[arg-type]
    registry = watch._registry(loop, threading.Event())
    loop.close()
    watched = {str(handler.selector) for handler in registry._watching.get_all_handlers()}
    roles = {one for one in watched if "rbac" in one}
    assert len(watched - roles) == 2
    assert len(roles) == (2 if grants else 0)
    for others in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert not others.get_all_handlers()
    settings = watching._settings()
    assert not settings.posting.enabled
    assert not settings.networking.trust_env
    assert settings.persistence.finalizer.startswith(KOPF_PREFIX)


async def test_once_kopf_has_started_nothing_is_wrong() -> None:
    watch = OwnWatch()
    stop = threading.Event()
    registry = watch._registry(asyncio.get_running_loop(), stop)
    (started,) = [
        handler.fn
        for handler in registry._activities.get_all_handlers()
        if handler.activity is Activity.STARTUP
    ]
    assert watch.problem
    stop.set()
    started()  # type: ignore[call-arg]
    assert watch.problem, "one that was told to end"
    stop.clear()
    started()  # type: ignore[call-arg]
    assert (watch.problem, watch.blind_for) == ("", 0.0)


def test_what_is_said_to_a_loop_that_is_closed_is_lost_quietly() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    watching._hand_over(loop, pytest.fail, "somebody heard it")


async def test_what_is_still_said_after_the_end_is_not_heard() -> None:
    watch = OwnWatch()
    stop = threading.Event()
    registry = watch._registry(asyncio.get_running_loop(), stop)
    handler: Any = next(iter(registry._watching.get_all_handlers())).fn
    handler(type="ADDED", body={})
    await asyncio.sleep(0)
    assert watch.heard == ["ADDED"]
    stop.set()
    handler(type="DELETED", body={})
    await asyncio.sleep(0)
    assert watch.heard == ["ADDED"]


async def test_why_it_ended_is_known_and_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_PAUSE", 10.0)
    watch = OwnWatch()
    watch.error = RuntimeError("no\nluck")
    task = await begun(watch)
    async with asyncio.timeout(5):
        while "luck" not in watch.problem:  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.01)
    assert watch.problem == "RuntimeError: no luck"
    assert watch.blind_for > 0
    await ended(task)
