"""The definition of our objects as a template that stays: upgraded in place, kept, adopted."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster
from hack.webhook import TENANT_ID
from tests.chart.helm import CHART, Helm, HelmFailed, Json
from tests.cluster.api import Api, Refused, a_namespace
from tests.cluster.controller.installed import apply, documents, fics, until
from tests.cluster.controller.objects import a_fic

pytestmark = pytest.mark.cluster

DEFINITION = (
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    "/federatedidentitycredentials.azure.workload.identity"
)
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
VALUES: Json = {"azureTenantID": TENANT_ID, "controller": {"enabled": True, "clientId": CLIENT}}


@pytest.fixture
def helm(cluster: Cluster, api: Api) -> Iterator[Helm]:
    """Of a namespace; no pods run here, and the definition is gone in the end."""
    with a_namespace(api, "release") as namespace:
        helm = Helm(cluster.kubeconfig, namespace)
        try:
            yield helm
        finally:
            helm.uninstall(hooks=False, missing_ok=True)
            api.http.delete(DEFINITION)
            until(lambda: api.http.get(DEFINITION).status_code == 404, "the definition is gone")


def test_an_upgrade_brings_new_fields_and_keeps_the_objects(
    helm: Helm, api: Api, tmp_path: Path
) -> None:
    helm.install(_older_chart(tmp_path), VALUES)
    objects = fics(helm.namespace)
    until(lambda: api.http.get(objects).is_success, "objects can be made")
    with pytest.raises(Refused, match="unknown field"):
        api.post(objects, _retained("new"), fieldValidation="Strict")
    old = api.post(objects, a_fic("old"))

    helm.upgrade(CHART, VALUES)
    until(lambda: _takes_it(api, objects), "the new field is known")
    assert api.get(f"{objects}/old")["metadata"]["uid"] == old["metadata"]["uid"]
    changed = api.merge(f"{objects}/old", {"spec": {"deletionPolicy": "Retain"}})
    assert changed["spec"]["deletionPolicy"] == "Retain"


def test_it_stays_with_its_objects_when_the_controller_and_then_the_release_go(
    helm: Helm, api: Api
) -> None:
    helm.install(CHART, VALUES)
    objects = fics(helm.namespace)
    until(lambda: api.http.get(objects).is_success, "objects can be made")
    made = api.post(objects, a_fic("mine"))["metadata"]["uid"]
    helm.upgrade(CHART, {"azureTenantID": TENANT_ID}, hooks=False)
    assert api.get(f"{objects}/mine")["metadata"]["uid"] == made
    helm.upgrade(CHART, VALUES)
    helm.uninstall(hooks=False)
    assert api.get(f"{objects}/mine")["metadata"]["uid"] == made
    helm.install(CHART, VALUES)
    assert api.get(f"{objects}/mine")["metadata"]["uid"] == made


def test_one_that_somebody_applied_is_taken_over_by_take_ownership_only(
    helm: Helm, api: Api
) -> None:
    (definition,) = documents("crd.yaml")
    uid = apply(api, definition)["metadata"]["uid"]
    with pytest.raises(HelmFailed, match="cannot be imported into the current release"):
        helm.install(CHART, VALUES)
    assert api.http.get(_deployment(helm)).status_code == 404, "nothing was made"

    helm.install(CHART, VALUES, take_ownership=True)
    taken = api.get(DEFINITION)["metadata"]
    assert taken["uid"] == uid
    assert taken["annotations"]["meta.helm.sh/release-namespace"] == helm.namespace
    assert taken["annotations"]["helm.sh/resource-policy"] == "keep"


def test_one_that_another_release_left_is_taken_over_by_take_ownership_only(
    helm: Helm, api: Api, cluster: Cluster
) -> None:
    helm.install(CHART, VALUES)
    helm.uninstall(hooks=False)
    with a_namespace(api, "another") as namespace:
        another = Helm(cluster.kubeconfig, namespace)
        with pytest.raises(HelmFailed, match="invalid ownership metadata"):
            another.install(CHART, VALUES)
        another.install(CHART, VALUES, take_ownership=True)
        another.uninstall(hooks=False)


def _older_chart(folder: Path) -> Path:
    """Ours, with a schema that knows no `deletionPolicy` yet."""
    chart = folder / "older"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crd.yaml"
    definition = yaml.safe_load(file.read_text())
    (version,) = definition["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["deletionPolicy"]
    file.write_text(yaml.safe_dump(definition))
    return chart


def _retained(name: str) -> Json:
    return a_fic(name, deletionPolicy="Retain")


def _takes_it(api: Api, objects: str) -> bool:
    params = {"fieldValidation": "Strict", "dryRun": "All"}
    return api.http.post(objects, json=_retained("new"), params=params).is_success


def _deployment(helm: Helm) -> str:
    return f"/apis/apps/v1/namespaces/{helm.namespace}/deployments/azwi-controller"
