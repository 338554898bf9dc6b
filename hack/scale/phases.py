"""What is measured, in the order in which it happens."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench.stage import StageFailed
from hack.cluster.programs import Program
from hack.controller import Controller
from hack.scale import counts
from hack.scale.bound import bound, budgets_needs, services_needs
from hack.scale.report import Book, Figure
from hack.scale.stage import WATCHER, Stage
from hack.scale.subject import PATIENCE, running, until
from hack.scale.usage import Watched, cpu_of, memory_of

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE: Final = 4.0
"""Times the bound, after which it is not waited for any more."""
_SETTLING: Final = 3.0
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
        with self.step("a bare kopf operator sees the ServiceAccounts"):
            began = time.monotonic()
            command = [sys.executable, "-m", "hack.scale.bare", str(kubeconfig)]
            program.start(command, cwd=_ROOT)
            try:
                until(lambda: _last_number(program) >= count, PATIENCE, "all are seen")
                took = time.monotonic() - began
                time.sleep(_SETTLING)
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
        with running(stage, plan.factor, plan.launcher, "fill") as subject:
            controller = subject.controller
            with self.step(f"{count:,} ServiceAccounts become Ready; bound {least:.0f} s") as tell:
                began, watched = self._watched(controller)
                subject.wait_full(max(PATIENCE, _PATIENCE * least), tell)
                took = time.monotonic() - began
            shares = watched.shares(time.monotonic())
            self.book.notes += filter(None, [f"while it filled: {shares}", shares.warning])
            subject.wait_calm()
            calls, requests = stage.entra_calls(), stage.requests()
            text = subject.metrics()
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
        with running(stage, self.plan.factor, ("-m", "controller"), "again") as subject:
            controller = subject.controller
            with self.step("started anew, with everything in place"):
                began, watched = self._watched(controller)
                controller.await_ready(PATIENCE)
                answering = time.monotonic() - began
                subject.wait_calm()
                took = time.monotonic() - began
            shares = watched.shares(time.monotonic())
            memory = memory_of(controller.program)
        self.book.notes += filter(None, [f"while it started anew: {shares}", shares.warning])
        new, asked = counts.more(stage.entra_calls(), entra), stage.requests() - requests
        written = counts.without_leases(counts.writes(asked))
        self.book.add(
            "started anew, with everything in place",
            Figure("writes to Entra ID", counts.credential_writes(new), "", 0),
            Figure(
                "lists of an identity's credentials, at most", counts.most(new, counts.LISTS), "", 1
            ),
            Figure("look-ups of an identity, at most", counts.most(new, counts.LOOKUPS), "", 1),
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
        with running(stage, plan.factor, launcher, "steady") as subject:
            controller = subject.controller
            controller.await_ready(PATIENCE)
            subject.wait_calm()
            entra, requests, began = stage.entra_calls(), stage.requests(), time.monotonic()
            done = subject.looked_at()
            cpu = cpu_of(controller.program)
            wanted = plan.resyncs * members
            what = f"{plan.resyncs} resyncs, by a clock {plan.hurry:g} times as fast"
            patience = PATIENCE + 2 * plan.resyncs * _RESYNC / plan.hurry
            with self.step(what):
                subject.wait_looked_at(done + wanted, patience)
                subject.wait_calm()
            took = time.monotonic() - began
            new, asked = counts.more(stage.entra_calls(), entra), stage.requests() - requests
            resyncs = (subject.looked_at() - done) / members
            cpu = cpu_of(controller.program) - cpu
            memory = memory_of(controller.program)
        written = counts.writes(asked)
        part = f"{resyncs:.1f} resyncs with nothing to do, in {took:.0f} s"
        self.book.add(
            part,
            Figure("writes to Entra ID", counts.credential_writes(new), "", 0),
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
        self.book.notes.append(
            f"asked of the API server while nothing was to do: {counts.told(asked)}"
        )

    def _note_calls(self, calls: counts.EntraCalls, told: Counter[str], count: int) -> None:
        writes = counts.credential_writes(calls)
        self.book.add(
            "calls, as the emulator counts them",
            Figure("look-ups of an identity, at most", counts.most(calls, counts.LOOKUPS), "", 1),
            Figure(
                "lists of an identity's credentials, at most",
                counts.most(calls, counts.LISTS),
                "",
                1,
            ),
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


def _last_number(program: Program) -> int:
    lines = [line for line in program.log.read_text().splitlines() if line.isdigit()]
    return int(lines[-1]) if lines else 0
