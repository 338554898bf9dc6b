"""Silences of about every idle time limit there is, all at the same time, while other tests run.

| Seconds | Whose limit |
|---|---|
| 55 | the webhook's, for its connections to the API server |
| 90 | the API server's, for its connections to a webhook and for those of its clients |
| 120 | the webhook's, for connections to itself |

Each silence has a webhook of its own in the registration, with a `caBundle` that differs by a
comment: so the API server keeps connections of its own for each. All lead to the same two replicas.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.cluster import Cluster
from hack.webhook import by_service, make_certificate, registration
from identity.names import USE
from tests.cluster.faults.installation import (
    BILLING,
    REGISTRATIONS,
    SERVICE,
    Installation,
    Setting,
    installed,
)
from tests.cluster.faults.scenario import Outcome, outcome_of
from tests.cluster.faults.stream import Fate, Stream, Wanted, open_stream
from tests.cluster.faults.without import IDLE_SECONDS

_OFF: Final = (-1.0, -0.1, -0.02, 0.0, 0.02, 0.1, 1.0)
_LABEL: Final = "silence"
_PLAIN: Final = Wanted("plain", "")
"""A ServiceAccount that is read live each time, since it has no annotation."""


@dataclass(frozen=True)
class Silences:
    """Which silences to keep, in seconds, and how."""

    lasting: Sequence[float]
    at_once: int
    """So many creations before and after each: as many connections."""
    times: int = 1
    """So often, one after the other."""
    distance: float = 0.01
    """Seconds between the API server and a replica: so long a closed connection looks open."""
    without: str = ""


LIMITS: Final = (55.0, 90.0, 120.0)
AROUND_THE_LIMITS: Final = Silences([limit + off for limit in LIMITS for off in _OFF], at_once=8)
AROUND_A_SHORT_LIMIT: Final = Silences(
    [IDLE_SECONDS + off / 1000 for off in range(-150, 1, 10)],
    at_once=1,
    times=8,
    distance=0.025,
    without="idle-limit",
)
"""Without the safeguard: the webhook's limit comes before the API server's, and soon."""


class Silence:
    """Creations, a silence, and creations, for each that is to be kept, in the background."""

    def __init__(self, installation: Installation, silences: Silences) -> None:
        self._installation = installation
        self._silences = silences
        self._stop = threading.Event()
        self._work: list[Future[Outcome]] = []

    def outcome(self) -> Outcome:
        """Wait for the last one; returns what all of them came to."""
        outcomes = [work.result() for work in self._work]
        return Outcome(
            sum(one.creations for one in outcomes),
            sum(one.away for one in outcomes),
            [failure for one in outcomes for failure in one.failures],
        )

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        for seconds in self._silences.lasting:
            self._work.append(pool.submit(self._keep, seconds))

    def _keep(self, seconds: float) -> Outcome:
        labels = {_LABEL: _name(seconds)}
        installation = self._installation
        with open_stream(installation.cluster, installation.namespace, BILLING, labels) as stream:
            stream.until(lambda: stream.create().fate is Fate.RIGHT, "the API server's asking")
            stream.forget()
            self._create(stream)
            for _ in range(self._silences.times):
                if self._stop.wait(seconds):
                    break
                self._create(stream)
            return outcome_of(stream)

    def _create(self, stream: Stream) -> None:
        stream.burst(self._silences.at_once, [BILLING, _PLAIN])


def _name(seconds: float) -> str:
    return f"s{seconds:.3f}".replace(".", "-")


@contextmanager
def silence_begun(cluster: Cluster, folder: Path, silences: Silences) -> Iterator[Silence]:
    """Begin all silences; they end with the block at the latest."""
    with (
        installed(cluster, folder) as installation,
        _registered(installation, silences.lasting) as flags,
    ):
        installation.add_account(_PLAIN.account, None)
        setting = Setting(flags, without=silences.without, distance=silences.distance)
        with installation.running(setting) as replicas:
            installation.await_endpoints(replicas)
            silence = Silence(installation, silences)
            with ThreadPoolExecutor(len(silences.lasting), "silence") as pool:
                silence._begin(pool)
                try:
                    yield silence
                finally:
                    silence._stop.set()


@contextmanager
def _registered(installation: Installation, silences: Iterable[float]) -> Iterator[list[str]]:
    """Register a webhook for each silence; yields the flags of replicas that serve them."""
    namespace = installation.namespace
    certificate = make_certificate(installation.folder / "pki", f"{SERVICE}.{namespace}.svc")
    body = registration(namespace, {})
    (webhook,) = body["webhooks"]
    body["webhooks"] = [
        {
            **webhook,
            "name": f"{_name(silence)}.{webhook['name']}",
            "clientConfig": by_service(
                SERVICE, namespace, certificate.authority + f"# {_name(silence)}\n".encode()
            ),
            "objectSelector": {"matchLabels": {USE: "true", _LABEL: _name(silence)}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }
        for silence in silences
    ]
    installation.api.post(REGISTRATIONS, body)
    try:
        yield ["--disable-cert-rotation", f"--webhook-cert-dir={certificate.folder}"]
    finally:
        installation.api.delete(f"{REGISTRATIONS}/{namespace}")
