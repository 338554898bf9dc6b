"""One test for each row of the design's table of differences that a mutation decides.

The rest of that table is about reading ServiceAccounts, certificates and connections, and is
tested where those are.
"""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from identity.names import LEGACY_MOUNT_PATH, MOUNT_PATH, PREFIX, VOLUME_NAME
from tests.builders import Json, a_config, a_container, a_pod, a_proxy, an_account, an_endpoint
from tests.webhook.mutation.running import mutated, refusal
from webhook.config.settings import TokenPathMode
from webhook.mutation.outcome import Reason

PROXY = {"inject-proxy-sidecar": "true"}


def originals_volume(pod_name: str) -> str:
    """The name that the original gives to its volume."""
    return "azure-workload-identity-reserved-" + hashlib.sha256(pod_name.encode()).hexdigest()[:30]


def originals_pass(pod: Json, pod_name: str, mount_path: str = MOUNT_PATH) -> Json:
    """A pod as the original leaves it."""
    name = originals_volume(pod_name)
    source = {
        "audience": "api://AzureADTokenExchange",
        "expirationSeconds": 3600,
        "path": "token/azure-identity-token",
    }
    for container in pod["spec"]["containers"]:
        container["env"] = [
            {"name": "AZURE_CLIENT_ID", "value": an_account().client_id},
            {"name": "AZURE_TENANT_ID", "value": a_config().tenant_id},
            {
                "name": "AZURE_FEDERATED_TOKEN_FILE",
                "value": f"{mount_path}/token/azure-identity-token",
            },
            {"name": "AZURE_AUTHORITY_HOST", "value": a_config().authority_host},
        ]
        container["volumeMounts"] = [{"name": name, "mountPath": mount_path, "readOnly": True}]
    projected = {"defaultMode": 420, "sources": [{"serviceAccountToken": source}]}
    pod["spec"]["volumes"] = [{"name": name, "projected": projected}]
    return pod


# volume name hashes the pod's name: a second pass with another name adds a second volume
# -> one constant name; a volume from an earlier pass (the original's too) is taken over in place


def test_the_volume_has_one_constant_name_whatever_the_pods_is() -> None:
    for metadata in ({"name": "a"}, {"name": "b"}, {"generateName": "c-"}, {}):
        pod = a_pod()
        pod["metadata"] = metadata
        assert mutated(pod).names("volumes") == [VOLUME_NAME]


def test_a_second_pass_with_another_name_yields_no_operations() -> None:
    once = mutated(a_pod("app", "sidecar", init=["init"], annotations=PROXY)).pod
    once["metadata"]["name"] = "another-name"
    assert mutated(once).operations == []


def test_the_originals_volume_is_taken_over_in_place() -> None:
    pod = originals_pass(a_pod(), "another-pod")
    assert mutated(pod).operations == []
    pod["spec"]["containers"].append(a_container("added-by-another-webhook"))
    after = mutated(pod)
    assert after.names("volumes") == [originals_volume("another-pod")]
    mounts = after.container("added-by-another-webhook")["volumeMounts"]
    assert [mount["name"] for mount in mounts] == [originals_volume("another-pod")]


def test_the_volume_of_the_originals_later_versions_is_taken_over_in_place() -> None:
    below = f"{MOUNT_PATH}/{originals_volume('web').removeprefix('azure-workload-identity-')}"
    assert mutated(originals_pass(a_pod(), "web", below)).operations == []


def test_a_source_that_differs_is_written_anew() -> None:
    pod = originals_pass(a_pod(annotations={"service-account-token-expiration": "7200"}), "web")
    after = mutated(pod)
    assert [operation["op"] for operation in after.operations] == ["replace"]
    [source] = after.pod["spec"]["volumes"][0]["projected"]["sources"]
    assert source["serviceAccountToken"]["expirationSeconds"] == 7200


# token path changed in 1.6 and broke consumers -> --token-path-mode


@pytest.mark.parametrize(
    ("mode", "mounts", "file"),
    [
        (TokenPathMode.CURRENT, [MOUNT_PATH], f"{MOUNT_PATH}/token/azure-identity-token"),
        (TokenPathMode.LEGACY, [LEGACY_MOUNT_PATH], f"{LEGACY_MOUNT_PATH}/azure-identity-token"),
        (
            TokenPathMode.BOTH,
            [MOUNT_PATH, LEGACY_MOUNT_PATH],
            f"{MOUNT_PATH}/token/azure-identity-token",
        ),
    ],
)
def test_the_token_path_mode_says_where_the_token_is(
    mode: TokenPathMode, mounts: list[str], file: str
) -> None:
    after = mutated(a_pod(annotations=PROXY), config=a_config(mode=mode))
    for name in ("app", "azwi-proxy", "azwi-proxy-init"):
        found = after.container(name)["volumeMounts"]
        assert [mount["mountPath"] for mount in found] == mounts
        assert after.variable("AZURE_FEDERATED_TOKEN_FILE", name) == file
    # There is a token at every place that is mounted, in the one volume that is there.
    sources = after.pod["spec"]["volumes"][0]["projected"]["sources"]
    files = {source["serviceAccountToken"]["path"] for source in sources}
    assert file in {f"{mount}/{path}" for mount in mounts for path in files}
    assert len(files) == len(mounts)


@pytest.mark.parametrize("before", list(TokenPathMode))
@pytest.mark.parametrize("after", list(TokenPathMode))
def test_a_changed_token_path_mode_breaks_no_variable_of_an_earlier_pass(
    before: TokenPathMode, after: TokenPathMode
) -> None:
    once = mutated(a_pod("app"), config=a_config(mode=before))
    once.pod["spec"]["containers"].append(a_container("added"))
    twice = mutated(once.pod, config=a_config(mode=after))
    sources = twice.pod["spec"]["volumes"][0]["projected"]["sources"]
    files = [source["serviceAccountToken"]["path"] for source in sources]
    for name in ("app", "added"):
        mounts = [mount["mountPath"] for mount in twice.container(name)["volumeMounts"]]
        there = {f"{mount}/{file}" for mount in mounts for file in files}
        assert twice.variable("AZURE_FEDERATED_TOKEN_FILE", name) in there
    assert mutated(twice.pod, config=a_config(mode=after)).operations == []


# `inject-proxy-sidecar: "false"` injects -> only "true" does; any other but "false" is told


@pytest.mark.parametrize(
    ("value", "injects", "warns"),
    [
        ("true", True, False),
        ("TRUE", True, False),
        ("false", False, False),
        ("False", False, False),
        ("", False, True),
        ("yes", False, True),
        ("1", False, True),
        ("true ", False, True),
    ],
)
def test_only_true_injects_the_proxy(value: str, injects: bool, warns: bool) -> None:
    after = mutated(a_pod(annotations={"inject-proxy-sidecar": value}))
    assert ("azwi-proxy" in after.names("initContainers")) is injects
    assert [warning.reason for warning in after.warnings] == [Reason.NOT_A_BOOLEAN] * warns


# misconfiguration is silent -> warnings, and audit annotations


@pytest.mark.parametrize(
    ("account", "annotations", "reason"),
    [
        ({}, {}, Reason.NO_CLIENT_ID),
        ({"client-id": "web"}, {}, Reason.CLIENT_ID_NOT_UUID),
        ({"client-id": an_account().client_id, "tenat-id": "x"}, {}, Reason.UNKNOWN_ANNOTATION),
        (None, {"skip-container": "app"}, Reason.UNKNOWN_ANNOTATION),
        (None, {"skip-containers": "nobody"}, Reason.UNKNOWN_CONTAINER),
    ],
)
def test_misconfiguration_is_told(
    account: dict[str, str] | None, annotations: dict[str, str], reason: Reason
) -> None:
    after = mutated(a_pod(annotations=annotations), account=an_account(account))
    assert [warning.reason for warning in after.warnings] == [reason]
    assert all(len(message) <= 120 for message in after.messages)


def test_the_audit_log_says_what_was_injected_and_from_which_service_account() -> None:
    after = mutated(a_pod("app", "skipped", annotations={"skip-containers": "skipped"}))
    assert after.audit == {
        "injected": "app",
        "service-account": "demo/workload-sa",
        "service-account-resource-version": "41",
        "token-expiration-seconds": "3600",
    }
    assert not any("/" in key for key in after.audit)


# CA_FILE and CA_DATA both injected, CA_FILE even where nothing is mounted


@pytest.mark.parametrize(
    ("source", "variables", "mounted"),
    [
        ({}, [], None),
        ({"ca_data": "PEM"}, ["CA_DATA"], None),
        ({"ca_config_map_name": "ca"}, ["CA_FILE"], "configMap"),
        ({"ca_signer_name": "example.com/ca"}, ["CA_FILE"], "clusterTrustBundle"),
    ],
)
def test_ca_file_only_where_a_ca_is_mounted_and_ca_data_only_from_data(
    source: dict[str, str], variables: list[str], mounted: str | None
) -> None:
    config = a_config(endpoint=an_endpoint(**source))
    after = mutated(a_pod(annotations={"use-identity-binding": "true"}), config=config)
    names = [variable["name"] for variable in after.container("app")["env"]]
    assert [name for name in names if "_CA_" in name] == [
        f"AZURE_KUBERNETES_{v}" for v in variables
    ]
    sources = after.pod["spec"]["volumes"][0]["projected"]["sources"]
    assert [key for one in sources[1:] for key in one] == ([mounted] if mounted else [])


# with native sidecars the user's init containers run before the redirect is set


def test_with_native_sidecars_the_proxy_comes_before_the_users_init_containers() -> None:
    after = mutated(a_pod("app", init=["first", "second"], annotations=PROXY))
    assert after.names("initContainers") == ["azwi-proxy-init", "azwi-proxy", "first", "second"]
    assert after.names("containers") == ["app"]
    assert after.container("azwi-proxy")["restartPolicy"] == "Always"
    assert "restartPolicy" not in after.container("azwi-proxy-init")


def test_without_native_sidecars_the_order_is_the_originals() -> None:
    config = a_config(proxy=a_proxy(native_sidecar=False))
    after = mutated(a_pod("app", init=["first", "second"], annotations=PROXY), config=config)
    assert after.names("initContainers") == ["first", "second", "azwi-proxy-init"]
    assert after.names("containers") == ["azwi-proxy", "app"]
    assert "restartPolicy" not in after.container("azwi-proxy")


# pods go through typed structs, which removes unknown fields -> the raw pod is patched


def test_nothing_that_a_newer_kubernetes_puts_into_a_pod_is_lost() -> None:
    future: Any = {"a": [1, {"b": None}], "~/": 2.5}
    container = a_container(
        future=future,
        resources=future,
        lifecycle={"stopSignal": "SIGUSR1", "future": future},
        env=[{"name": "A", "valueFrom": {"fileKeyRef": future}, "future": future}],
        volumeMounts=[{"name": "v", "mountPath": "/v", "future": future}],
    )
    pod = a_pod(
        container,
        volumes=[
            {"name": "v", "projected": {"sources": [{"podCertificate": future}]}, "f": future}
        ],
        resources=future,
        hostnameOverride="web",
        future=future,
        ephemeralContainers=[{"name": "debugger", "future": future}],
    )
    pod |= {"future": future, "status": future}
    pod["metadata"]["future"] = future
    after = mutated(pod).pod
    del after["spec"]["volumes"][1:]
    del after["spec"]["containers"][0]["env"][1:]
    del after["spec"]["containers"][0]["volumeMounts"][1:]
    assert after == pod


# a proxy port outside 1-65535 is let through -> refused with 400 and words


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999999999"])
def test_a_proxy_port_that_is_none_is_refused_in_words(port: str) -> None:
    [fault] = refusal(a_pod(annotations={**PROXY, "proxy-sidecar-port": port}))
    assert fault.startswith(f'pod annotation {PREFIX}proxy-sidecar-port: "{port}" is not valid')
    assert fault.endswith("expected a port from 1 to 65535")


# the user's own mount at the token's path, or an own container named azwi-proxy


def test_the_users_own_mount_at_the_tokens_path_stays() -> None:
    own = {"name": "own", "mountPath": MOUNT_PATH}
    pod = a_pod(a_container(volumeMounts=[own]), volumes=[{"name": "own", "emptyDir": {}}])
    after = mutated(pod)
    assert after.container("app")["volumeMounts"] == [own]
    assert after.messages == [f"container app has its own mount at {MOUNT_PATH}"]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("name", ["azwi-proxy", "azwi-proxy-init"])
@pytest.mark.parametrize("as_init", [True, False])
def test_there_is_no_second_container_of_a_name_that_is_taken(
    native: bool, name: str, as_init: bool
) -> None:
    pod = a_pod("app", init=[name], annotations=PROXY)
    if not as_init:
        pod = a_pod("app", name, annotations=PROXY)
    after = mutated(pod, config=a_config(proxy=a_proxy(native_sidecar=native)))
    names = after.names("initContainers") + after.names("containers")
    assert sorted(names) == ["app", "azwi-proxy", "azwi-proxy-init"]
    assert after.container(name)["image"] == f"registry.example/{name}:1"
    assert [warning.reason for warning in after.warnings] == [Reason.CONTAINER_NAME_TAKEN]
    assert name in after.messages[0]


# proxy init is privileged -> NET_ADMIN and NET_RAW only; both from configuration


def test_the_proxys_init_container_has_two_capabilities_and_no_privileges() -> None:
    context = mutated(a_pod(annotations=PROXY)).container("azwi-proxy-init")["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
        "privileged": False,
        "runAsNonRoot": False,
        "runAsUser": 0,
    }


def test_security_contexts_and_resources_of_the_proxy_come_from_configuration() -> None:
    proxy = a_proxy(
        security_context={"a": 1},
        init_security_context={"b": 2},
        resources={"limits": {"cpu": "1"}},
        init_resources={"limits": {"cpu": "2"}},
    )
    after = mutated(a_pod(annotations=PROXY), config=a_config(proxy=proxy))
    assert after.container("azwi-proxy")["securityContext"] == {"a": 1}
    assert after.container("azwi-proxy")["resources"] == {"limits": {"cpu": "1"}}
    assert after.container("azwi-proxy-init")["securityContext"] == {"b": 2}
    assert after.container("azwi-proxy-init")["resources"] == {"limits": {"cpu": "2"}}
    plain = mutated(a_pod(annotations=PROXY), config=replace(a_config(), proxy=a_proxy()))
    assert "resources" not in plain.container("azwi-proxy")
    assert "resources" not in plain.container("azwi-proxy-init")
