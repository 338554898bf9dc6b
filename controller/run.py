"""The process as a whole: health, metrics, the Lease, and the leader's work while we hold it."""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

from controller.config.settings import Config
from controller.health import serving
from controller.issuer import IssuerUnknown
from controller.journal import JournalError
from controller.kube import Connection, Kube, KubeError
from controller.leading import API_TIMEOUT, Office, State, lead
from controller.lease import Leadership, NotLeading
from controller.logs import loop_exception_handler
from controller.metrics import Metrics

_RETRY: Final = 5.0
"""Seconds after the leader's work has failed; doubled each time in a row."""
_LONGEST_RETRY: Final = 60.0
_LONG: Final = 300.0
"""Seconds of work after which a failure is none in a row."""
_BLIND: Final = 60.0
"""Seconds without a watch that a restart of kopf may take."""
_STUCK: Final = 30.0
"""Seconds without a turn of the loop after which the process is not alive any more."""

_log = logging.getLogger("azwi.controller")


@dataclass(slots=True)
class _Beat:
    """When the loop last turned."""

    at: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        while True:
            self.at = time.monotonic()
            await asyncio.sleep(1.0)

    def problem(self) -> str | None:
        still = time.monotonic() - self.at
        return f"the loop has not turned for {still:.0f} s" if still > _STUCK else None


async def run(config: Config, connection: Connection, out: TextIO = sys.stdout) -> None:
    """Work until a signal asks for the end. Raises what keeps the process from starting."""
    asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
    stop = asyncio.Event()
    metrics, state, beat = Metrics(), State(), _Beat()
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(Kube(connection, timeout=API_TIMEOUT))
        # A client of its own: the Lease must not wait for a connection behind other calls.
        lease_kube = await stack.enter_async_context(Kube(connection, timeout=API_TIMEOUT))
        leadership = Leadership(lease_kube, config.lease)
        office = Office(config, connection, kube, leadership, metrics, state)
        metrics.watch_leading(lambda: leadership.leading)
        checks = {
            "leader": lambda: _leader_problem(leadership, state),
            "cluster": lambda: _cluster_problem(state),
            "watch": lambda: _watch_problem(state),
        }
        served = await stack.enter_async_context(
            serving(config, live={"loop": beat.problem}, ready=checks, metrics=metrics)
        )
        told = {"health": _url(served.health), "metrics": _url(served.metrics)}
        out.write(json.dumps(told) + "\n")
        out.flush()
        stack.enter_context(_signals(stop))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(beat.run(), name="beat"),
                group.create_task(leadership.run(), name="lease"),
                group.create_task(_terms(office), name="terms"),
            ]
            await stop.wait()
            # The work first, the Lease last: nobody else begins before we have ended.
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait((task,))


async def _terms(office: Office) -> None:
    """Lead whenever we hold the Lease, and stop as soon as we don't."""
    leadership, state = office.leadership, office.state
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        if not leadership.leading:
            state.problem = "waiting for the Lease"
        await leadership.wait_leading()
        _log.info("leading")
        begun = loop.time()
        work = asyncio.create_task(lead(office), name="lead")
        lost = asyncio.create_task(leadership.wait_lost(), name="lost")
        try:
            await asyncio.wait((work, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, lost):
                task.cancel()
            await asyncio.wait((work, lost))
        if work.cancelled():
            _log.warning("no longer leading: the Lease is lost")
            continue
        state.problem = _why(work.exception())
        failures = failures + 1 if loop.time() - begun < _LONG else 1
        pause = min(_RETRY * 2.0 ** (failures - 1), _LONGEST_RETRY)
        _log.error(
            "the leader's work has ended; it begins anew",
            extra={"why": state.problem, "again_in": pause},
        )
        await asyncio.sleep(pause)


def _why(error: BaseException | None) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, (KubeError, JournalError, IssuerUnknown, NotLeading)):
        return str(error)
    if error is not None:
        _log.error("unexpected error", exc_info=error)
    return type(error).__name__


def _url(address: str | None) -> str | None:
    if address is None:
        return None
    return f"http://localhost{address}" if address.startswith(":") else f"http://{address}"


def _leader_problem(leadership: Leadership, state: State) -> str | None:
    if leadership.leading:
        return state.problem or None
    return None if leadership.holder else "nobody holds the Lease"


def _cluster_problem(state: State) -> str | None:
    if state.term is None:
        return None
    problems = state.term.lists.problems
    return "; ".join(f"{what} can't be listed: {why}" for what, why in problems.items()) or None


def _watch_problem(state: State) -> str | None:
    watch = state.watch
    if watch is None or watch.blind_for < _BLIND:
        return None
    return f"nothing is watched for {watch.blind_for:.0f} s, only listed: {watch.problem}"


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked: Mapping[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: stop.set,
        signal.SIGINT: stop.set,
    }
    for number, act in asked.items():
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in asked:
            loop.remove_signal_handler(number)
