"""What the real registries of the webhook and the controller expose, with every label filled."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from controller.grants import Verdict
from controller.metrics import CONDITIONS, STATUSES, QueueFigures, TermFigures
from controller.metrics import Metrics as ControllerMetrics
from controller.queue import Outcome, Result
from entra.http import CallEnd
from webhook.metrics import CacheFigures, CertificateFigures
from webhook.metrics import Metrics as WebhookMetrics
from webhook.metrics import Result as ReviewResult


@dataclass(frozen=True, slots=True)
class Exposed:
    labels: Mapping[str, frozenset[str]]
    """Of each sample's name."""
    values: frozenset[tuple[str, str]]
    """Labels with what they were seen with."""


@cache
def exposed() -> Exposed:
    """Everything of both."""
    labels: dict[str, set[str]] = defaultdict(set)
    values: set[tuple[str, str]] = set()
    for sample in [*_of_the_webhook(), *_of_the_controller()]:
        labels[sample.name] |= sample.labels.keys()
        values |= set(sample.labels.items())
    return Exposed({name: frozenset(names) for name, names in labels.items()}, frozenset(values))


def _of_the_webhook() -> list[Sample]:
    metrics = WebhookMetrics()
    metrics.observe(ReviewResult.INJECTED, "shop", 0.1)
    metrics.watch_cache(lambda: CacheFigures(1, 1.0, 0, 0, 0))
    certificates = CertificateFigures({"ca": 1.0, "serving": 1.0}, {"switch": 1}, 0)
    metrics.watch_certificates(lambda: certificates)
    metrics.watch_connections(lambda: 1)
    return _samples(metrics.registry)


def _of_the_controller() -> list[Sample]:
    metrics = ControllerMetrics()
    for result in Result:
        metrics.run_ended(Outcome("accounts", "shop/web", 0.1, 0.1, result, ""))
    for verdict in Verdict:
        metrics.grant_checked(verdict.value)
    metrics.call_ended(CallEnd("graph write", 429, "", 0.1))
    metrics.probed("Verified")
    metrics.removed("withdrawn")
    metrics.set_slots("client", 1)
    figures = TermFigures(
        queues={"accounts": QueueFigures(1, 1.0)},
        credentials={(one, status): 1 for one in CONDITIONS for status in STATUSES},
        ages={"accounts": 1.0},
        namespace_removals_held={"shop": 1},
        throttled_seconds={"graph write": 1.0},
    )
    with metrics.watching(lambda: figures):
        return _samples(metrics.registry)


def _samples(registry: CollectorRegistry) -> list[Sample]:
    return [sample for family in registry.collect() for sample in family.samples]
