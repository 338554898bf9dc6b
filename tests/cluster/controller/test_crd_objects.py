"""The life of FederatedIdentityCredential objects on a real API server: changed, told, shown."""

import subprocess
from collections.abc import Iterator

import pytest

from controller.status.conditions import Condition, Told, status_of
from entra.errors import Denied, Trace
from entra.model import FederatedCredential, Identity, Kind, resource_id
from hack.cluster import Cluster
from tests.cluster.api import Api, Json, Refused, a_namespace, api_of
from tests.cluster.controller.installed import FICS, documents, fics, install
from tests.cluster.controller.objects import (
    BY_CLIENT_ID,
    BY_RESOURCE_ID,
    CLIENT,
    GITHUB,
    OTHER,
    RESOURCE,
    TENANT,
    a_fic,
    foreign,
)

pytestmark = pytest.mark.cluster

NO_MOVE = (
    "a credential can't move to another identity in Entra ID: make another object for that one, and"
    " delete this one"
)


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        install(found)
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "crd") as name:
        yield name


@pytest.fixture
def stored(api: Api, namespace: str) -> Iterator[Json]:
    found = api.post(fics(namespace), a_fic("stored"))
    yield found
    api.delete(f"{fics(namespace)}/stored")


@pytest.mark.parametrize(
    "identity",
    [{"clientId": OTHER}, {"clientId": None, "resourceId": RESOURCE}],
    ids=["another client id", "a resource id"],
)
def test_an_object_stays_with_its_identity(
    api: Api, namespace: str, stored: Json, identity: Json
) -> None:
    with pytest.raises(Refused) as refused:
        api.merge(f"{fics(namespace)}/stored", {"spec": {"identity": identity}})
    assert f"spec.identity: Invalid value: {NO_MOVE}" in refused.value.message
    assert api.get(f"{fics(namespace)}/stored")["spec"] == stored["spec"]


def test_a_resource_id_stays_the_same_but_for_its_case(api: Api, namespace: str) -> None:
    path = f"{fics(namespace)}/by-resource"
    api.post(fics(namespace), a_fic("by-resource", identity=BY_RESOURCE_ID))
    api.merge(path, {"spec": {"identity": {"resourceId": RESOURCE.upper()}}})
    with pytest.raises(Refused, match="can't move to another identity"):
        api.merge(path, {"spec": {"identity": {"resourceId": RESOURCE + "-2"}}})
    api.delete(path)


@pytest.mark.usefixtures("stored")
def test_what_entra_can_change_can_be_changed(api: Api, namespace: str) -> None:
    """The tenant too: an identity stands in one, so another one only mends what was wrong."""
    changes = {
        "serviceAccountName": None,
        "subject": "repo:o/r",
        "issuer": GITHUB,
        "audiences": ["other"],
        "identity": {"tenantId": TENANT},
        "deletionPolicy": "Retain",
    }
    changed = api.merge(f"{fics(namespace)}/stored", {"spec": changes})
    assert changed["spec"]["subject"] == "repo:o/r"
    assert changed["spec"]["identity"] == {**BY_CLIENT_ID, "tenantId": TENANT}
    assert changed["metadata"]["generation"] == 2


STATUS = status_of(
    Told(
        authorized=Condition("Authorized", "True", "Granted", "words"),
        synced=Condition("Synced", "False", "ControllerDenied", "words"),
        verified=Condition("Verified", "Unknown", "NotPropagated", "words"),
        credential=FederatedCredential("name", GITHUB, "repo:o/r", "audience", id="id"),
        adopted=True,
        identity=Identity(
            Kind.MANAGED_IDENTITY, CLIENT, TENANT, "object", resource=resource_id(RESOURCE)
        ),
        slots_used=3,
        error=Denied("words", trace=Trace(service="arm", status=403, code="X", request_id="r")),
        probe={
            "at": "2026-11-25T10:00:00Z",
            "succeeded": False,
            "code": "AADSTS700213",
            "message": "words",
            "requestId": "r",
            "claims": {
                "aud": "https://management.azure.com",
                "iss": "https://sts.windows.net/x/",
                "tid": TENANT,
                "oid": OTHER,
                "clientId": CLIENT,
                "idtyp": "app",
                "resourceId": RESOURCE,
                "roles": ["A", "B"],
                "exp": 1795600000,
            },
        },
    ),
    1,
    {},
    "2026-11-25T10:00:00Z",
)


@pytest.mark.usefixtures("stored")
def test_every_field_that_the_controller_tells_is_in_the_schema(api: Api, namespace: str) -> None:
    path = f"{fics(namespace)}/stored"
    assert api.merge(f"{path}/status", {"status": STATUS})["status"] == STATUS
    assert api.get(path)["status"] == STATUS


@pytest.mark.usefixtures("stored")
def test_status_and_spec_are_written_apart(api: Api, namespace: str) -> None:
    path = f"{fics(namespace)}/stored"
    api.merge(path, {"status": STATUS})
    assert "status" not in api.get(path)
    api.merge(f"{path}/status", {"spec": {"deletionPolicy": "Delete"}, "status": STATUS})
    after = api.get(path)
    assert "deletionPolicy" not in after["spec"]
    assert after["metadata"]["generation"] == 1


def test_kubectl_get_shows_what_people_look_for(api: Api, namespace: str, cluster: Cluster) -> None:
    bodies = [
        a_fic("by-account"),
        a_fic("by-subject", **foreign(), identity=BY_RESOURCE_ID),
    ]
    for body in bodies:
        api.post(fics(namespace), body)
    api.merge(f"{fics(namespace)}/by-account/status", {"status": STATUS})
    lines = _kubectl(cluster, "get", "fic", "-n", namespace).splitlines()
    assert lines[0].split() == [
        "NAME", "IDENTITY", "SUBJECT", "READY", "VERIFIED", "REASON", "AGE",
    ]  # fmt: skip
    account, subject = (line.split() for line in lines[1:])
    assert account[:-1] == [
        "by-account", CLIENT, "web", "False", "Unknown", "ControllerDenied",
    ]  # fmt: skip
    assert subject[:-1] == ["by-subject", RESOURCE, "repo:o/r"]
    for body in bodies:
        api.delete(f"{fics(namespace)}/{body['metadata']['name']}")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "name", ["fic", "federatedidentitycredentials", "azure", "workload-identity"]
)
def test_objects_are_found_by_short_name_and_categories(
    api: Api, namespace: str, cluster: Cluster, name: str
) -> None:
    found = _kubectl(cluster, "get", name, "-n", namespace, "-o", "name")
    assert "federatedidentitycredential.azure.workload.identity/stored" in found.split()


def test_kubectl_explains_each_field(api: Api, cluster: Cluster) -> None:
    told = _kubectl(cluster, "explain", "fic.spec.identity.clientId")
    assert "names in grants are compared with their case" in " ".join(told.split())
    paths = _undescribed(documents("crd.yaml")[0]["spec"]["versions"][0]["schema"], "")
    assert paths == ["openAPIV3Schema.metadata"]
    assert api.get(FICS)["resources"]


def _undescribed(schema: Json, path: str) -> list[str]:
    """Paths of the fields that say nothing about themselves."""
    found = []
    for name, field in {**schema.get("properties", {}), **_nested(schema)}.items():
        where = f"{path}.{name}".lstrip(".")
        if "description" not in field and name != "items":
            found.append(where)
        found += _undescribed(field, where)
    return found


def _nested(schema: Json) -> Json:
    return {name: schema[name] for name in ("openAPIV3Schema", "items") if name in schema}


def _kubectl(cluster: Cluster, *arguments: str) -> str:
    done = subprocess.run(
        [cluster.kubectl(), "--kubeconfig", cluster.kubeconfig, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
