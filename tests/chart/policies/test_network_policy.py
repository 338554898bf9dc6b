"""Who may reach the pods, and where they may go."""

from typing import Any

import pytest

from tests.chart.helm import template

Json = dict[str, Any]

ID = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
WEBHOOK, CONTROLLER = "azure-wi-webhook-controller-manager", "azwi-controller"


def policies(*, controller: Json | None = None, **values: Any) -> dict[str, Json]:
    """Specs by name; `network` is networkPolicy but for `enabled`."""
    network = {"enabled": True, **values.pop("network", {})}
    given = {
        "azureTenantID": ID,
        "controller": {"enabled": True, "clientId": ID, **(controller or {})},
        "networkPolicy": network,
        **values,
    }
    return {
        one["metadata"]["name"]: one["spec"]
        for one in template(values=given)
        if one["kind"] == "NetworkPolicy"
    }


def test_by_default_the_ports_are_open_and_no_others() -> None:
    found = policies()
    assert set(found) == {WEBHOOK, CONTROLLER}
    assert found[WEBHOOK]["ingress"] == [
        {"ports": [{"port": 9443, "protocol": "TCP"}]},
        {"ports": [{"port": 8095, "protocol": "TCP"}]},
    ]
    assert found[CONTROLLER]["ingress"] == [{"ports": [{"port": 8095, "protocol": "TCP"}]}]
    for spec in found.values():
        assert spec["policyTypes"] == ["Ingress"]
        assert "egress" not in spec


@pytest.mark.parametrize("name", [WEBHOOK, CONTROLLER])
def test_a_policy_is_about_its_own_pods(name: str) -> None:
    values = {"azureTenantID": ID, "controller": {"enabled": True, "clientId": ID}}
    selector = policies()[name]["podSelector"]["matchLabels"]
    matching = [
        one["metadata"]["name"]
        for one in template(values=values)
        if one["kind"] == "Deployment"
        and selector.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert matching == [name]


def test_only_api_servers_reach_the_webhook_where_they_are_known() -> None:
    found = policies(network={"apiServerCIDRs": ["10.0.0.1/32", "fd00::1/128"]})
    reviews, metrics = found[WEBHOOK]["ingress"]
    assert reviews["from"] == [
        {"ipBlock": {"cidr": "10.0.0.1/32"}},
        {"ipBlock": {"cidr": "fd00::1/128"}},
    ]
    assert "from" not in metrics
    assert "from" not in found[CONTROLLER]["ingress"][0]


def test_only_prometheus_reads_metrics_where_it_is_known() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    found = policies(network={"metricsFrom": [peer]})
    reviews, metrics = found[WEBHOOK]["ingress"]
    assert "from" not in reviews
    assert metrics["from"] == [peer]
    assert found[CONTROLLER]["ingress"][0]["from"] == [peer]


def test_pods_go_only_where_they_are_let() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 443}]}
    for spec in policies(network={"egress": [rule]}).values():
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert spec["egress"] == [rule]


def test_ports_are_those_of_the_pods() -> None:
    found = policies(
        service={"targetPort": 10443},
        metricsAddr="127.0.0.1:9000",
        controller={"metricsAddr": "0"},
    )
    ports = [port["port"] for rule in found[WEBHOOK]["ingress"] for port in rule["ports"]]
    assert ports == [10443, 9000]
    assert not found[CONTROLLER].get("ingress"), "without metrics nobody has business there"


def test_there_is_none_of_a_controller_that_is_not_there() -> None:
    assert set(policies(controller={"enabled": False})) == {WEBHOOK}
    assert policies(network={"enabled": False}) == {}
