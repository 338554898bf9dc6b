"""What a pod asks for, by its annotations and those of its ServiceAccount."""

import pytest

from identity.account import Account
from identity.faults import Fault, Faults
from identity.pod import PodSettings, is_false, is_true, pod_settings
from tests.builders import ENDPOINT_ANNOTATION, an_account, ours

EXPIRATION = "azure.workload.identity/service-account-token-expiration"
PORT = "azure.workload.identity/proxy-sidecar-port"


def settings(
    annotations: dict[str, str] | None = None,
    account: Account | None = None,
    endpoint: str | None = ENDPOINT_ANNOTATION,
) -> PodSettings:
    faults = Faults()
    found = pod_settings(ours(annotations or {}), account or an_account(), endpoint, faults)
    assert list(faults) == []
    return found


def faults_of(annotations: dict[str, str], account: Account | None = None) -> list[Fault]:
    faults = Faults()
    pod_settings(ours(annotations), account or an_account(), None, faults)
    return list(faults)


def test_without_annotations_everything_is_the_default() -> None:
    assert settings() == PodSettings(3600, frozenset(), None, custom_token_endpoint=False)


@pytest.mark.parametrize(
    ("pod", "account", "seconds"),
    [
        (None, None, 3600),
        ("7200", None, 7200),
        (None, "7200", 7200),
        ("7200", "5400", 7200),
        ("", "5400", 5400),
        ("7200", "", 7200),
        ("", "", 3600),
        ("7200", "wrong", 7200),
        ("+3600", None, 3600),
        ("000086400", None, 86400),
    ],
)
def test_the_pods_expiration_goes_before_the_service_accounts(
    pod: str | None, account: str | None, seconds: int
) -> None:
    annotations = {} if pod is None else {"service-account-token-expiration": pod}
    more = {} if account is None else {"service_account_token_expiration": account}
    assert settings(annotations, an_account(**more)).expiration_seconds == seconds


@pytest.mark.parametrize(
    "value", ["3599", "86401", "0", "-3600", "x", " 3600", "3600.0", "1h", "9" * 30]
)
def test_a_wrong_expiration_is_told_with_the_place_where_it_stands(value: str) -> None:
    expected = "whole seconds from 3600 to 86400"
    assert faults_of({"service-account-token-expiration": value}) == [
        Fault(f"pod annotation {EXPIRATION}", value, expected)
    ]
    assert faults_of({}, an_account(service_account_token_expiration=value)) == [
        Fault(f"annotation {EXPIRATION} of ServiceAccount workload-sa", value, expected)
    ]


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("", set()),
        ("app", {"app"}),
        ("app;sidecar", {"app", "sidecar"}),
        (" app ; sidecar\t;\n", {"app", "sidecar"}),
        (";;app;;app;", {"app"}),
        ("app,sidecar", {"app,sidecar"}),
        ("my app", {"my app"}),
        ("App", {"App"}),
    ],
)
def test_skip_containers_is_a_trimmed_list(written: str, names: set[str]) -> None:
    assert settings({"skip-containers": written}).skip_containers == names


@pytest.mark.parametrize("yes", ["true", "True", "TRUE", "tRuE"])
def test_only_true_says_yes(yes: str) -> None:
    assert is_true(yes)
    assert settings({"inject-proxy-sidecar": yes}).proxy_port == 8000
    assert settings({"use-identity-binding": yes}).custom_token_endpoint


@pytest.mark.parametrize(
    "no", ["false", "", "yes", "1", "t", " true", "true ", "on", "\uff54\uff52\uff55\uff45"]
)
def test_nothing_else_says_yes(no: str) -> None:
    assert not is_true(no)
    assert settings({"inject-proxy-sidecar": no}).proxy_port is None
    assert not settings({"use-identity-binding": no}).custom_token_endpoint


def test_only_false_says_no_in_so_many_words() -> None:
    assert is_false("false")
    assert is_false("FALSE")
    assert not is_false("")
    assert not is_false("no")


@pytest.mark.parametrize(
    ("written", "port"), [("1", 1), ("65535", 65535), ("+8080", 8080), ("008000", 8000)]
)
def test_a_port_is_read_as_go_reads_it(written: str, port: int) -> None:
    found = settings({"inject-proxy-sidecar": "true", "proxy-sidecar-port": written})
    assert found.proxy_port == port


@pytest.mark.parametrize("written", ["0", "-1", "65536", "4294967297", "", " 80", "http", "80/tcp"])
def test_a_wrong_port_is_told_where_the_proxy_is_asked_for(written: str) -> None:
    assert faults_of({"inject-proxy-sidecar": "true", "proxy-sidecar-port": written}) == [
        Fault(f"pod annotation {PORT}", written, "a port from 1 to 65535")
    ]
    assert faults_of({"proxy-sidecar-port": written}) == []
    assert faults_of({"inject-proxy-sidecar": "false", "proxy-sidecar-port": written}) == []


@pytest.mark.parametrize(
    ("written", "redirect"),
    [("true", True), ("TRUE", True), ("false", False), ("False", False), ("", None), ("no", None)],
)
def test_the_redirect_is_the_webhooks_to_decide_unless_the_pod_does(
    written: str, redirect: bool | None
) -> None:
    assert settings({"proxy-redirect": written}).proxy_redirect is redirect
    assert settings({"inject-proxy-sidecar": "true"}).proxy_redirect is None


def test_a_cluster_without_a_token_endpoint_gives_none() -> None:
    assert not settings({"use-identity-binding": "true"}, endpoint=None).custom_token_endpoint
    assert not settings({"use-": "true"}, endpoint=None).custom_token_endpoint


def test_all_faults_are_found_at_once() -> None:
    found = faults_of(
        {
            "service-account-token-expiration": "60",
            "inject-proxy-sidecar": "true",
            "proxy-sidecar-port": "0",
        }
    )
    assert [fault.where for fault in found] == [
        f"pod annotation {EXPIRATION}",
        f"pod annotation {PORT}",
    ]
