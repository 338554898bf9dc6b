"""Paths, and names that would lead elsewhere."""

from collections.abc import Callable

import pytest

from controller.kube import Invalid, paths

GROUP = "/apis/azure.workload.identity/v1alpha1"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (paths.namespace("a"), "/api/v1/namespaces/a"),
        (paths.service_accounts("a"), "/api/v1/namespaces/a/serviceaccounts"),
        (paths.service_account("a", "b"), "/api/v1/namespaces/a/serviceaccounts/b"),
        (paths.token_request("a", "b"), "/api/v1/namespaces/a/serviceaccounts/b/token"),
        (paths.fics(), f"{GROUP}/federatedidentitycredentials"),
        (paths.fics("a"), f"{GROUP}/namespaces/a/federatedidentitycredentials"),
        (paths.fic("a", "b"), f"{GROUP}/namespaces/a/federatedidentitycredentials/b"),
        (paths.fic_status("a", "b"), f"{GROUP}/namespaces/a/federatedidentitycredentials/b/status"),
        (paths.leases("a"), "/apis/coordination.k8s.io/v1/namespaces/a/leases"),
        (paths.lease("a", "b"), "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"),
        (paths.config_maps("a"), "/api/v1/namespaces/a/configmaps"),
        (paths.config_map("a", "b"), "/api/v1/namespaces/a/configmaps/b"),
        (paths.events("a"), "/api/v1/namespaces/a/events"),
        (paths.event("a", "b.17"), "/api/v1/namespaces/a/events/b.17"),
        (
            paths.service_account("a", "b?c#d%e"),
            "/api/v1/namespaces/a/serviceaccounts/b%3Fc%23d%25e",
        ),
    ],
)
def test_a_path(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize("name", ["", ".", "..", "../secrets/x", "a/b"])
@pytest.mark.parametrize(
    "function",
    [
        paths.service_account,
        paths.token_request,
        paths.fic,
        paths.fic_status,
        paths.lease,
        paths.config_map,
        paths.event,
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(
    function: Callable[[str, str], str], name: str
) -> None:
    """An empty one would be the whole collection: to delete, say."""
    for names in ((name, "b"), ("a", name)):
        with pytest.raises(Invalid, match="is not the name of an object"):
            function(*names)
