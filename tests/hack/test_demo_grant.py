"""The admin's word: the one that ships, and what is said of others."""

from pathlib import Path

import pytest

from hack.demo.errors import DemoFailed
from hack.demo.grant import read_grant
from hack.demo.quick_start import GRANT, MANIFESTS, read_quick_start


def changed(folder: Path, old: str, new: str) -> Path:
    text = GRANT.read_text()
    assert old in text
    file = folder / "changed.yaml"
    file.write_text(text.replace(old, new))
    return file


def test_the_grant_that_ships_lets_a_service_account_federate_what_it_names() -> None:
    grant = read_grant(GRANT)
    assert grant.role["rules"] == [
        {
            "apiGroups": ["azure.workload.identity"],
            "resources": ["identities"],
            "verbs": ["federate"],
            "resourceNames": list(grant.client_ids),
        }
    ]
    assert grant.binding["roleRef"]["name"] == grant.role["metadata"]["name"]


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("kind: ClusterRole\nmeta", "kind: Role\nmeta", "one ClusterRole with verb federate"),
        ("[federate]", "[get]", "one ClusterRole with verb federate on identities"),
        ("kind: ClusterRoleBinding", "kind: RoleBinding", "one ClusterRoleBinding, found 0"),
        ("name: billing\n", "name: web\n", "a binding to ServiceAccount billing"),
        ("7d2f4a5e", "7d2f4a5f", "the identity 7d2f4a5e-.* found 7d2f4a5f-"),
        ("      - 2b9e6c71-84d3-4c5a-b0f7-19ad3e5c8d42\n", "", "another one to change to"),
    ],
)
def test_what_is_wrong_with_a_grant_is_said(
    tmp_path: Path, old: str, new: str, missing: str
) -> None:
    with pytest.raises(DemoFailed, match=f"changed.yaml: expected .*{missing}|{missing}"):
        read_quick_start(MANIFESTS, changed(tmp_path, old, new))
