"""What the schema of FederatedIdentityCredential takes and refuses, on a real API server."""

from collections.abc import Iterator
from typing import Any

import pytest

from hack.cluster import Cluster
from identity.federation import is_resource_id
from tests.cluster.api import Api, Json, Refused, a_namespace, api_of
from tests.cluster.controller.installed import fics, install
from tests.cluster.controller.objects import (
    BY_CLIENT_ID,
    BY_RESOURCE_ID,
    CLIENT,
    GITHUB,
    RESOURCE,
    TENANT,
    a_fic,
    foreign,
)

pytestmark = pytest.mark.cluster

ONE_IDENTITY = "write exactly one of clientId and resourceId"
ONE_SUBJECT = (
    "write exactly one of serviceAccountName (a ServiceAccount of this namespace) and subject (of"
    " the tokens of another issuer)"
)
OF_THIS_CLUSTER = (
    "a subject without issuer is one of this cluster, system:serviceaccount:<namespace>:<name>;"
    " write the issuer of its tokens beside any other one"
)
AN_ISSUER = (
    "write the issuer as its tokens do, a URL that begins with https://, without blanks, query and"
    " fragment"
)
A_RESOURCE = (
    "write the resource id of a user-assigned managed identity, /subscriptions/<UUID>"
    "/resourceGroups/<group>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>"
)
A_TENANT = "write the tenant's UUID, or one of its verified domains such as contoso.onmicrosoft.com"
NO_BLANKS = "take away the blanks around it, Entra ID compares subjects exactly"
LOWER_CASE = "write it in lower case, the names in grants are compared with their case"


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        install(found)
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "crd") as name:
        yield name


VALID: dict[str, dict[str, Any]] = {
    "a ServiceAccount": {},
    "a ServiceAccount, and the issuer written out": {"issuer": "https://oidc.example/cluster/"},
    "a ServiceAccount with dots": {"serviceAccountName": "a.b-c.d"},
    "a subject of this cluster": {
        "serviceAccountName": None,
        "subject": "system:serviceaccount:shop:web",
    },
    "a GitHub environment with a blank": foreign(subject="repo:o/r:environment:My Env"),
    "a SPIFFE ID": foreign(subject="spiffe://example.org/ns/shop/sa/web"),
    "an issuer with a port and a slash at the end": foreign(issuer="https://x.example:8443/a/"),
    "the longest subject": foreign(subject="s" * 600),
    "the longest issuer": foreign(issuer="https://x.example/".ljust(600, "i")),
    "another audience": {"audiences": ["api://AzureADTokenExchangeChina"]},
    "the longest audience": {"audiences": ["a" * 600]},
    "a managed identity": {"identity": BY_RESOURCE_ID},
    "a tenant": {"identity": {**BY_CLIENT_ID, "tenantId": TENANT.upper()}},
    "a tenant's domain": {"identity": {**BY_CLIENT_ID, "tenantId": "Contoso.onmicrosoft.com"}},
    "removed in any case": {"deletionPolicy": "Delete"},
    "kept": {"deletionPolicy": "Retain"},
}


@pytest.mark.parametrize("spec", VALID.values(), ids=VALID)
def test_what_entra_takes_is_taken(api: Api, namespace: str, spec: dict[str, Any]) -> None:
    stored = api.post(fics(namespace), a_fic(**spec), dryRun="All", fieldValidation="Strict")
    assert stored["spec"] == {
        "audiences": ["api://AzureADTokenExchange"],
        **a_fic(**spec)["spec"],
    }


INVALID: dict[str, tuple[dict[str, Any], str, str]] = {
    "no identity": ({"identity": None}, "spec.identity", "Required value"),
    "an identity without a name": ({"identity": {}}, "spec.identity", ONE_IDENTITY),
    "an identity by both": (
        {"identity": {**BY_CLIENT_ID, **BY_RESOURCE_ID}},
        "spec.identity",
        ONE_IDENTITY,
    ),
    "a client id in upper case": (
        {"identity": {"clientId": CLIENT.upper()}},
        "spec.identity.clientId",
        LOWER_CASE,
    ),
    "a client id that is a name": (
        {"identity": {"clientId": "my-app"}},
        "spec.identity.clientId",
        "should match '^[0-9a-f]{8}-",
    ),
    "a client id with a line end": (
        {"identity": {"clientId": CLIENT + "\n"}},
        "spec.identity.clientId",
        "should match '^[0-9a-f]{8}-",
    ),
    "a resource id of something else": (
        {"identity": {"resourceId": RESOURCE.replace("userAssigned", "systemAssigned")}},
        "spec.identity.resourceId",
        A_RESOURCE,
    ),
    "a tenant of all": (
        {"identity": {**BY_CLIENT_ID, "tenantId": "common"}},
        "spec.identity.tenantId",
        A_TENANT,
    ),
    "no subject at all": ({"serviceAccountName": None}, "spec", ONE_SUBJECT),
    "two subjects": (foreign(serviceAccountName="web"), "spec", ONE_SUBJECT),
    "a foreign subject without its issuer": (foreign(issuer=None), "spec", OF_THIS_CLUSTER),
    "a ServiceAccount's subject with too many parts": (
        foreign(issuer=None, subject="system:serviceaccount:a:b:c"),
        "spec",
        OF_THIS_CLUSTER,
    ),
    "a ServiceAccount with a capital": (
        {"serviceAccountName": "Web"},
        "spec.serviceAccountName",
        "should match '^[a-z0-9]",
    ),
    "a ServiceAccount with a name too long": (
        {"serviceAccountName": "a" * 254},
        "spec.serviceAccountName",
        "Too long",
    ),
    "an empty ServiceAccount": (
        {"serviceAccountName": ""},
        "spec.serviceAccountName",
        "at least 1 chars long",
    ),
    "an empty subject": (foreign(subject=""), "spec.subject", "at least 1 chars long"),
    "a subject with a blank before it": (foreign(subject=" x"), "spec.subject", NO_BLANKS),
    "a subject with a line end": (foreign(subject="x\n"), "spec.subject", NO_BLANKS),
    "a subject too long for Entra": (foreign(subject="s" * 601), "spec.subject", "Too long"),
    "an issuer without encryption": (
        foreign(issuer="http://x.example"),
        "spec.issuer",
        AN_ISSUER,
    ),
    "an issuer without a host": (foreign(issuer="https:///x"), "spec.issuer", AN_ISSUER),
    "an issuer that is none": (foreign(issuer="https://[x"), "spec.issuer", AN_ISSUER),
    "an issuer with a query": (foreign(issuer=GITHUB + "?a=b"), "spec.issuer", AN_ISSUER),
    "an issuer with a fragment": (foreign(issuer=GITHUB + "#a"), "spec.issuer", AN_ISSUER),
    "an issuer with a blank": (foreign(issuer=GITHUB + "/ "), "spec.issuer", AN_ISSUER),
    "an issuer too long for Entra": (
        foreign(issuer="https://x.example/".ljust(601, "i")),
        "spec.issuer",
        "Too long",
    ),
    "no audience": ({"audiences": []}, "spec.audiences", "at least 1 items"),
    "two audiences": ({"audiences": ["a", "b"]}, "spec.audiences", "must have at most 1 item"),
    "an empty audience": ({"audiences": [""]}, "spec.audiences[0]", "at least 1 chars long"),
    "an audience too long for Entra": (
        {"audiences": ["a" * 601]},
        "spec.audiences[0]",
        "Too long",
    ),
    "another policy": (
        {"deletionPolicy": "Keep"},
        "spec.deletionPolicy",
        'supported values: "Delete", "Retain"',
    ),
}


@pytest.mark.parametrize(("spec", "field", "words"), INVALID.values(), ids=INVALID)
def test_what_is_wrong_is_refused_with_its_field_and_what_to_do(
    api: Api, namespace: str, spec: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        api.post(fics(namespace), a_fic(**spec), dryRun="All")
    assert refused.value.code == 422
    assert f"{field}: " in refused.value.message
    assert words in refused.value.message


def test_a_misspelt_field_is_refused_where_people_look(api: Api, namespace: str) -> None:
    """kubectl asks for strict validation by itself."""
    with pytest.raises(Refused, match=r'unknown field "spec\.issuerUrl"'):
        api.post(fics(namespace), a_fic(issuerUrl=GITHUB), dryRun="All", fieldValidation="Strict")


def test_what_the_schema_does_not_know_is_not_stored(api: Api, namespace: str) -> None:
    stored = api.post(fics(namespace), a_fic(more={"a": 1}), dryRun="All", fieldValidation="Ignore")
    assert "more" not in stored["spec"]


RESOURCES = [
    RESOURCE,
    RESOURCE.upper(),
    RESOURCE + "/",
    RESOURCE.replace("apps", "Größe_(1).x-y"),
    RESOURCE.replace("apps", "a" * 90),
    RESOURCE.replace("shop-web", "a" * 128),
    RESOURCE + "//",
    RESOURCE + "\n",
    RESOURCE.replace("apps", ".."),
    RESOURCE.replace("apps", "a/b"),
    RESOURCE.replace("apps", "a" * 91),
    RESOURCE.replace("shop-web", "ab"),
    RESOURCE.replace("shop-web", "-shop"),
    RESOURCE.replace("shop-web", "a" * 129),
    RESOURCE.replace("shop-web", "größe"),
    RESOURCE.replace("40000000", "4"),
]


@pytest.mark.parametrize("written", RESOURCES)
def test_a_resource_id_is_one_here_if_it_is_one_in_an_annotation(
    api: Api, namespace: str, written: str
) -> None:
    body = a_fic(identity={"resourceId": written})
    assert _taken(api, namespace, body) is is_resource_id(written)


def _taken(api: Api, namespace: str, body: Json) -> bool:
    answer = api.http.post(fics(namespace), json=body, params={"dryRun": "All"})
    assert answer.status_code in {201, 422}
    return answer.is_success
