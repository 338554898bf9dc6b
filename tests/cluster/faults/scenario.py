"""One fault, told twice: with every safeguard, and with one taken out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.cluster.faults.installation import BILLING, Installation, Replica, Setting
from tests.cluster.faults.stream import Fate, Stream, steady_stream

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Scene:
    """What a scenario acts on."""

    installation: Installation
    replicas: list[Replica]
    stream: Stream


Scenario = Callable[[Scene], None]


@dataclass(frozen=True)
class Outcome:
    """What a scenario came to."""

    creations: int
    away: int
    """Those that the API server itself did not take."""
    failures: list[str]

    def __str__(self) -> str:
        away = f" ({self.away} not taken by the API server)" if self.away else ""
        return f"{self.creations:,} creations{away}, {len(self.failures)} failed"


@contextmanager
def under_load(
    installation: Installation, setting: Setting, *, rate: int = 40, threads: int = 12
) -> Iterator[Scene]:
    """Two replicas that both get traffic, and a stream of creations, until the block ends."""
    flow = {"rate": rate, "threads": threads}
    with installation.replicas(setting) as replicas:
        installation.await_traffic(replicas)
        with steady_stream(installation.cluster, installation.namespace, BILLING, **flow) as stream:
            yield Scene(installation, replicas, stream)


def played(
    scenario: Scenario,
    installation: Installation,
    setting: Setting,
    *,
    rate: int = 40,
    threads: int = 12,
) -> Outcome:
    """Play a scenario, some creations before and after it."""
    with under_load(installation, setting, rate=rate, threads=threads) as scene:
        if threads:
            scene.stream.passes(20)
        scenario(scene)
        if threads:
            scene.stream.passes(20)
    tally = scene.stream.tally
    return Outcome(tally.total(), tally[Fate.AWAY], scene.stream.failures)


def compare(tell: Tell, title: str, with_all: Outcome, safeguard: str, without: Outcome) -> None:
    """Print both counts, and see that they are what they should be."""
    tell(f"{title}: {with_all}; without {safeguard}: {without}")
    assert with_all.failures == []
    assert with_all.creations > with_all.away
    assert without.failures, "the test can't fail: nothing did without the safeguard"
