"""The chart, rendered with everything that there is to see."""

from copy import deepcopy
from functools import cache
from typing import Any

from tests.chart.helm import template

Json = dict[str, Any]

TENANT = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
EVERYTHING: Json = {
    "azureTenantID": TENANT,
    "controller": {"enabled": True, "clientId": TENANT},
    "podMonitor": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "dashboards": {"enabled": True},
}


@cache
def _everything() -> list[Json]:
    return template(values=EVERYTHING)


def everything() -> list[Json]:
    """All objects, with both programs and all of monitoring enabled."""
    return deepcopy(_everything())


def with_values(**values: Any) -> list[Json]:
    """All objects, with some of those values replaced."""
    return template(values={**EVERYTHING, **values})


def of_kind(objects: list[Json], kind: str) -> dict[str, Json]:
    """Those of a kind, by name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def rules(objects: list[Json]) -> dict[str, Json]:
    """Alerts, by name."""
    found = of_kind(objects, "PrometheusRule")
    groups = found["azwi"]["spec"]["groups"] if found else []
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}
