"""The webhook has the rights that are proved to be the least, in tests of a real API server."""

from tests.chart.rendering import rendered
from tests.cluster.webhook_release import LEAST

CLUSTER = "ClusterRole/azure-wi-webhook-manager-role"
NAMESPACE = "Role/azure-wi-webhook-manager-role"


def test_the_chart_gives_the_least_that_works() -> None:
    objects = rendered()
    assert objects[CLUSTER]["rules"] == LEAST.cluster
    assert objects[NAMESPACE]["rules"] == LEAST.namespace


def test_with_cert_manager_the_webhook_reads_accounts_and_nothing_else() -> None:
    objects = rendered({"certManager": {"enabled": True}})
    assert objects[CLUSTER]["rules"] == LEAST.cluster[:1]
    assert NAMESPACE not in objects
