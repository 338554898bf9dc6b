"""What Prometheus can ask of the webhook.

| Metric | Labels | Says |
|---|---|---|
| `azwi_mutation_request` | `namespace` | seconds that reviews took (the original's histogram) |
| `azwi_requests_total` | `outcome`, `reason` | requests by what they came to: `Result` |
| `azwi_warnings_total` | `reason` | warnings given: `webhook.mutation.outcome.Reason` |
| `azwi_connections` | | connections that are open to the webhook's port |
| `azwi_connections_cut_total` | `reason` | connections that were ended for cause: `Cut` |
| `azwi_account_cache_size` | | ServiceAccounts known |
| `azwi_account_cache_age_seconds` | | since the API server last said what they are |
| `azwi_account_cache_relists_total` | | whole lists read after the first |
| `azwi_account_cache_errors_total` | | lists and watches that ended with an error |
| `azwi_account_live_reads_total` | | ServiceAccounts read one by one, for a review |
| `azwi_certificate_expiry_timestamp_seconds` | `kind` | end of `ca` and `serving` certificates |
| `azwi_certificate_rotations_total` | `step` | steps of rotations that this replica did |
| `azwi_certificates_rejected_total` | | new certificates that could not be served |
| `azwi_build_info` | `version`, `python` | always 1 |

Beside them stand prometheus_client's collectors for the process, the garbage collector and Python.

The counts that every admission touches are plain numbers, read when somebody asks: the event loop
is their only writer, so they need neither locks nor the objects that prometheus_client makes for
each bucket. They may be read in another thread; a count may then be one ahead of its sum.
"""

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from identity.version import VERSION
from webhook.mutation.outcome import Reason, Warn

REQUEST_DURATION: Final = "azwi_mutation_request"
REQUESTS: Final = "azwi_requests"
WARNINGS: Final = "azwi_warnings"
CONNECTIONS: Final = "azwi_connections"
CONNECTIONS_CUT: Final = "azwi_connections_cut"
CACHE_SIZE: Final = "azwi_account_cache_size"
CACHE_AGE: Final = "azwi_account_cache_age_seconds"
CACHE_RELISTS: Final = "azwi_account_cache_relists"
CACHE_ERRORS: Final = "azwi_account_cache_errors"
LIVE_READS: Final = "azwi_account_live_reads"
CERTIFICATE_EXPIRY: Final = "azwi_certificate_expiry_timestamp_seconds"
CERTIFICATE_ROTATIONS: Final = "azwi_certificate_rotations"
CERTIFICATES_REJECTED: Final = "azwi_certificates_rejected"
BUILD_INFO: Final = "azwi_build_info"

BUCKETS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds in seconds: a cached answer takes a fraction of a millisecond, a live read more."""

MOST_NAMESPACES: Final = 1000
"""Namespaces that the histogram tells apart; those seen later share the label `OTHER`.

Whoever reaches the port may send reviews for namespaces that don't exist. 1,000 of them are 19,000
lines of text for each scrape, and 0.3 MiB here.
"""
LONGEST_NAMESPACE: Final = 63
"""A longer name is no namespace's, and may have megabytes. Source:
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names"""
OTHER: Final = "_other"
"""No namespace can have that name."""


class Result(Enum):
    """What a request came to, as outcome and reason; all of them are told from the start, as 0."""

    INJECTED = ("mutated", "injected")
    COMPLETE = ("unchanged", "complete")
    """The pod has all of it already."""
    UNCONCERNED = ("unchanged", "not-a-new-pod")
    FAULTS = ("refused", "faults")
    NO_ACCOUNT = ("refused", "account-not-found")
    NOT_A_POD = ("refused", "malformed")
    """A review that could be answered, of something that can't be a pod."""
    UNREADABLE = ("error", "account-unreadable")
    OUT_OF_TIME = ("error", "timeout")
    INTERNAL = ("error", "internal")
    OVERLOADED = ("error", "overloaded")
    NOT_A_REVIEW = ("malformed", "review")
    BAD_PATH = ("malformed", "path")
    BAD_METHOD = ("malformed", "method")
    BAD_TYPE = ("malformed", "content-type")
    TOO_LARGE = ("malformed", "too-large")
    GONE = ("malformed", "incomplete")
    """The body never came to its end."""


class Cut(StrEnum):
    """Why a connection was ended."""

    SLOW = "slow"
    """A request that did not arrive in time."""
    HEAD = "head-too-large"
    FLOOD = "too-much-data"
    CROWD = "too-many-connections"
    STUCK = "stuck"
    """The other side did not take part in closing it."""


class CacheFigures(NamedTuple):
    """What the ServiceAccount cache says of itself."""

    accounts: int
    age_seconds: float | None
    """None until the first answer."""
    relists: int
    errors: int
    live_reads: int


class CertificateFigures(NamedTuple):
    """What the serving certificate's keeper says of itself."""

    expiries: Mapping[str, float]
    """When certificates end, in seconds since 1970: `ca`, `serving`."""
    rotations: Mapping[str, int]
    """Steps that were done, by name; none where somebody else makes the certificate."""
    rejected: int


class _Span:
    """One namespace's durations."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0


class Metrics(Collector):
    """The process's figures: admissions are counted here, others are asked for theirs."""

    def __init__(self) -> None:
        self.results: dict[Result, int] = dict.fromkeys(Result, 0)
        self.cuts: dict[Cut, int] = dict.fromkeys(Cut, 0)
        self.warnings: dict[Reason, int] = dict.fromkeys(Reason, 0)
        self._spans: dict[str, _Span] = {}
        self._cache: Callable[[], CacheFigures] | None = None
        self._certificates: Callable[[], CertificateFigures] | None = None
        self._connections: Callable[[], int] | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def count(self, result: Result) -> None:
        """Count a request that was no review of a pod."""
        self.results[result] += 1

    def cut(self, reason: Cut) -> None:
        """Count a connection that was ended for cause."""
        self.cuts[reason] += 1

    def observe(self, result: Result, namespace: str, seconds: float) -> None:
        """Count a review and the time it took."""
        self.results[result] += 1
        span = self._spans.get(namespace)
        if span is None:
            span = self._new_span(namespace)
        span.counts[bisect_left(BUCKETS, seconds)] += 1
        span.total += seconds

    def warn(self, warnings: list[Warn]) -> None:
        """Count the warnings that one answer carries."""
        for warning in warnings:
            self.warnings[warning.reason] += 1

    def watch_cache(self, read: Callable[[], CacheFigures]) -> None:
        """Tell the figures of the ServiceAccount cache from now on."""
        self._cache = read

    def watch_certificates(self, read: Callable[[], CertificateFigures]) -> None:
        """Tell the figures of the serving certificate from now on."""
        self._certificates = read

    def watch_connections(self, read: Callable[[], int]) -> None:
        """Tell how many connections are open."""
        self._connections = read

    def collect(self) -> Iterator[Metric]:
        """Yield every family of ours, for the registry."""
        yield self._durations()
        requests = CounterMetricFamily(
            REQUESTS, "Requests by what they came to.", labels=("outcome", "reason")
        )
        for result, count in self.results.items():
            requests.add_metric(result.value, count)
        yield requests
        yield _counted(WARNINGS, "Warnings given to whoever creates a pod.", self.warnings)
        yield _counted(CONNECTIONS_CUT, "Connections that were ended for cause.", self.cuts)
        if self._connections is not None:
            yield GaugeMetricFamily(CONNECTIONS, "Open connections.", value=self._connections())
        if self._cache is not None:
            yield from _cache_families(self._cache())
        if self._certificates is not None:
            yield from _certificate_families(self._certificates())
        build = GaugeMetricFamily(BUILD_INFO, "This build; always 1.", labels=("version", "python"))
        build.add_metric((VERSION, platform.python_version()), 1)
        yield build

    def _new_span(self, namespace: str) -> _Span:
        if len(self._spans) >= MOST_NAMESPACES or len(namespace) > LONGEST_NAMESPACE:
            namespace = OTHER
        return self._spans.setdefault(namespace, _Span())

    def _durations(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            REQUEST_DURATION, "Seconds from a request's head to its answer.", labels=("namespace",)
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for namespace, span in tuple(self._spans.items()):
            running = 0
            buckets = []
            for bound, count in zip(bounds, span.counts, strict=True):
                running += count
                buckets.append((bound, running))
            family.add_metric((namespace,), buckets, span.total)
        return family


def _counted(name: str, text: str, counts: Mapping[Reason, int] | Mapping[Cut, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=("reason",))
    for reason, count in counts.items():
        family.add_metric((reason.value,), count)
    return family


def _cache_families(figures: CacheFigures) -> Iterator[Metric]:
    yield GaugeMetricFamily(CACHE_SIZE, "ServiceAccounts known.", value=figures.accounts)
    if figures.age_seconds is not None:
        yield GaugeMetricFamily(
            CACHE_AGE,
            "Seconds since the API server last said what ServiceAccounts there are.",
            value=figures.age_seconds,
        )
    for name, text, count in (
        (CACHE_RELISTS, "Whole lists of ServiceAccounts read after the first.", figures.relists),
        (CACHE_ERRORS, "Lists and watches that ended with an error.", figures.errors),
        (LIVE_READS, "ServiceAccounts read one by one, for a review.", figures.live_reads),
    ):
        yield CounterMetricFamily(name, text, value=count)


def _certificate_families(figures: CertificateFigures) -> Iterator[Metric]:
    expiry = GaugeMetricFamily(
        CERTIFICATE_EXPIRY, "Unix time at which a certificate ends.", labels=("kind",)
    )
    for kind, moment in figures.expiries.items():
        expiry.add_metric((kind,), moment)
    yield expiry
    rotations = CounterMetricFamily(
        CERTIFICATE_ROTATIONS, "Steps of rotations that this replica did.", labels=("step",)
    )
    for step, count in figures.rotations.items():
        rotations.add_metric((step,), count)
    yield rotations
    yield CounterMetricFamily(
        CERTIFICATES_REJECTED, "New certificates that could not be served.", value=figures.rejected
    )
