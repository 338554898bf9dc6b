"""What Prometheus' operator finds: pods, or Services made for that."""

import pytest

from tests.chart.monitoring.rendered import EVERYTHING, Json, everything, of_kind, with_values

MONITORS = ("podMonitor", "serviceMonitor", "prometheusRule")
PARTS = {
    "azure-wi-webhook": "azure-wi-webhook-controller-manager",
    "azwi-controller": "azwi-controller",
}


def pods_of(objects: list[Json], deployment: str) -> Json:
    template: Json = of_kind(objects, "Deployment")[deployment]["spec"]["template"]
    return template


def selects(selector: Json, labels: Json) -> bool:
    return selector.items() <= labels.items()


def port_names(template: Json) -> dict[str, int]:
    (container,) = template["spec"]["containers"]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


@pytest.mark.parametrize(("name", "deployment"), PARTS.items())
def test_a_pod_monitor_finds_its_own_pods_only(name: str, deployment: str) -> None:
    spec = of_kind(everything(), "PodMonitor")[name]["spec"]
    for other in PARTS.values():
        labels = pods_of(everything(), other)["metadata"]["labels"]
        assert selects(spec["selector"]["matchLabels"], labels) == (other == deployment)
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["port"] in port_names(pods_of(everything(), deployment))


@pytest.mark.parametrize(("name", "deployment"), PARTS.items())
def test_a_service_monitor_finds_its_pods_by_a_service_of_its_own(
    name: str, deployment: str
) -> None:
    services = of_kind(everything(), "Service")
    spec = of_kind(everything(), "ServiceMonitor")[name]["spec"]
    (endpoint,) = spec["endpoints"]
    (service,) = [
        one
        for one in services.values()
        if selects(spec["selector"]["matchLabels"], one["metadata"]["labels"])
    ]
    (port,) = [port for port in service["spec"]["ports"] if port["name"] == endpoint["port"]]
    for other in PARTS.values():
        template = pods_of(everything(), other)
        labels = template["metadata"]["labels"]
        assert selects(service["spec"]["selector"], labels) == (other == deployment)
    assert port["targetPort"] in port_names(pods_of(everything(), deployment))
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_the_webhooks_own_service_keeps_its_one_port() -> None:
    service = of_kind(everything(), "Service")["azure-wi-webhook-webhook-service"]
    assert [port["port"] for port in service["spec"]["ports"]] == [443]


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_a_label_of_the_users_wins(kind: str) -> None:
    """`release` is what kube-prometheus-stack looks for, and ours has another meaning."""
    values = {key: {"enabled": True, "labels": {"release": "prometheus"}} for key in MONITORS}
    for one in of_kind(with_values(**values), kind).values():
        assert one["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize("kind", ["podMonitor", "serviceMonitor"])
def test_an_interval_is_handed_on_and_the_metrics_labels_stay(kind: str) -> None:
    objects = with_values(**{kind: {"enabled": True, "interval": "7s"}})
    found = of_kind(objects, kind[0].upper() + kind[1:])
    assert len(found) == 2
    for one in found.values():
        (endpoint,) = one["spec"].get("podMetricsEndpoints") or one["spec"]["endpoints"]
        assert endpoint == {
            "port": "metrics",
            "path": "/metrics",
            "honorLabels": True,
            "interval": "7s",
        }


def test_what_has_no_metrics_is_not_looked_for() -> None:
    objects = with_values(
        metricsAddr="0", controller={**EVERYTHING["controller"], "metricsAddr": ":9999"}
    )
    assert set(of_kind(objects, "PodMonitor")) == {"azwi-controller"}
    assert set(of_kind(objects, "ServiceMonitor")) == {"azwi-controller"}
    service = of_kind(objects, "Service")["azwi-controller-metrics"]
    assert [port["port"] for port in service["spec"]["ports"]] == [9999]


def test_none_of_it_is_there_unless_asked_for() -> None:
    off = {key: {"enabled": False} for key in (*MONITORS, "dashboards")}
    objects = with_values(**off)
    kinds = {one["kind"] for one in objects}
    assert kinds.isdisjoint({"PodMonitor", "ServiceMonitor", "PrometheusRule"})
    assert not [one for one in objects if "dashboard" in one["metadata"]["name"]]
    assert set(of_kind(objects, "Service")) == {"azure-wi-webhook-webhook-service"}
