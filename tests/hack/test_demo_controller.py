"""The controller as the demo starts it: with the chart's rights, under names of the demo's own."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from controller.config.parse import parse_config
from hack.demo import controller
from hack.demo.controller import Means, running
from hack.demo.errors import DemoFailed
from hack.emulator import Addresses

MEANS = Means(
    kubeconfig=Path("kubeconfig"),
    token_file=Path("controller.token"),
    entra=Addresses(
        authority="https://127.0.0.1:8443",
        graph="https://127.0.0.1:8443",
        arm="https://127.0.0.1:8443",
        imds="http://127.0.0.1:8081",
        admin="https://127.0.0.1:8443/_admin",
        ca=Path("ca.crt"),
    ),
    issuer="https://issuer.test/",
)


def test_its_rights_are_the_charts_under_names_of_the_demos_own() -> None:
    rights = [*controller.rights(), *controller.probe_rights("quick-start")]
    assert {one["kind"] for one in rights} == {
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    }
    assert "azure-workload-identity-system" not in yaml.safe_dump_all(rights)
    assert {one["metadata"]["name"].startswith("azwi-demo-") for one in rights} == {True}
    subjects = [subject for one in rights for subject in one.get("subjects", ())]
    assert all(
        subject == {"kind": "ServiceAccount", "name": controller.NAME, "namespace": "azwi-demo"}
        for subject in subjects
    )
    assert len(subjects) == 3
    kept = [
        name
        for one in rights
        for rule in one.get("rules", ())
        for name in rule.get("resourceNames", ())
    ]
    assert all(name.startswith("azwi-controller") for name in kept), "its Lease and its ConfigMaps"


def test_tokens_are_asked_for_in_one_namespace_only() -> None:
    role, binding = controller.probe_rights("quick-start")
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}
    ]
    assert (binding["kind"], binding["metadata"]["namespace"]) == ("RoleBinding", "quick-start")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_its_command_line_is_one_that_it_takes(tmp_path: Path) -> None:
    for name in ("kubeconfig", "controller.token"):
        (tmp_path / name).touch()
    ca = tmp_path / "ca.crt"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    means = Means(
        tmp_path / "kubeconfig",
        tmp_path / "controller.token",
        dataclasses.replace(MEANS.entra, ca=ca),
        MEANS.issuer,
    )
    config = parse_config(controller.arguments(means, "quick-start"), {}, "somebody")
    assert config.own_client_id == "a41d7c60-5f28-4e9b-8b3d-0c6e2f9d7b15"
    assert config.probe.covers("quick-start")
    assert not config.probe.covers("default")
    assert config.cluster.issuer == MEANS.issuer


def test_one_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    cluster: Any = SimpleNamespace(folder=tmp_path)
    with (
        pytest.raises(DemoFailed, match="found: it ended with status 2") as failed,
        running(cluster, MEANS, "quick-start", lambda _: None),
    ):
        pytest.fail("it runs")
    assert "the last lines of the controller's log:" in str(failed.value)
    assert "--kubeconfig" in str(failed.value)
    assert not list((tmp_path / "pids").iterdir())
