"""What Prometheus is told."""

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from controller import metrics as module
from controller.metrics import BUCKETS, Metrics, QueueFigures, TermFigures
from controller.queue import Outcome, Result
from entra.http import CallEnd


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_reconciles_are_counted_by_kind_and_result() -> None:
    metrics = Metrics()
    metrics.reconciled("accounts", "done", 0.2)
    metrics.run_ended(Outcome("accounts", "a/b", 1.0, 0.5, Result.FAILED, "ValueError"))
    metrics.run_ended(Outcome("identities", "id", 700.0, 0.5, Result.DONE))
    spent = samples(metrics, "azwi_controller_reconcile_duration_seconds_sum")
    assert spent == {("accounts",): pytest.approx(1.2), ("identities",): 700}
    assert samples(metrics, "azwi_controller_reconciles_total") == {
        ("accounts", "done"): 1,
        ("accounts", "failed"): 1,
        ("identities", "done"): 1,
    }


def test_durations_fall_into_buckets() -> None:
    metrics = Metrics()
    for seconds in (0.005, 0.006, 700.0):
        metrics.reconciled("accounts", "done", seconds)
    name = "azwi_controller_reconcile_duration_seconds"
    counts = samples(metrics, f"{name}_bucket")
    assert len(counts) == len(BUCKETS) + 1
    assert counts["accounts", "0.005"] == 1
    assert counts["accounts", "0.01"] == 2
    assert counts["accounts", "600.0"] == 2
    assert counts["accounts", "+Inf"] == 3
    assert value(metrics, f"{name}_sum", kind="accounts") == pytest.approx(700.011)
    assert value(metrics, f"{name}_count", kind="accounts") == 3


def test_calls_are_counted_by_kind_and_code() -> None:
    metrics = Metrics()
    metrics.call_ended(CallEnd("graph write", 201, "", 0.1))
    metrics.call_ended(CallEnd("graph write", 429, "", 0.1))
    metrics.call_ended(CallEnd("arm list", None, "Unreachable", 10.0))
    assert samples(metrics, "azwi_entra_calls_total") == {
        ("graph write", "201"): 1,
        ("graph write", "429"): 1,
        ("arm list", "Unreachable"): 1,
    }
    assert samples(metrics, "azwi_entra_throttled_total") == {("graph write",): 1}
    assert samples(metrics, "azwi_entra_call_duration_seconds_count") == {
        ("graph write",): 2,
        ("arm list",): 1,
    }


def test_what_happens_is_counted() -> None:
    metrics = Metrics()
    metrics.grant_checked("denied")
    metrics.removed("withdrawn")
    metrics.removed("withdrawn")
    metrics.probed("Verified")
    assert value(metrics, "azwi_controller_journal_writes_total") == 0
    metrics.journal_written()
    assert value(metrics, "azwi_controller_journal_writes_total") == 1
    assert value(metrics, "azwi_controller_grant_checks_total", verdict="denied") == 1
    assert value(metrics, "azwi_controller_removals_total", cause="withdrawn") == 2
    assert value(metrics, "azwi_controller_probes_total", result="Verified") == 1


def test_slots_are_those_of_known_identities() -> None:
    metrics = Metrics()
    metrics.set_slots("a", 3)
    metrics.set_slots("b", 20)
    metrics.set_slots("a", 4)
    metrics.forget_slots("b")
    metrics.forget_slots("never there")
    assert samples(metrics, "azwi_controller_slots_used") == {("a",): 4}


def test_who_leads_is_asked_for() -> None:
    metrics = Metrics()
    assert value(metrics, "azwi_controller_leader") == 0
    leading = [True]
    metrics.watch_leading(lambda: leading[0])
    assert value(metrics, "azwi_controller_leader") == 1
    leading[0] = False
    assert value(metrics, "azwi_controller_leader") == 0


def test_a_term_s_figures_are_asked_for_while_it_lasts() -> None:
    metrics = Metrics()
    asked = []

    def read() -> TermFigures:
        asked.append(1)
        return TermFigures(
            queues={"accounts": QueueFigures(3, 2.5, 7, 1)},
            credentials={("Ready", "True"): 10_000, ("Ready", "False"): 2},
            ages={"serviceaccounts": 12.0},
            removals_held=21,
            namespace_removals_held={"shop": 3},
            throttled_seconds={"arm write": 1.5},
            calls_waiting=4,
        )

    with metrics.watching(read):
        metrics.set_slots("a", 3)
        assert asked == []
        assert samples(metrics, "azwi_controller_queue_size") == {("accounts",): 3}
        assert len(asked) == 1
        assert samples(metrics, "azwi_controller_queue_age_seconds") == {("accounts",): 2.5}
        assert samples(metrics, "azwi_controller_queue_delayed") == {("accounts",): 7}
        assert samples(metrics, "azwi_controller_queue_running") == {("accounts",): 1}
        told = samples(metrics, "azwi_controller_credentials")
        assert len(told) == 12
        assert told["Ready", "True"] == 10_000
        assert told["Ready", "False"] == 2
        assert told["Synced", "Unknown"] == 0
        assert samples(metrics, "azwi_controller_resync_age_seconds") == {("serviceaccounts",): 12}
        assert value(metrics, "azwi_controller_removals_held") == 21
        assert value(metrics, "azwi_controller_namespace_removals_held", namespace="shop") == 3
        assert value(metrics, "azwi_entra_calls_waiting") == 4
    assert samples(metrics, "azwi_controller_credentials") == {}
    assert samples(metrics, "azwi_controller_slots_used") == {}
    assert samples(metrics, "azwi_controller_queue_size") == {}


def test_throttled_seconds_never_fall_with_a_new_term() -> None:
    metrics = Metrics()
    name = "azwi_entra_throttled_seconds_total"
    for total in (1.5, 3.0):
        with metrics.watching(lambda: TermFigures(throttled_seconds={"arm write": 1.5})):
            assert samples(metrics, name) == {("arm write",): total}
        assert samples(metrics, name) == {("arm write",): total}


def test_a_term_that_ends_badly_is_over_all_the_same() -> None:
    metrics = Metrics()
    with (
        pytest.raises(ValueError, match="lost"),
        metrics.watching(lambda: TermFigures(removals_held=1)),
    ):
        raise ValueError("lost")
    assert value(metrics, "azwi_controller_removals_held") == 0


def test_one_process_has_as_many_as_it_likes() -> None:
    first, second = Metrics(), Metrics()
    first.journal_written()
    assert value(second, "azwi_controller_journal_writes_total") == 0


def test_the_table_above_names_all_there_are() -> None:
    metrics = Metrics()
    text = generate_latest(metrics.registry).decode()
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE azwi_")} | {
        "azwi_controller_credentials"
    }  # of a leader only
    table = set(re.findall(r"^\| `(azwi_[a-z_]+)`", module.__doc__ or "", re.MULTILINE))
    assert told == table


def test_a_page_of_metrics_is_well_formed(tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    metrics = Metrics()
    metrics.call_ended(CallEnd('odd "kind"\n', 200, "", 0.1))
    with metrics.watching(lambda: TermFigures(queues={"accounts": QueueFigures(1, 1.0)})):
        families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    assert all(family.documentation for family in families)
    assert {"process_resident_memory_bytes", "python_info"} <= {each.name for each in families}
