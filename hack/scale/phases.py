"""What is measured, in the order in which it happens."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench.stage import StageFailed
from hack.cluster import StartFailed
from hack.cluster.programs import Program
from hack.controller import Addresses, Controller
from hack.scale import counts
from hack.scale.bound import bound, budgets_needs, services_needs
from hack.scale.counts import Requests
from hack.scale.report import Book, Figure
from hack.scale.stage import WATCHER, Stage
from hack.scale.usage import Watched, cpu_of, memory_of

_ROOT: Final = Path(__file__).parents[2]
_LOOK: Final = 0.5
"""Seconds between looks at the controller's metrics: each costs it milliseconds."""
_PATIENCE: Final = 4.0
"""Times the bound, after which it is not waited for any more."""
_LEAST_PATIENCE: Final = 240.0
_SETTLING: Final = 3.0
_TAIL: Final = 4000
"""Characters of a log that are shown where something failed."""
_RESYNC: Final = 180.0
"""The controller's default, in seconds."""

MOST_WRITES: Final = 1.02
MOST_MIB: Final = 300.0
MOST_TO_READY: Final = 60.0
SLOWER: Final = 1.1
"""Times the bound that it may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is run."""

    factor: float
    """Times the published rates, of the emulator and of the controller's own budget."""
    hurry: float
    """How much faster the clock runs while nothing is to do."""
    resyncs: int
    launcher: tuple[str, ...] = ("-m", "controller")
    """What Python runs to fill everything; a profiler, say."""


@dataclass(slots=True)
class Run:
    """One run over a stage."""

    stage: Stage
    plan: Plan
    book: Book
    step: Callable[[str], AbstractContextManager[Callable[[str], None]]]

    def bare(self) -> None:
        """Run a kopf operator that only watches."""
        count = len(self.stage.fleet.accounts)
        program = Program(self.stage.folder, "bare")
        kubeconfig = self.stage.cluster.kubeconfig_for(WATCHER)
        with self.step("a bare kopf operator sees the ServiceAccounts") as tell:
            began = time.monotonic()
            command = [sys.executable, "-m", "hack.scale.bare", str(kubeconfig)]
            program.start(command, cwd=_ROOT)
            try:
                _until(lambda: _last_number(program) >= count, _LEAST_PATIENCE, "all are seen")
                took = time.monotonic() - began
                _pause(_SETTLING, tell)
                memory, cpu = memory_of(program), cpu_of(program)
            finally:
                program.stop(patience=0)
        self.book.add(
            "a bare kopf operator that sees the same ServiceAccounts",
            Figure("memory, RSS", memory.now, "MiB"),
            Figure("... at most", memory.peak, "MiB"),
            Figure("CPU", cpu, "s", digits=1),
            Figure("until it has seen all", took, "s", digits=1),
        )

    def fill(self) -> None:
        """Start the controller on everything, and wait until all is Ready."""
        stage, plan = self.stage, self.plan
        fleet = stage.fleet
        needs = services_needs(fleet, plan.factor)
        least, own = bound(needs), bound(budgets_needs(fleet, plan.factor))
        self.book.notes += [f"let through: {need}" for need in needs]
        self.book.notes.append(f"the controller's own budget allows all in {own:.0f} s")
        count = len(fleet.accounts)
        with self._controller(plan.launcher, "fill") as controller:
            with self.step(f"{count:,} ServiceAccounts become Ready; bound {least:.0f} s") as tell:
                began, watched = self._watched(controller)
                patience = max(_LEAST_PATIENCE, _PATIENCE * least)
                _until(lambda: _ready(controller, tell) >= count, patience, f"{count:,} are Ready")
                took = time.monotonic() - began
            shares = watched.shares(time.monotonic())
            self.book.notes.append(f"while it filled: {shares}")
            self._calm(controller)
            calls, requests = stage.entra_calls(), stage.requests()
            text = _metrics(controller)
            memory, cpu = memory_of(controller.program), cpu_of(controller.program)
        self._check()
        self._note_calls(calls, counts.entra_calls(text), count)
        self.book.add(
            "time",
            Figure("bound by the services' rates", least, "s"),
            Figure("from the start to all Ready", took, "s", max(least * SLOWER, 1.0)),
        )
        self.book.add(
            "the controller",
            Figure("memory, RSS, all Ready", memory.now, "MiB", MOST_MIB),
            Figure("... at most until then", memory.peak, "MiB", MOST_MIB),
            Figure("CPU until then", cpu, "s"),
        )
        self.book.notes.append(
            f"the API server's writes since it began: {counts.told(counts.writes(requests))}"
        )

    def again(self) -> None:
        """Start it anew, with everything in place."""
        stage, count = self.stage, len(self.stage.fleet.accounts)
        entra, requests = stage.entra_calls(), stage.requests()
        with self._controller(("-m", "controller"), "again") as controller:
            with self.step("started anew, with everything in place"):
                began, watched = self._watched(controller)
                controller.await_ready(_LEAST_PATIENCE)
                answering = time.monotonic() - began
                self._calm(controller)
                took = time.monotonic() - began
            shares = watched.shares(time.monotonic())
            memory = memory_of(controller.program)
        self.book.notes.append(f"while it started anew: {shares}")
        new, asked = _more(stage.entra_calls(), entra), stage.requests() - requests
        written = counts.without_leases(counts.writes(asked))
        self.book.add(
            "started anew, with everything in place",
            Figure("writes to Entra ID", _writes(new), "", 0),
            Figure("lists of an identity's credentials, at most", _most(new, _LISTS), "", 1),
            Figure("look-ups of an identity, at most", _most(new, _LOOKUPS), "", 1),
            Figure("writes to the API server, without Leases", written.total(), "", 0),
            Figure("SubjectAccessReviews for each object", counts.reviews(asked) / count, digits=2),
            Figure("until it answers that it is ready", answering, "s", MOST_TO_READY, 1),
            Figure("until everything was looked at", took, "s", MOST_TO_READY, 1),
            Figure("memory at most, RSS", memory.peak, "MiB", MOST_MIB),
        )
        if written:
            self.book.notes.append(f"written when started anew: {counts.told(written)}")

    def steady(self) -> None:
        """Let several resyncs pass, by a faster clock."""
        stage, plan, count = self.stage, self.plan, len(self.stage.fleet.accounts)
        members = len(stage.fleet.members)
        launcher = ("-m", "hack.scale.hurried", f"{plan.hurry:g}")
        with self._controller(launcher, "steady") as controller:
            controller.await_ready(_LEAST_PATIENCE)
            self._calm(controller)
            entra, requests, began = stage.entra_calls(), stage.requests(), time.monotonic()
            done = _looked_at(controller)
            cpu = cpu_of(controller.program)
            wanted = plan.resyncs * members
            what = f"{plan.resyncs} resyncs, by a clock {plan.hurry:g} times as fast"
            patience = _LEAST_PATIENCE + 2 * plan.resyncs * _RESYNC / plan.hurry
            with self.step(what):
                _until(lambda: _looked_at(controller) - done >= wanted, patience, what)
                self._calm(controller)
            took = time.monotonic() - began
            new, asked = _more(stage.entra_calls(), entra), stage.requests() - requests
            resyncs = (_looked_at(controller) - done) / members
            cpu = cpu_of(controller.program) - cpu
            memory = memory_of(controller.program)
        written = counts.writes(asked)
        part = f"{resyncs:.1f} resyncs with nothing to do, in {took:.0f} s"
        self.book.add(
            part,
            Figure("writes to Entra ID", _writes(new), "", 0),
            Figure("calls of Entra ID", sum(by.total() for by in new.values())),
            Figure(
                "writes to the API server, without Leases",
                counts.without_leases(written).total(),
                "",
                0,
            ),
            Figure("SubjectAccessReviews", counts.reviews(asked), "", resyncs * count),
            Figure("CPU of a resync", cpu / max(resyncs, 1.0), "s", digits=1),
            Figure("memory, RSS", memory.now, "MiB", MOST_MIB),
        )
        self.book.notes.append(f"asked of the API server while nothing was to do: {_told(asked)}")

    def _note_calls(self, calls: dict[str, Counter[str]], told: Counter[str], count: int) -> None:
        writes = _writes(calls)
        self.book.add(
            "calls, as the emulator counts them",
            Figure("look-ups of an identity, at most", _most(calls, _LOOKUPS), "", 1),
            Figure("lists of an identity's credentials, at most", _most(calls, _LISTS), "", 1),
            Figure("writes for each credential", writes / count, "", MOST_WRITES, 4),
        )
        by_kind = {kind: by.total() for kind, by in sorted(calls.items())}
        self.book.notes += [
            "the emulator's: " + ", ".join(f"{kind} {n:,}" for kind, n in by_kind.items()),
            "the controller's: " + ", ".join(f"{kind} {n:,}" for kind, n in sorted(told.items())),
        ]

    def _check(self) -> None:
        """Look past the controller whether what it says is so."""
        stage = self.stage
        with self.step("looking at the objects and at Entra ID"):
            ready, there = stage.ready(), stage.credentials()
        if ready != len(stage.fleet.accounts) or there != stage.fleet.wanted:
            raise StageFailed(
                f"the controller says that all is Ready: {ready:,} objects say so, and"
                f" {there.total():,} credentials stand in Entra ID"
            )

    def _watched(self, controller: Controller) -> tuple[float, Watched]:
        programs = {"controller": controller.program}
        programs["emulator"] = self.stage.emulator.program
        for name in ("kube-apiserver", "etcd"):
            programs[name] = Program(self.stage.cluster.folder, name)
        began = time.monotonic()
        return began, Watched(programs, began)

    def _calm(self, controller: Controller) -> None:
        """Wait until nothing is due."""
        size = self.stage.fleet.size

        def calm() -> bool:
            text = _metrics(controller)
            return (
                counts.reconciles(text, "accounts") >= size.accounts
                and counts.reconciles(text, "identities") >= size.identities
                and not counts.busy(text)
            )

        _until(calm, _LEAST_PATIENCE * 2, "everything was looked at, and nothing is due any more")

    @contextmanager
    def _controller(self, launcher: tuple[str, ...], name: str) -> Iterator[Controller]:
        """Start one; it ends in order with the block."""
        flags = self.stage.controllers_flags(self.plan.factor)
        controller = Controller(self.stage.folder, flags, name=name, command=launcher)
        try:
            controller.start()
            yield controller
        except StageFailed as failed:
            raise StageFailed(
                f"{failed}; its log ends with\n{controller.log()[-_TAIL:]}"
            ) from failed
        finally:
            controller.stop()


_LOOKUPS: Final = ("graph.principals.", "graph.applications.", "arm.identities.")
_LISTS: Final = ("graph.credentials.list", "arm.credentials.list")
_READS: Final = ("list", "get")


def _writes(calls: dict[str, Counter[str]]) -> int:
    """Count writes of credentials, refused ones too."""
    return sum(
        by.total()
        for kind, by in calls.items()
        if ".credentials." in kind and not kind.endswith(_READS)
    )


def _most(calls: dict[str, Counter[str]], kinds: tuple[str, ...]) -> int:
    """Return the most calls of these kinds that one identity had."""
    by_identity: Counter[str] = Counter()
    for kind, by in calls.items():
        if kind.startswith(kinds):
            by_identity += by
    return max(by_identity.values(), default=0)


def _more(now: dict[str, Counter[str]], before: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    return {kind: by - before.get(kind, Counter()) for kind, by in now.items()}


def _ready(controller: Controller, tell: Callable[[str], None]) -> int:
    found = counts.ready(_metrics(controller))
    tell(f"{found:,} Ready")
    return found


def _looked_at(controller: Controller) -> int:
    return counts.reconciles(_metrics(controller), "identities")


def _metrics(controller: Controller) -> str:
    """Read them; empty where nobody answers in time."""
    if (status := controller.program.exit_status()) is not None:
        raise StageFailed(f"the controller ended with status {status}")
    told = Addresses.told_in(controller.log())
    try:
        return told.ask_metrics() if told else ""
    except StartFailed:  # it has too much to do, and is asked again
        return ""


def _last_number(program: Program) -> int:
    lines = [line for line in program.log.read_text().splitlines() if line.isdigit()]
    return int(lines[-1]) if lines else 0


def _until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise StageFailed(f"not within {seconds:.0f} s: {what}")
        time.sleep(_LOOK)


def _pause(seconds: float, tell: Callable[[str], None]) -> None:
    tell("settling")
    time.sleep(seconds)


def _told(requests: Requests) -> str:
    return counts.told(requests)
