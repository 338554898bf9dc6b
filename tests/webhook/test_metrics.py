"""What Prometheus is told."""

import platform

import pytest
from prometheus_client import generate_latest

from identity.version import VERSION
from webhook.metrics import (
    BUCKETS,
    MOST_NAMESPACES,
    OTHER,
    CacheFigures,
    CertificateFigures,
    Cut,
    Metrics,
    Result,
)
from webhook.mutation.outcome import Reason, Warn


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_originals_histogram_keeps_its_name_and_label() -> None:
    metrics = Metrics()
    for seconds in (0.0001, 0.0002, 0.3, 99):
        metrics.observe(Result.INJECTED, "team-a", seconds)
    name = "azwi_mutation_request"
    assert value(metrics, f"{name}_count", namespace="team-a") == 4
    assert value(metrics, f"{name}_sum", namespace="team-a") == pytest.approx(99.3003)
    for bound, count in (("0.0001", 1), ("0.00025", 2), ("0.25", 2), ("0.5", 3), ("+Inf", 4)):
        assert value(metrics, f"{name}_bucket", namespace="team-a", le=bound) == count


def test_buckets_resolve_from_a_tenth_of_a_millisecond_to_ten_seconds() -> None:
    assert list(BUCKETS) == sorted(BUCKETS)
    assert (BUCKETS[0], BUCKETS[-1]) == (0.0001, 10)


def test_namespaces_that_nobody_has_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for index in range(MOST_NAMESPACES + 10):
        metrics.observe(Result.INJECTED, f"namespace-{index}", 0.001)
    assert value(metrics, "azwi_mutation_request_count", namespace=OTHER) == 10
    assert generate_latest(metrics.registry).count(b"azwi_mutation_request_count") == (
        MOST_NAMESPACES + 1
    )


def test_a_name_too_long_for_a_namespace_is_not_kept() -> None:
    metrics = Metrics()
    metrics.observe(Result.NO_ACCOUNT, "n" * 63, 0.001)
    metrics.observe(Result.NO_ACCOUNT, "n" * 64, 0.001)
    metrics.observe(Result.NO_ACCOUNT, "x" * 4_000_000, 0.001)
    assert value(metrics, "azwi_mutation_request_count", namespace="n" * 63) == 1
    assert value(metrics, "azwi_mutation_request_count", namespace=OTHER) == 2
    assert len(generate_latest(metrics.registry)) < 100_000


def test_every_result_is_told_from_the_start() -> None:
    metrics = Metrics()
    for result in Result:
        outcome, reason = result.value
        assert value(metrics, "azwi_requests_total", outcome=outcome, reason=reason) == 0
    metrics.count(Result.BAD_PATH)
    metrics.observe(Result.NO_ACCOUNT, "team-a", 1)
    assert value(metrics, "azwi_requests_total", outcome="malformed", reason="path") == 1
    assert value(metrics, "azwi_requests_total", outcome="refused", reason="account-not-found") == 1


def test_warnings_are_counted_by_reason() -> None:
    metrics = Metrics()
    metrics.warn([Warn(Reason.NO_CLIENT_ID, "..."), Warn(Reason.NO_CLIENT_ID, "...")])
    assert value(metrics, "azwi_warnings_total", reason="no-client-id") == 2
    assert value(metrics, "azwi_warnings_total", reason="path-taken") == 0


def test_cut_connections_are_counted_by_reason() -> None:
    metrics = Metrics()
    metrics.cut(Cut.SLOW)
    assert value(metrics, "azwi_connections_cut_total", reason="slow") == 1


def test_the_cache_is_asked_when_somebody_asks() -> None:
    metrics = Metrics()
    assert value(metrics, "azwi_account_cache_size") is None
    figures = CacheFigures(0, None, 0, 0, 0)
    metrics.watch_cache(lambda: figures)
    assert value(metrics, "azwi_account_cache_size") == 0
    assert value(metrics, "azwi_account_cache_age_seconds") is None
    figures = CacheFigures(3, 1.5, 2, 4, 5)
    assert value(metrics, "azwi_account_cache_size") == 3
    assert value(metrics, "azwi_account_cache_age_seconds") == 1.5
    assert value(metrics, "azwi_account_cache_relists_total") == 2
    assert value(metrics, "azwi_account_cache_errors_total") == 4
    assert value(metrics, "azwi_account_live_reads_total") == 5


def test_certificates_and_connections_are_asked_alike() -> None:
    metrics = Metrics()
    metrics.watch_certificates(
        lambda: CertificateFigures({"ca": 2e9, "serving": 1.9e9}, {"announce": 2}, rejected=1)
    )
    metrics.watch_connections(lambda: 7)
    name = "azwi_certificate_expiry_timestamp_seconds"
    assert value(metrics, name, kind="serving") == 1.9e9
    assert value(metrics, name, kind="ca") == 2e9
    assert value(metrics, "azwi_certificate_rotations_total", step="announce") == 2
    assert value(metrics, "azwi_certificates_rejected_total") == 1
    assert value(metrics, "azwi_connections") == 7


def test_the_build_says_its_version() -> None:
    labels = {"version": VERSION, "python": platform.python_version()}
    assert value(Metrics(), "azwi_build_info", **labels) == 1


def test_two_sets_of_metrics_do_not_meet() -> None:
    one, other = Metrics(), Metrics()
    one.count(Result.BAD_PATH)
    assert other.results[Result.BAD_PATH] == 0


def test_the_process_is_told_too() -> None:
    text = generate_latest(Metrics().registry).decode()
    for family in ("process_resident_memory_bytes", "python_gc_collections_total", "python_info"):
        assert family in text
