"""A run: cases dealt to parallel connections, judged as they come back, vitals at both ends."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from hack.fuzz.case import Answer, Case, End, Lane, Layer, Seen, request
from hack.fuzz.cases import deal
from hack.fuzz.client import Connection
from hack.fuzz.oracle import Finding, Kind, judge
from hack.fuzz.outcome import name_of
from hack.fuzz.reviews import a_review, written
from hack.fuzz.stage import Stage
from hack.fuzz.vitals import Vitals, compare, connections_in, judge_log, judge_metrics

_LANES: Final = {Lane.API: 8, Lane.SLOW: 64}
"""How many cases wait at a time. The server has 24 connections to the API server, so that those
that hang leave some for the others."""
_STAGGER: Final = 0.0003
"""Seconds between copies of a case: some come while the first one is being answered."""
_SETTLE: Final = 20.0
_MOST_HANGS: Final = 40
"""A server that hangs for good is given up."""
_MOST_TOLD: Final = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do."""

    seed: int
    count: int = 100_000
    seconds: float = 1800.0
    """No case is begun after this."""
    connections: int = 8
    patience: float = 20.0
    """Seconds for an answer, those that the server itself waits (10) included."""
    hurry: bool = False
    """Leave out the cases that wait for the server's time limits."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding and the case that showed it; None: the run as a whole."""

    finding: Finding
    index: int | None = None
    what: str = ""


@dataclass(slots=True)
class Report:
    """What a run came to."""

    plan: Plan
    table: dict[Layer, Counter[str]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    kinds: Counter[Kind] = field(default_factory=Counter)
    slowest: dict[Layer, tuple[float, int]] = field(default_factory=dict)
    memory: list[tuple[int, int]] = field(default_factory=list)
    """Cases done, and bytes."""
    vitals: list[Vitals] = field(default_factory=list)
    """Before, after the first tenth, at the end."""
    done: int = 0
    left_out: int = 0
    seconds: float = 0.0

    def add(self, finding: Finding, index: int | None = None, what: str = "") -> None:
        """Note a finding; beyond a number, only how many of its kind there are."""
        self.kinds[finding.kind] += 1
        if self.kinds[finding.kind] <= _MOST_TOLD:
            self.found.append(Found(finding, index, what))

    def count(self, index: int, case: Case, seen: Seen) -> None:
        """Count an outcome; a case that is sent several times has several."""
        self.table.setdefault(case.layer, Counter())[name_of(case, seen)] += 1
        if case.lane is Lane.QUICK:
            self.slowest[case.layer] = max(
                self.slowest.get(case.layer, (0.0, 0)), (seen.seconds, index)
            )


class Run:
    """One run against one server."""

    def __init__(self, stage: Stage, plan: Plan, progress: Callable[[Report], None]) -> None:
        self._stage = stage
        self._plan = plan
        self._progress = progress
        self._report = Report(plan)
        self._lanes = {lane: asyncio.Semaphore(places) for lane, places in _LANES.items()}
        self._waiting: set[asyncio.Task[None]] = set()
        self._started = 0.0

    async def play(self) -> Report:
        """Play all cases."""
        self._started = time.monotonic()
        report, count = self._report, self._plan.count
        before = await self._good_answer()
        report.vitals.append(await self._vitals())
        tenth = max(1, count // 10)
        await self._play_some(iter(range(tenth)))
        report.vitals.append(await self._vitals())
        warm = report.done
        await self._play_some(iter(range(tenth, count)))
        if self._stage.alive:
            report.vitals.append(await self._vitals())
            try:
                await self._judge_whole(before, report.done - warm)
            except OSError as error:
                report.add(Finding(Kind.HEALTH, f"it does not answer any more: {error!r}"))
        for finding in judge_log(self._stage.program.log):
            report.add(finding)
        report.seconds = time.monotonic() - self._started
        return report

    async def _judge_whole(self, before: Answer | None, cases: int) -> None:
        report = self._report
        first, warm, last = report.vitals
        findings = [
            *compare(first, warm, last, cases),
            *judge_metrics(self._stage.read_metrics()),
        ]
        after = await self._good_answer()
        if (
            before is None
            or after is None
            or (before.status, before.body)
            != (
                after.status,
                after.body,
            )
        ):
            findings.append(Finding(Kind.HEALTH, f"{before!r:.300} became {after!r:.300}"))
        for status, text in (self._stage.ready(), self._stage.alive_and_well()):
            if status != 200:
                findings.append(Finding(Kind.HEALTH, f"{status} {text}"))
        for finding in findings:
            report.add(finding)

    async def _play_some(self, indices: Iterator[int]) -> None:
        """Play cases until there are no more, and wait for those that wait."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._plan.connections):
                group.create_task(self._work(indices))
        while self._waiting:
            await asyncio.wait(self._waiting)

    async def _work(self, indices: Iterator[int]) -> None:
        connection: Connection | None = None
        for index in indices:
            if time.monotonic() - self._started > self._plan.seconds or not self._is_alive():
                break
            case = deal(self._plan.seed, index)
            if case.lane is Lane.SLOW and self._plan.hurry:
                self._report.left_out += 1
            elif case.lane is not Lane.QUICK:
                await self._lanes[case.lane].acquire()
                task = asyncio.create_task(self._play_waiting(index, case))
                self._waiting.add(task)
                task.add_done_callback(self._waiting.discard)
            elif case.fresh:
                await self._play_fresh(index, case)
            else:
                connection = await self._play_on(connection, index, case)
            self._report.done += case.lane is Lane.QUICK
            self._tell()
        if connection is not None:
            await connection.close()

    async def _play_waiting(self, index: int, case: Case) -> None:
        try:
            await self._play_fresh(index, case)
        finally:
            self._report.done += 1
            self._lanes[case.lane].release()

    async def _play_fresh(self, index: int, case: Case) -> None:
        async with asyncio.TaskGroup() as group:
            for copy in range(case.copies):
                group.create_task(self._play_copy(index, case, copy * _STAGGER))

    async def _play_copy(self, index: int, case: Case, after: float) -> None:
        connection = await self._open(index, case)
        if connection is None:
            return
        try:
            if after:
                await asyncio.sleep(after)
            self._judge(index, case, await connection.perform(case, self._plan.patience))
        finally:
            await end(connection, case)

    async def _play_on(
        self, connection: Connection | None, index: int, case: Case
    ) -> Connection | None:
        """Play a case on a connection that others have used; return it if more may."""
        connection = connection or await self._open(index, case)
        if connection is None:
            return None
        seen = await connection.perform(case, self._plan.patience)
        self._judge(index, case, seen)
        if not (seen.closed or seen.timed_out or seen.fault):
            return connection
        await connection.abort()
        return None

    async def _open(self, index: int, case: Case) -> Connection | None:
        try:
            return await Connection.open(
                self._stage.target, tls=case.tls, patience=self._plan.patience
            )
        except OSError as error:
            self._report.add(Finding(Kind.HEALTH, f"no connection: {error}"), index, case.what)
            await asyncio.sleep(0.2)
            return None

    def _judge(self, index: int, case: Case, seen: Seen) -> None:
        self._report.count(index, case, seen)
        for finding in judge(case, seen):
            self._report.add(finding, index, f"{case.layer}: {case.what}")

    def _is_alive(self) -> bool:
        """Tell whether it makes sense to go on."""
        kinds = self._report.kinds
        if kinds[Kind.HANG] + kinds[Kind.HEALTH] >= _MOST_HANGS:
            return False
        if self._report.done % 100 or self._stage.alive:
            return True
        if Kind.HEALTH not in self._report.kinds:
            self._report.add(Finding(Kind.HEALTH, f"it ended{self._stage.program.tail()}"))
        return False

    def _tell(self) -> None:
        report = self._report
        step = max(1, self._plan.count // 10)
        if report.done // step > len(report.memory):
            report.memory.append((report.done, self._stage.memory()))
        self._progress(report)

    async def _good_answer(self) -> Answer | None:
        """Ask what is asked before and after."""
        body = written(a_review(random.Random(0)))  # noqa: S311 - always the same one
        case = Case(Layer.CONTROL, "a good review", (request(body),), (body,))
        connection = await Connection.open(self._stage.target)
        try:
            seen = await connection.perform(case, self._plan.patience)
        finally:
            await connection.close()
        return seen.answers[0] if seen.answers else None

    async def _vitals(self) -> Vitals:
        """Look at the server when nothing is under way any more."""
        connections = -1.0
        deadline = time.monotonic() + _SETTLE
        while time.monotonic() < deadline:
            with suppress(OSError):
                connections = connections_in(self._stage.read_metrics())
            if connections == 0:
                break
            await asyncio.sleep(0.1)
        return Vitals(
            self._stage.memory(), self._stage.descriptors(), self._stage.threads(), connections
        )


async def end(connection: Connection, case: Case) -> None:
    """End a connection as the case has it."""
    if case.end is End.ABORT or not case.tls:
        await connection.abort()
    else:
        await connection.close()
