"""The manifests: the ones that ship, and what is said of others."""

from pathlib import Path

import pytest

from hack.demo.errors import DemoFailed
from hack.demo.quick_start import MANIFESTS, read_quick_start


def test_the_quick_start_has_its_four_parts() -> None:
    found = read_quick_start(MANIFESTS)
    assert found.namespace_name == "quick-start"
    assert found.subject == "system:serviceaccount:quick-start:billing"
    assert found.client_id == "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
    assert found.token_seconds == 7200
    assert found.labelled["metadata"]["name"] == "billing"
    assert found.unlabelled["metadata"]["name"] == "bystander"
    assert len(found.objects) == 4


def test_the_grant_that_ships_names_its_identity_and_another_one() -> None:
    found = read_quick_start(MANIFESTS)
    assert found.grant.client_ids == (found.client_id, found.next_client_id)
    assert found.next_client_id == "2b9e6c71-84d3-4c5a-b0f7-19ad3e5c8d42"


def test_another_identity_changes_that_annotation_and_nothing_else() -> None:
    found = read_quick_start(MANIFESTS)
    account = found.account_naming(found.next_client_id)
    annotation = "azure.workload.identity/client-id"
    assert account["metadata"]["annotations"][annotation] == found.next_client_id
    account["metadata"]["annotations"][annotation] = found.client_id
    assert account == found.account


def changed(folder: Path, old: str, new: str) -> Path:
    text = MANIFESTS.read_text()
    assert old in text
    file = folder / "changed.yaml"
    file.write_text(text.replace(old, new))
    return file


def test_the_pods_lifetime_wins_over_the_accounts(tmp_path: Path) -> None:
    annotation = "azure.workload.identity/service-account-token-expiration"
    pod = "  labels:\n    app: billing\n"
    file = changed(tmp_path, pod, f'  annotations:\n    {annotation}: "4000"\n{pod}')
    assert read_quick_start(file).token_seconds == 4000


def test_without_a_lifetime_it_is_an_hour(tmp_path: Path) -> None:
    file = changed(tmp_path, "service-account-token-expiration", "something-else")
    assert read_quick_start(file).token_seconds == 3600


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("kind: Namespace", "kind: ConfigMap", "one Namespace, found 0"),
        ("identity/client-id", "identity/other", "one ServiceAccount with .*client-id, found 0"),
        ('use: "true"', 'use: "false"', 'one pod with the label .*use: "true", found 0'),
        ("    app: bystander", '    azure.workload.identity/use: "true"', "label .* found 2"),
    ],
)
def test_a_part_that_is_missing_is_named(tmp_path: Path, old: str, new: str, missing: str) -> None:
    with pytest.raises(DemoFailed, match=f"changed.yaml: expected {missing}|{missing}"):
        read_quick_start(changed(tmp_path, old, new))


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="No such file"):
        read_quick_start(tmp_path / "none.yaml")


def test_what_is_not_yaml_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="expected manifests"):
        read_quick_start(changed(tmp_path, "kind: Namespace", "kind: [Namespace"))
