"""One fault, told twice: with every safeguard, and with one taken out."""

from collections.abc import Callable
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


def outcome_of(stream: Stream) -> Outcome:
    """Count what a stream has brought until now."""
    tally = stream.tally
    return Outcome(tally.total(), tally[Fate.AWAY], stream.failures)


def played(scenario: Scenario, installation: Installation, setting: Setting) -> Outcome:
    """Play a scenario under a steady stream, with some creations before and after it."""
    with installation.replicas(setting) as replicas:
        installation.await_traffic(replicas)
        with steady_stream(installation.cluster, installation.namespace, BILLING) as stream:
            stream.passes(20)
            scenario(Scene(installation, replicas, stream))
            stream.passes(20)
        return outcome_of(stream)


def compare(tell: Tell, title: str, with_all: Outcome, safeguard: str, without: Outcome) -> None:
    """Print both counts, and see that they are what they should be."""
    tell(f"{title}: {with_all}; without {safeguard}: {without}")
    assert not with_all.failures, "\n".join(with_all.failures[:20])
    assert with_all.creations > with_all.away
    assert without.failures, "the test can't fail: nothing did without the safeguard"
