"""Where a cloud's services answer."""

import pytest

from entra.endpoints import Endpoints
from entra.errors import Invalid, Unsupported
from identity import clouds


def test_the_clouds_have_theirs() -> None:
    assert Endpoints.of(clouds.CHINA) == Endpoints(
        authority="https://login.chinacloudapi.cn",
        resource_manager="https://management.chinacloudapi.cn",
        graph="https://microsoftgraph.chinacloudapi.cn",
    )


@pytest.mark.parametrize("cloud", clouds.CLOUDS, ids=lambda cloud: cloud.name)
def test_every_cloud_has_some(cloud: clouds.Cloud) -> None:
    endpoints = Endpoints.of(cloud)
    assert endpoints.resource_manager_scope == f"{cloud.resource_manager}/.default"
    if cloud.graph:
        assert endpoints.graph_scope == f"{cloud.graph}/.default"


def test_a_cloud_without_graph_says_so() -> None:
    endpoints = Endpoints.of(clouds.GERMANY)
    with pytest.raises(Unsupported, match="has no Microsoft Graph"):
        _ = endpoints.graph_scope
    with pytest.raises(Unsupported, match="use a managed identity"):
        _ = endpoints.reachable_graph


def test_an_audience_can_be_another_than_the_url() -> None:
    endpoints = Endpoints(
        "https://127.0.0.1:8443/",
        "https://127.0.0.1:8443/",
        "https://127.0.0.1:8443/",
        resource_manager_audience="https://management.azure.com",
        graph_audience="https://graph.microsoft.com",
    )
    assert endpoints.authority == "https://127.0.0.1:8443"
    assert endpoints.resource_manager_scope == "https://management.azure.com/.default"
    assert endpoints.graph_scope == "https://graph.microsoft.com/.default"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "graph.example",
        "http://graph.example",
        "https://",
        "https:///path",
        "https://graph.example?x=y",
        "https://graph.example?",
        "https://graph.example#x",
        "https://user@graph.example",
        "https://user:word@graph.example",
        "https://graph.example:0",
        "https://graph.example:x",
        "https://graph.example:99999",
        "https://[::1",
        "https://graph.example/ x",
        "https://graph.example\\x",
        "https://gräph.example",
        "https://graph.example\n",
    ],
)
@pytest.mark.parametrize("field", ["authority", "resource_manager", "graph"])
def test_what_is_no_https_url_is_refused(field: str, url: str) -> None:
    fine = dict.fromkeys(("authority", "resource_manager", "graph"), "https://a.example")
    with pytest.raises(Invalid, match=f"the URL of {field} is .*; expected https://host"):
        Endpoints(**{**fine, field: url})
