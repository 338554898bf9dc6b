"""Warnings: short, on one line, and only where there is something to say."""

import pytest

from tests.builders import CLIENT, a_config, a_container, a_pod, an_account, an_endpoint
from tests.webhook.mutation.running import mutated
from webhook.mutation.advice import clip
from webhook.mutation.outcome import Reason


def pod_warnings(**annotations: str) -> list[str]:
    keys = {key.replace("_", "-"): value for key, value in annotations.items()}
    return mutated(a_pod(annotations=keys)).messages


def account_warnings(annotations: dict[str, str]) -> list[str]:
    return mutated(a_pod(), account=an_account({"client-id": CLIENT, **annotations})).messages


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("short", 8, "short"),
        ("12345678", 8, "12345678"),
        ("123456789", 8, "12345..."),
        ("a\nb\tc", 8, "a?b?c"),
        ("\ud800\u202e\u2028", 8, "???"),
        ("größe 🌍", 8, "größe 🌍"),
        ("", 8, ""),
    ],
)
def test_a_text_is_clipped_to_one_short_line(text: str, longest: int, expected: str) -> None:
    assert clip(text, longest) == expected


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("skip-container", "skip-containers"),
        ("inject-proxy", "inject-proxy-sidecar"),
        ("proxy-port", "proxy-sidecar-port"),
        ("proxy-redirct", "proxy-redirect"),
        ("redirect", "proxy-redirect"),
    ],
)
def test_a_misspelt_annotation_of_a_pod_is_told_with_what_was_meant(key: str, meant: str) -> None:
    [message] = pod_warnings(**{key: "x"})
    assert f"azure.workload.identity/{key}; {meant}?" in message


@pytest.mark.parametrize("key", ["cleint-id", "clientid", "client_id", "Client-Id"])
def test_a_misspelt_annotation_of_a_service_account_is_told(key: str) -> None:
    [message] = account_warnings({key: "x"})
    assert message.endswith(f"azure.workload.identity/{key}; client-id?")
    assert message.startswith("ServiceAccount workload-sa ")


def test_an_annotation_like_no_other_is_told_without_a_guess() -> None:
    [message] = pod_warnings(zzz="x")
    assert message == "the pod has an unknown annotation azure.workload.identity/zzz"


@pytest.mark.parametrize("key", ["client-id", "tenant-id", "federate"])
def test_an_annotation_of_service_accounts_on_a_pod_is_told_where_it_goes(key: str) -> None:
    [message] = pod_warnings(**{key: "x"})
    assert message.endswith(f"/{key}: it goes on the ServiceAccount")


def test_a_long_key_is_clipped_to_leave_room_for_what_was_meant() -> None:
    [message] = pod_warnings(service_account_token_expiry="x")
    assert "/service-account-token-ex..." in message
    assert message.endswith("; service-account-token-expiration?")
    assert len(message) == 120


def test_a_key_that_leaves_no_room_for_a_guess_is_shown_as_far_as_it_goes() -> None:
    key = "service-account-token-expiration-of-the-pod-in-seconds-or-so"
    account = an_account({"client-id": CLIENT, key: "1"})
    [message] = mutated(a_pod(), account=account).messages
    assert len(message) <= 120
    assert "azure.workload.identity/service-account-token-expiration" in message


def test_the_token_endpoint_of_the_cluster_is_a_known_annotation() -> None:
    pod = a_pod(annotations={"use-identity-binding": "false"})
    assert mutated(pod, config=a_config(endpoint=an_endpoint())).warnings == []
    [message] = mutated(pod).messages
    assert message.endswith("use-identity-binding: no such token endpoint")


def test_a_client_id_is_missed_only_where_one_is_needed() -> None:
    own = a_container(env=[{"name": "AZURE_CLIENT_ID", "value": ""}])
    nobody = an_account({})
    assert mutated(a_pod(own), account=nobody).warnings == []
    assert mutated(a_pod(annotations={"skip-containers": "app"}), account=nobody).warnings == []
    [warning] = mutated(a_pod(own, "sidecar"), account=nobody).warnings
    assert warning.reason is Reason.NO_CLIENT_ID
    [warning] = mutated(a_pod(own, init=["init"]), account=nobody).warnings
    assert warning.reason is Reason.NO_CLIENT_ID


def test_a_long_client_id_on_a_service_account_with_a_long_name_still_fits() -> None:
    account = an_account({"client-id": "x" * 200})
    long_name = type(account)("demo", "n" * 200, "1", client_id="x" * 200)
    for one in (account, long_name):
        [message] = mutated(a_pod(), account=one).messages
        assert len(message) <= 120
        assert message.startswith("client-id of ServiceAccount ")
        assert message.endswith("xxx...")


def test_of_each_kind_only_the_first_few_are_told_and_sixteen_in_all() -> None:
    odd = {f"a{index}": "" for index in range(9)}
    annotations = {**odd, "skip-containers": "b;c;d;e;f;g;h"}
    found = mutated(a_pod(annotations=annotations), account=an_account(odd))
    reasons = [warning.reason for warning in found.warnings]
    assert len(reasons) == 16
    assert reasons.count(Reason.UNKNOWN_ANNOTATION) == 10
    assert reasons.count(Reason.UNKNOWN_CONTAINER) == 5
    annotations["inject-proxy-sidecar"] = "perhaps"
    found = mutated(a_pod(annotations=annotations), account=an_account(odd))
    assert len(found.warnings) == 16


def test_the_proxys_containers_may_be_named_where_the_proxy_is_asked_for() -> None:
    names = "azwi-proxy;azwi-proxy-init"
    asked = {"inject-proxy-sidecar": "true", "skip-containers": names}
    assert mutated(a_pod(annotations=asked)).warnings == []
    assert len(mutated(a_pod(annotations={"skip-containers": names})).warnings) == 2
