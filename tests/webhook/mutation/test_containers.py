"""What a container gets, where it is not as plain as in the golden pods."""

from typing import Any

import pytest

from identity.names import LEGACY_MOUNT_PATH, MOUNT_PATH, VOLUME_NAME, VOLUME_PREFIX
from tests.builders import (
    CLIENT,
    TENANT,
    Json,
    a_config,
    a_container,
    a_pod,
    an_account,
    an_endpoint,
    ours,
)
from tests.webhook.mutation.running import mutated
from webhook.config.settings import TokenPathMode
from webhook.mutation.containers import Injection
from webhook.mutation.outcome import Reason


def a_mount(path: str = MOUNT_PATH, name: str = VOLUME_NAME, **more: object) -> Json:
    return {"name": name, "mountPath": path, **more}


def mounts_after(*mounts: Json, mode: TokenPathMode = TokenPathMode.CURRENT) -> list[Json]:
    pod = a_pod(a_container(volumeMounts=list(mounts)), volumes=[{"name": VOLUME_NAME}])
    after = mutated(pod, config=a_config(mode=mode))
    return after.container("app")["volumeMounts"]  # type: ignore[no-any-return]


def test_every_mount_of_the_volume_is_made_read_only_whatever_its_spelling() -> None:
    assert mounts_after(a_mount(), a_mount(MOUNT_PATH + "/")) == [
        a_mount(readOnly=True),
        a_mount(MOUNT_PATH + "/", readOnly=True),
    ]


@pytest.mark.parametrize("written", [False, None])
def test_a_mount_that_says_that_it_can_be_written_is_corrected(written: bool | None) -> None:
    assert mounts_after(a_mount(readOnly=written)) == [a_mount(readOnly=True)]


@pytest.mark.parametrize(
    "path",
    [
        "/var/run/secrets/azure/wi",
        "/var/run/secrets/azure/wi/",
        "/var/run/secrets/azure/wi/.",
        "/var/run/secrets/azure/x/../wi",
        "//var/run/secrets/azure/wi",
        "///var//run/secrets/azure/wi//",
        "var/run/secrets/azure/wi",
        "./var/run/secrets/azure/wi",
    ],
)
def test_a_path_is_taken_in_every_spelling(path: str) -> None:
    pod = a_pod(
        a_container(volumeMounts=[a_mount(path, "own")]), volumes=[{"name": "own", "emptyDir": {}}]
    )
    after = mutated(pod)
    assert after.container("app")["volumeMounts"] == [a_mount(path, "own")]
    assert [warning.reason for warning in after.warnings] == [Reason.PATH_TAKEN]
    assert MOUNT_PATH in after.warnings[0].message


@pytest.mark.parametrize(
    "path", ["", "/", "/var/run/secrets/azure", MOUNT_PATH + "x", "\0", "\ud800"]
)
def test_another_path_is_not_taken(path: str) -> None:
    assert mounts_after(a_mount(path, "own"))[1:] == [a_mount(readOnly=True)]


def test_a_mount_below_ours_keeps_ours_away_but_not_the_legacy_one() -> None:
    below = a_mount(MOUNT_PATH + "/hash", readOnly=True)
    assert mounts_after(below) == [below]
    assert mounts_after(below, mode=TokenPathMode.BOTH) == [
        below,
        a_mount(LEGACY_MOUNT_PATH, readOnly=True),
    ]


def test_a_mount_of_somebody_elses_below_ours_does_not_keep_it_away() -> None:
    below = a_mount(MOUNT_PATH + "/own", "own")
    assert mounts_after(below) == [below, a_mount(readOnly=True)]


def test_a_mount_of_ours_beside_the_path_does_not_keep_ours_away() -> None:
    beside = a_mount(MOUNT_PATH + "der", readOnly=True)
    assert mounts_after(beside) == [beside, a_mount(readOnly=True)]


def test_the_token_is_read_where_an_earlier_pass_has_mounted_it() -> None:
    below = MOUNT_PATH + "/hash"
    pod = a_pod(a_container(volumeMounts=[a_mount(below)]), volumes=[{"name": VOLUME_NAME}])
    assert mutated(pod).variable("AZURE_FEDERATED_TOKEN_FILE") == (
        "/var/run/secrets/azure/wi/hash/token/azure-identity-token"
    )


def test_where_the_path_is_taken_the_token_is_read_at_a_mount_of_ours_elsewhere() -> None:
    mounts = [a_mount(MOUNT_PATH, "own"), a_mount("/elsewhere")]
    pod = a_pod(a_container(volumeMounts=mounts), volumes=[{"name": VOLUME_NAME}])
    assert mutated(pod).variable("AZURE_FEDERATED_TOKEN_FILE") == (
        "/elsewhere/token/azure-identity-token"
    )


def test_of_several_volumes_of_ours_the_first_is_mounted() -> None:
    volumes = [{"name": "data"}, {"name": VOLUME_PREFIX + "1"}, {"name": VOLUME_PREFIX + "2"}]
    after = mutated(a_pod(volumes=volumes))
    assert after.container("app")["volumeMounts"] == [
        a_mount(name=VOLUME_PREFIX + "1", readOnly=True)
    ]


def test_a_container_that_has_everything_costs_no_operation() -> None:
    once = mutated(a_pod("app", "sidecar"))
    assert mutated(once.pod).operations == []


def test_lists_that_are_there_are_appended_to_and_others_are_made() -> None:
    env = [{"name": "A", "value": "b"}]
    operations = mutated(a_pod(a_container(env=env))).operations
    paths = [operation["path"] for operation in operations]
    assert paths[:5] == ["/spec/containers/0/env/-"] * 4 + ["/spec/containers/0/volumeMounts"]
    assert {operation["op"] for operation in operations} == {"add"}


@pytest.mark.parametrize(
    ("account", "config", "expected"),
    [
        ({"client-id": CLIENT}, {}, [CLIENT, TENANT]),
        ({"client-id": CLIENT, "tenant-id": "own"}, {}, [CLIENT, "own"]),
        ({"client-id": CLIENT, "tenant-id": ""}, {}, [CLIENT]),
        ({"tenant-id": "own"}, {}, ["own"]),
        ({"client-id": ""}, {"tenant_id": "other"}, ["other"]),
        ({}, {}, [TENANT]),
    ],
)
def test_client_and_tenant_come_from_the_service_account_first(
    account: dict[str, str], config: dict[str, Any], expected: list[str]
) -> None:
    after = mutated(a_pod(), account=an_account(account), config=a_config(**config))
    names = {"AZURE_CLIENT_ID", "AZURE_TENANT_ID"}
    env = after.container("app")["env"]
    assert [variable["value"] for variable in env if variable["name"] in names] == expected


@pytest.mark.parametrize("mode", list(TokenPathMode))
def test_ca_file_and_token_file_are_in_the_same_mount(mode: TokenPathMode) -> None:
    config = a_config(mode=mode, endpoint=an_endpoint(ca_config_map_name="ca"))
    after = mutated(a_pod(annotations={"use-identity-binding": "true"}), config=config)
    token = after.variable("AZURE_FEDERATED_TOKEN_FILE")
    root = MOUNT_PATH if mode is not TokenPathMode.LEGACY else LEGACY_MOUNT_PATH
    assert token.startswith(f"{root}/")
    assert after.variable("AZURE_KUBERNETES_CA_FILE") == f"{root}/ca-cert/ca.crt"
    assert after.container("app")["volumeMounts"][0]["mountPath"] == root


def test_the_order_of_the_variables_is_the_contracts() -> None:
    endpoint = an_endpoint(sni_name="sni", ca_data="PEM")
    injection = Injection("c", "t", "https://authority/", TokenPathMode.CURRENT, endpoint)
    assert [name for name, value in injection.variables(MOUNT_PATH)] == [
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_AUTHORITY_HOST",
        "AZURE_KUBERNETES_TOKEN_PROXY",
        "AZURE_KUBERNETES_SNI_NAME",
        "AZURE_KUBERNETES_CA_FILE",
        "AZURE_KUBERNETES_CA_DATA",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    ]


def test_annotations_of_other_prefixes_change_nothing() -> None:
    pod = a_pod()
    pod["metadata"]["annotations"] = {
        "azure.workload.identityx/skip-containers": "app",
        "skip-containers": "app",
        **ours({}),
    }
    assert mutated(pod).container("app")["env"]
