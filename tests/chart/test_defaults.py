"""What is not said has its default, however it came to be missing."""

from typing import Any, Final

import pytest
import yaml

from tests.chart.helm import CHART, Json
from tests.chart.rendering import (
    CLIENT,
    CONTROLLER,
    WEBHOOK,
    merged,
    pod_of,
    rendered,
)

DEFAULTS: Final[Json] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
EVERYTHING: Final[Json] = {
    "controller": {"enabled": True, "signIn": "managed-identity"},
    "autoscaling": {"enabled": True},
    "certManager": {"enabled": True},
    "policies": {"misspeltAnnotations": {"enabled": True}},
    "podMonitor": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "dashboards": {"enabled": True},
    "networkPolicy": {"enabled": True},
}
SAID: Final = {"enabled", "signIn"}
"""What the values above say, and so is not taken away."""
NOTHING_BY_NULL: Final = {"minAvailable", "maxUnavailable", "priorityClassName"}


def without_words(values: Json) -> Json:
    """Return null in the place of every value that has a default, in blocks as well."""
    return {
        key: without_words(value) if isinstance(value, dict) and value else None
        for key, value in values.items()
        if not isinstance(value, list) and key not in SAID | NOTHING_BY_NULL | {"azureTenantID"}
        if key not in {"nodeSelector", "resources", "labels", "privateKey"}
    }


def test_null_is_the_default_of_every_single_value() -> None:
    assert rendered(merged(EVERYTHING, without_words(DEFAULTS))) == rendered(EVERYTHING)


BLOCKS: Final = [key for key, value in DEFAULTS.items() if isinstance(value, dict)]


@pytest.mark.parametrize("block", sorted({*BLOCKS} - {"nodeSelector", "resources"}))
def test_null_in_the_place_of_a_block_is_its_defaults(block: str) -> None:
    rest = {key: value for key, value in EVERYTHING.items() if key != block}
    assert rendered(rest | {block: None}) == rendered(rest)


def test_null_in_the_place_of_a_list_a_free_map_or_a_priority_is_none() -> None:
    none: Json = {
        "nodeSelector": None,
        "topologySpreadConstraints": None,
        "priorityClassName": None,
    }
    objects = rendered(merged(none, {"controller": {"enabled": True, "clientId": CLIENT} | none}))
    for name in (WEBHOOK, CONTROLLER):
        assert none.keys().isdisjoint(pod_of(objects[name])["spec"])


def test_null_in_a_free_map_takes_that_entry_away() -> None:
    """Helm does it where the key is a default of ours; from --reuse-values null comes along."""
    values: Json = {
        "nodeSelector": {"kubernetes.io/os": None, "disk": None},
        "podLabels": {"team": None},
        "podAnnotations": {"note": None},
        "commonLabels": {"team": None},
        "mutatingWebhookAnnotations": {"note": None},
        "mutatingWebhookLabels": {"team": None},
        "resources": {"limits": {"cpu": None}, "requests": {"cpu": None}},
    }
    objects = rendered(values)
    pod = pod_of(objects[WEBHOOK])
    assert "nodeSelector" not in pod["spec"]
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "256Mi"},
        "requests": {"memory": "80Mi"},
    }
    assert "null" not in yaml.safe_dump(list(objects.values()))


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({}, {"minAvailable": 1}),
        ({"maxUnavailable": 0}, {"minAvailable": 1}),
        ({"minAvailable": 0, "maxUnavailable": 2}, {"maxUnavailable": 2}),
        ({"minAvailable": None, "maxUnavailable": 0}, {"maxUnavailable": 0}),
        ({"minAvailable": None, "maxUnavailable": "25%"}, {"maxUnavailable": "25%"}),
        ({"minAvailable": "2"}, {"minAvailable": 2}),
        ({"minAvailable": 0}, {"minAvailable": 0}),
        ({"minAvailable": None}, {}),
    ],
)
def test_a_budget_has_one_of_its_two_numbers_and_0_counts_alone(
    budget: Json, expected: dict[str, Any]
) -> None:
    objects = rendered({"podDisruptionBudget": budget})
    spec = objects["PodDisruptionBudget/azure-wi-webhook-controller-manager"]["spec"]
    assert {key: value for key, value in spec.items() if key != "selector"} == expected
