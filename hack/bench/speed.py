"""Rates, latencies and CPU of a server that is driven."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from hack.bench import driver, wrk
from hack.bench.answers import ALLOWED_WITH_PATCH, REFUSED
from hack.bench.bench import Bench, Saturated
from hack.bench.certificates import KEYS
from hack.bench.figures import cpu_per_item, percentile
from hack.bench.machine import pinned
from hack.bench.reviews import AccountName
from hack.bench.subject import Server, Subject

CONNECTIONS: Final = 8
RATE: Final = 20.0
"""Reviews per second that are few."""
BURST: Final = 100
_WARM_UP: Final = 2000
_DIFFERENT: Final = 64
"""Reviews differ at least in their uid."""


class OwnDriver:
    """The driver of this package."""

    name = "the bench's own"

    def saturate(self, server: Server, requests: list[bytes], seconds: int) -> Saturated:
        """Send the next review on each of 8 connections as soon as its answer is there."""
        run = driver.saturate(
            server.target,
            requests,
            connections=CONNECTIONS,
            words=ALLOWED_WITH_PATCH,
            seconds=seconds,
        )
        p50, p99 = (percentile(run.latencies_ms, percent) for percent in (50, 99))
        return Saturated(run.count, run.rate, p50, p99)


class WrkDriver:
    """wrk, in a process of its own."""

    name = "wrk"

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def saturate(self, server: Server, requests: list[bytes], seconds: int) -> Saturated:
        """Send the next review on each of 8 connections as soon as its answer is there."""
        run = wrk.saturate(
            self._program,
            server.target,
            requests,
            connections=CONNECTIONS,
            seconds=seconds,
            folder=self._folder,
        )
        return Saturated(run.count, run.rate, run.p50_ms, run.p99_ms)


def saturation(bench: Bench, subject: Subject) -> None:
    """Ask as much as one core can answer."""
    requests = saturation_requests(bench)
    with bench.running(subject) as server, pinned(bench.cores.driver):
        warm(server, requests)
        for number in range(bench.scale.runs):
            what = f"{subject.name}: saturation, run {number + 1}"
            with bench.step(what), bench.watched(server, what):
                before = server.cpu()
                run = bench.driver.saturate(server, requests, bench.scale.seconds)
                cpu = cpu_per_item(before, server.cpu(), run.count)
            bench.book.add(subject.name, "rate", run.rate)
            bench.book.add(subject.name, "cpu", cpu)
            bench.book.add(subject.name, "p50", run.p50_ms)
            bench.book.add(subject.name, "p99", run.p99_ms)


def low_rate(bench: Bench, subject: Subject) -> None:
    """Ask a review now and then, as the API servers of most clusters do."""
    requests = saturation_requests(bench)
    with bench.running(subject) as server, pinned(bench.cores.driver):
        warm(server, requests)
        what = f"{subject.name}: {RATE:.0f} reviews per second"
        with bench.step(what) as tell, bench.watched(server, what):
            for _ in range(bench.scale.runs):
                before = server.cpu()
                run = driver.paced(
                    server.target,
                    requests,
                    rate=RATE,
                    count=bench.scale.paced // bench.scale.runs,
                    words=ALLOWED_WITH_PATCH,
                    tell=_every(10, tell),
                )
                cpu = cpu_per_item(before, server.cpu(), run.count)
                bench.book.add(subject.name, "low.p50", percentile(run.latencies_ms, 50))
                bench.book.add(subject.name, "low.p99", percentile(run.latencies_ms, 99))
                bench.book.add(subject.name, "low.cpu", cpu)


def handshake(bench: Bench, subject: Subject) -> None:
    """Open a new connection for each review, with a full handshake."""
    requests = saturation_requests(bench)
    for key in KEYS:
        with bench.running(subject, key=key) as server, pinned(bench.cores.driver):
            warm(server, requests)
            with bench.step(f"{subject.name}: new connections, {key}"):
                for _ in range(bench.scale.runs):
                    before = server.cpu()
                    run = driver.afresh(
                        server.target,
                        requests,
                        count=bench.scale.fresh // bench.scale.runs,
                        words=ALLOWED_WITH_PATCH,
                    )
                    cpu = cpu_per_item(before, server.cpu(), run.count)
                    bench.book.add(subject.name, f"fresh.{key}", cpu)


def burst(bench: Bench, subject: Subject) -> None:
    """Ask many reviews at once that nobody can answer without asking the API server."""
    [known] = bench.stage.few()
    with bench.running(subject) as server, pinned(bench.cores.driver):
        warm(server, bench.requests([known]))
        what = f"{subject.name}: {BURST} ServiceAccounts that are not there"
        with bench.step(what):
            for number in range(bench.scale.bursts):
                missing = [
                    AccountName(known.namespace, f"missing-{number}-{which}")
                    for which in range(BURST)
                ]
                run = driver.at_once(server.target, bench.requests(missing), words=REFUSED)
                bench.book.add(subject.name, "burst", run.seconds)


def saturation_requests(bench: Bench) -> list[bytes]:
    """Return reviews of the one ServiceAccount that there is."""
    return bench.requests(bench.stage.few() * _DIFFERENT)


def warm(server: Server, requests: list[bytes]) -> None:
    """Wait for the server to answer well, and let it have done everything once."""
    server.first_good_answer(requests[0])
    driver.saturate(
        server.target,
        requests,
        connections=CONNECTIONS,
        words=ALLOWED_WITH_PATCH,
        count=_WARM_UP,
    )


def _every(step: int, tell: Callable[[str], None]) -> Callable[[int], None]:
    def count(done: int) -> None:
        if done % step == 0:
            tell(f"{done:,}")

    return count
