"""Alerts and dashboards ask for what the programs expose, and for nothing else."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.chart.monitoring.exposed import exposed
from tests.chart.monitoring.promql import Asked, asked
from tests.chart.monitoring.rendered import Json, everything, of_kind, rules

OF_TARGETS = frozenset({"instance", "pod"})
"""Labels that the scrape gives: an address is always there, the pod's name where Kubernetes is."""
OPEN = frozenset({"code"})
"""Labels whose values are not all known beforehand."""


def expressions() -> Iterator[tuple[str, str]]:
    for name, rule in rules(everything()).items():
        yield name, rule["expr"]
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{name}: {panel['title']} {target['refId']}", target["expr"]


def dashboards() -> dict[str, Json]:
    maps = of_kind(everything(), "ConfigMap")
    return {
        file: json.loads(text)
        for name, one in maps.items()
        if name.startswith("azwi-dashboard-")
        for file, text in one["data"].items()
    }


EXPRESSIONS = dict(expressions())


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_metric_and_label_is_there(name: str) -> None:
    found = asked(EXPRESSIONS[name])
    there = exposed()
    assert found.metrics
    assert found.metrics - there.labels.keys() == set(), "metrics that nobody exposes"
    labels = OF_TARGETS.union(*(there.labels[metric] for metric in found.metrics))
    assert found.labels - labels == set(), "labels that none of these metrics has"
    values = {pair for pair in found.values if pair[0] not in OPEN}
    assert values - there.values == set(), "values that these labels never have"


@pytest.mark.parametrize("name", sorted(rules(everything())))
def test_words_of_an_alert_name_labels_that_it_keeps(name: str) -> None:
    rule = rules(everything())[name]
    found = asked(rule["expr"])
    named = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
    groups = [
        {label.strip() for label in labels.split(",")}
        for labels in re.findall(r"\bby\s*\(([^)]*)\)", rule["expr"])
    ]
    whole = OF_TARGETS.union(*(exposed().labels[metric] for metric in found.metrics))
    assert named <= (groups[0] if groups else whole)


def test_each_metric_of_ours_is_shown_somewhere() -> None:
    """Or it is there for nobody."""
    shown = frozenset().union(*(asked(text).metrics for text in EXPRESSIONS.values()))
    bases = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in exposed().labels}
    seen = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert {name for name in bases if name.startswith("azwi_")} - seen == set()


class TestTheReader:
    """Of expressions: it has to find what is wrong."""

    def test_finds_metrics_labels_and_values(self) -> None:
        text = (
            'sum by (le, kind) (rate(first_total{code!~"2..|404", a="b"}[$__interval])) > 5 #\n'
            " and on (instance) second unless third offset 5m"
        )
        assert asked(text) == Asked(
            frozenset({"first_total", "second", "third"}),
            frozenset({"le", "kind", "code", "a", "instance"}),
            frozenset({("code", "2.."), ("code", "404"), ("a", "b")}),
        )

    def test_takes_an_unknown_word_for_a_metric(self) -> None:
        assert asked("azwi_requests and_not foo").metrics == {"azwi_requests", "and_not", "foo"}
