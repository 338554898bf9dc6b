"""What Prometheus can ask of the controller.

| Metric | Labels | Says |
|---|---|---|
| `azwi_controller_leader` | | 1 while this replica holds the Lease, else 0 |
| `azwi_controller_reconciles_total` | `kind`, `result` | reconciles by queue and how they ended |
| `azwi_controller_reconcile_duration_seconds` | `kind` | histogram of what they took |
| `azwi_controller_queue_size` | `queue` | keys that are due and not worked on yet |
| `azwi_controller_queue_age_seconds` | `queue` | how long the oldest of them has been due |
| `azwi_controller_queue_delayed` | `queue` | keys due later: resyncs, rests after failures |
| `azwi_controller_queue_running` | `queue` | keys that are worked on |
| `azwi_controller_credentials` | `condition`, `status` | objects by condition, at the leader |
| `azwi_controller_slots_used` | `client_id` | credentials at each known identity; it can have 20 |
| `azwi_controller_grant_checks_total` | `verdict` | SubjectAccessReviews by what they came to |
| `azwi_controller_removals_total` | `cause` | credentials removed |
| `azwi_controller_removals_held` | | removals that wait for an admin's word for the cluster |
| `azwi_controller_namespace_removals_held` | `namespace` | those that wait for one of its own |
| `azwi_controller_journal_writes_total` | | writes of ConfigMaps |
| `azwi_controller_resync_age_seconds` | `what` | since it was last listed or gone through whole |
| `azwi_controller_probes_total` | `result` | exchanges made to prove credentials |
| `azwi_controller_build_info` | `version`, `python` | always 1 |
| `azwi_entra_calls_total` | `kind`, `code` | calls by HTTP status or type of error; a try is one |
| `azwi_entra_call_duration_seconds` | `kind` | histogram of what they took |
| `azwi_entra_throttled_total` | `kind` | calls that were answered with 429 |
| `azwi_entra_throttled_seconds_total` | `kind` | seconds that calls waited in our own budget |
| `azwi_entra_calls_waiting` | | calls that wait in it now |

Beside them stand prometheus_client's collectors for the process, the garbage collector and Python.

Counts are plain numbers that the event loop alone writes; what has a size now is asked for when
somebody scrapes, so that 10,000 objects cost nothing in between.
"""

import platform
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from controller.queue import Outcome
from entra.http import CallEnd
from identity.version import VERSION

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)
"""Upper bounds in seconds: nothing to do takes milliseconds, a throttled identity minutes."""
CONDITIONS: Final = ("Authorized", "Synced", "Verified", "Ready")
STATUSES: Final = ("True", "False", "Unknown")
_TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """What one queue says of itself."""

    size: int
    age: float
    """Seconds that the oldest key has been due; 0 without one."""
    delayed: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class TermFigures:
    """What a leader's work says of itself when somebody asks."""

    queues: Mapping[str, QueueFigures] = field(default_factory=dict)
    credentials: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Objects by condition and status: `("Ready", "False")`."""
    ages: Mapping[str, float] = field(default_factory=dict)
    """Seconds since things were last listed or gone through whole, by what they are."""
    removals_held: int = 0
    namespace_removals_held: Mapping[str, int] = field(default_factory=dict)
    """By namespace, of those whose brake is on."""
    throttled_seconds: Mapping[str, float] = field(default_factory=dict)
    """`entra.budget.Budget.seconds_waited`."""
    calls_waiting: int = 0


class _Span:
    """Durations of one kind."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0


class Metrics(Collector):
    """The process's figures: what happens is counted here, what is now is asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        """What `/metrics` shows."""
        self._counts: dict[str, defaultdict[tuple[str, ...], float]] = {
            name: defaultdict(float) for name in _COUNTERS
        }
        self._spans: dict[str, dict[str, _Span]] = {name: {} for name in _HISTOGRAMS}
        self._slots: dict[str, int] = {}
        self._leading: Callable[[], bool] = lambda: False
        self._term: Callable[[], TermFigures] | None = None
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count a reconcile: of `accounts`, `identities` or whatever its queue is called."""
        self._count(_RECONCILES, kind, result)
        self._observe(_RECONCILE_DURATION, kind, seconds)

    def run_ended(self, outcome: Outcome) -> None:
        """Count a queue's run: for `WorkQueue`'s `told`."""
        self.reconciled(outcome.queue, outcome.result.value, outcome.worked)

    def call_ended(self, end: CallEnd) -> None:
        """Count a call of Entra ID, each try: for `Seams.told` and the `Http` of signing in."""
        code = end.error if end.status is None else str(end.status)
        self._count(_CALLS, end.kind, code)
        self._observe(_CALL_DURATION, end.kind, end.seconds)
        if end.status == _TOO_MANY_REQUESTS:
            self._count(_THROTTLED, end.kind)

    def grant_checked(self, verdict: str) -> None:
        """Count a SubjectAccessReview that was made, by its verdict in lower case."""
        self._count(_GRANT_CHECKS, verdict)

    def removed(self, cause: str) -> None:
        """Count a credential that was removed."""
        self._count(_REMOVALS, cause)

    def journal_written(self) -> None:
        """Count a write of one of the journal's ConfigMaps."""
        self._count(_JOURNAL_WRITES)

    def probed(self, result: str) -> None:
        """Count an exchange that was to prove a credential, by its reason or `Verified`."""
        self._count(_PROBES, result)

    def set_slots(self, client_id: str, used: int) -> None:
        """Tell how many credentials an identity has, anybody's."""
        self._slots[client_id] = used

    def forget_slots(self, client_id: str) -> None:
        """Tell no more of an identity: it is none of ours any more."""
        self._slots.pop(client_id, None)

    def watch_leading(self, read: Callable[[], bool]) -> None:
        """Tell from now on whether this replica leads."""
        self._leading = read

    @contextmanager
    def watching(self, read: Callable[[], TermFigures]) -> Iterator[None]:
        """Tell the figures of a term while it lasts; afterwards there are none, slots included."""
        self._term = read
        try:
            yield
        finally:
            self._term = None
            self._slots.clear()
            # A counter must not fall when the next term's budget begins at zero.
            waited = self._counts[_THROTTLED_SECONDS]
            for kind, seconds in read().throttled_seconds.items():
                waited[kind,] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield every family of ours, for the registry."""
        term = self._term() if self._term else TermFigures()
        leading = int(self._leading())
        yield GaugeMetricFamily(_LEADER, "1 while this replica holds the Lease.", value=leading)
        yield from self._counters(term)
        for name, text in _HISTOGRAMS.items():
            yield _histogram(name, text, self._spans[name])
        yield from _queue_families(term.queues)
        if self._term:
            yield _conditions(term.credentials)
        yield _gauges(_SLOTS, "Credentials at an identity, of 20.", "client_id", self._slots)
        yield _gauges(
            _AGES, "Seconds since it was last listed or gone through whole.", "what", term.ages
        )
        yield GaugeMetricFamily(
            _HELD, "Removals that wait for a word for the cluster.", value=term.removals_held
        )
        yield _gauges(
            _HELD_OF_NAMESPACE,
            "Removals that wait for a word for their namespace.",
            "namespace",
            term.namespace_removals_held,
        )
        yield GaugeMetricFamily(
            _CALLS_WAITING, "Calls that wait in our own budget.", value=term.calls_waiting
        )
        build = GaugeMetricFamily(
            _BUILD_INFO, "This build; always 1.", labels=("version", "python")
        )
        build.add_metric((VERSION, platform.python_version()), 1)
        yield build

    def _count(self, name: str, *labels: str) -> None:
        self._counts[name][labels] += 1

    def _observe(self, name: str, kind: str, seconds: float) -> None:
        span = self._spans[name].setdefault(kind, _Span())
        span.counts[bisect_left(BUCKETS, seconds)] += 1
        span.total += seconds

    def _counters(self, term: TermFigures) -> Iterator[Metric]:
        for name, (text, labels) in _COUNTERS.items():
            counts = dict(self._counts[name])
            if name == _THROTTLED_SECONDS:
                for kind, seconds in term.throttled_seconds.items():
                    counts[kind,] = counts.get((kind,), 0.0) + seconds
            if not labels:
                counts.setdefault((), 0)
            family = CounterMetricFamily(name, text, labels=labels)
            for values, count in counts.items():
                family.add_metric(values, count)
            yield family


def _histogram(name: str, text: str, spans: Mapping[str, _Span]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=("kind",))
    for kind, span in spans.items():
        running, buckets = 0, []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), span.counts, strict=True):
            running += count
            buckets.append((bound, running))
        family.add_metric((kind,), buckets, span.total)
    return family


def _conditions(counts: Mapping[tuple[str, str], int]) -> Metric:
    family = GaugeMetricFamily(
        _CREDENTIALS,
        "FederatedIdentityCredential objects by condition.",
        labels=("condition", "status"),
    )
    for condition in CONDITIONS:
        for status in STATUSES:
            family.add_metric((condition, status), counts.get((condition, status), 0))
    return family


def _queue_families(queues: Mapping[str, QueueFigures]) -> Iterator[Metric]:
    for suffix, text, read in _OF_QUEUES:
        yield _gauges(
            f"azwi_controller_queue_{suffix}",
            text,
            "queue",
            {name: read(figures) for name, figures in queues.items()},
        )


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for of, value in values.items():
        family.add_metric((of,), value)
    return family


_LEADER: Final = "azwi_controller_leader"
_RECONCILES: Final = "azwi_controller_reconciles"
_RECONCILE_DURATION: Final = "azwi_controller_reconcile_duration_seconds"
_CREDENTIALS: Final = "azwi_controller_credentials"
_SLOTS: Final = "azwi_controller_slots_used"
_GRANT_CHECKS: Final = "azwi_controller_grant_checks"
_REMOVALS: Final = "azwi_controller_removals"
_HELD: Final = "azwi_controller_removals_held"
_HELD_OF_NAMESPACE: Final = "azwi_controller_namespace_removals_held"
_JOURNAL_WRITES: Final = "azwi_controller_journal_writes"
_AGES: Final = "azwi_controller_resync_age_seconds"
_PROBES: Final = "azwi_controller_probes"
_BUILD_INFO: Final = "azwi_controller_build_info"
_CALLS: Final = "azwi_entra_calls"
_CALL_DURATION: Final = "azwi_entra_call_duration_seconds"
_CALLS_WAITING: Final = "azwi_entra_calls_waiting"
_THROTTLED: Final = "azwi_entra_throttled"
_THROTTLED_SECONDS: Final = "azwi_entra_throttled_seconds"

_COUNTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    _RECONCILES: ("Reconciles by queue and how they ended.", ("kind", "result")),
    _GRANT_CHECKS: ("SubjectAccessReviews by what they came to.", ("verdict",)),
    _REMOVALS: ("Credentials that were removed.", ("cause",)),
    _JOURNAL_WRITES: ("Writes of the journal's ConfigMaps.", ()),
    _PROBES: ("Exchanges that were to prove a credential.", ("result",)),
    _CALLS: ("Calls of Entra ID by HTTP status or type of error.", ("kind", "code")),
    _THROTTLED: ("Calls of Entra ID that were answered with 429.", ("kind",)),
    _THROTTLED_SECONDS: ("Seconds that calls waited in our own budget.", ("kind",)),
}
_HISTOGRAMS: Final = {
    _RECONCILE_DURATION: "Seconds that reconciles took.",
    _CALL_DURATION: "Seconds from the first byte sent to the last one read.",
}
_OF_QUEUES: Final[tuple[tuple[str, str, Callable[[QueueFigures], float]], ...]] = (
    ("size", "Keys that are due and not worked on yet.", lambda queue: queue.size),
    ("age_seconds", "Seconds that the oldest key has been due.", lambda queue: queue.age),
    ("delayed", "Keys that are due later.", lambda queue: queue.delayed),
    ("running", "Keys that are worked on.", lambda queue: queue.running),
)
