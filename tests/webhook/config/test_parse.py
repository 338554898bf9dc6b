"""Flags and variables become one configuration, or all their faults."""

from pathlib import Path

import pytest

from identity.names import DEFAULT_AUDIENCE
from webhook.config.parse import FLAGS, ConfigurationError, Parsed, parse_config
from webhook.config.settings import (
    Address,
    CertificateConfig,
    CustomTokenEndpoint,
    TokenPathMode,
)

TENANT = {"AZURE_TENANT_ID": "a-tenant"}
IMAGES = {"PROXY_IMAGE": "proxy:1", "PROXY_INIT_IMAGE": "proxy-init:1"}
ENDPOINT_FLAGS = [
    "--custom-token-endpoint-annotation-suffix=identity-binding",
    "--custom-token-endpoint-audience=api://AKSIdentityBinding",
]
TOKEN_PROXY = {"AZURE_KUBERNETES_TOKEN_PROXY": "https://tokens.example/proxy"}


def parse(*arguments: str, **environment: str) -> Parsed:
    return parse_config(arguments, TENANT | IMAGES | environment)


def faults(*arguments: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        parse(*arguments, **environment)
    return [str(fault) for fault in error.value.faults]


def test_only_the_tenant_is_required() -> None:
    parsed = parse_config([], TENANT)
    assert parsed.config.mutation.tenant_id == "a-tenant"
    assert parsed.config.mutation.audience == DEFAULT_AUDIENCE
    assert parsed.config.mutation.authority_host == "https://login.microsoftonline.com/"
    assert parsed.config.server.health == Address("", 9440)
    assert parsed.config.server.metrics == Address("", 8095)
    assert parsed.config.server.tls_min_version == "1.3"
    assert parsed.config.certificates.rotate
    assert parsed.config.kubeconfig is None
    assert len(parsed.notices) == 1
    assert "PROXY_IMAGE" in parsed.notices[0]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_config(
            ["--port=99999", "--nope", "x", "--tls-min-version", "9", "--kubeconfig"],
            {"AZURE_ENVIRONMENT": "moon"},
        )
    assert [str(fault) for fault in error.value.faults] == [
        "--nope: no such flag; --help lists them",
        "--kubeconfig: expected a value after it",
        "AZURE_TENANT_ID: required: the Entra ID tenant of this cluster's identities",
        (
            'AZURE_ENVIRONMENT: "moon" is not valid; expected one of AzurePublicCloud,'
            " AzureUSGovernmentCloud, AzureChinaCloud, AzureGermanCloud; another needs"
            " AZURE_AUTHORITY_HOST"
        ),
        '--tls-min-version: "9" is not valid; expected 1.0 or 1.1 or 1.2 or 1.3',
        '--port: "99999" is not valid; expected a port from 0 to 65535',
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port=1234"],
        ["--port", "1234"],
        ["-port", "1234"],
        ["-port=1234"],
        ["--port=1", "--port=1234"],
        ["--port=+1234"],
        ["--port=0000001234"],
    ],
)
def test_flags_take_gos_spellings(arguments: list[str]) -> None:
    assert parse(*arguments).config.server.port == 1234


@pytest.mark.parametrize(
    ("arguments", "rotate"),
    [
        ([], True),
        (["--disable-cert-rotation"], False),
        (["-disable-cert-rotation=T"], False),
        (["--disable-cert-rotation=false"], True),
        (["--disable-cert-rotation", "--port=1"], False),
    ],
)
def test_a_switch_stands_alone_or_takes_a_value(arguments: list[str], rotate: bool) -> None:
    assert parse(*arguments).config.certificates.rotate is rotate


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (":9440", Address("", 9440)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:8095", Address("::1", 8095)),
        ("localhost:1", Address("localhost", 1)),
    ],
)
def test_an_address_is_gos(written: str, address: Address) -> None:
    server = parse(f"--health-addr={written}", f"--metrics-addr={written}").config.server
    assert server.health == server.metrics == address
    assert str(address) == written


def test_metrics_can_be_left_out() -> None:
    assert parse("--metrics-addr=0").config.server.metrics is None


@pytest.mark.parametrize("written", ["", "9440", "::1:9440", ":x", ":70000", "host:", ":-1", ":٣"])
def test_what_is_no_address_is_said(written: str) -> None:
    (fault,) = faults(f"--health-addr={written}")
    assert fault.startswith("--health-addr")


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("AzurePublicCloud", "https://login.microsoftonline.com/"),
        ("azurechinacloud", "https://login.chinacloudapi.cn/"),
        ("AzureUSGovernment", "https://login.microsoftonline.us/"),
        ("AZUREGERMANCLOUD", "https://login.microsoftonline.de/"),
        ("", "https://login.microsoftonline.com/"),
    ],
)
def test_a_cloud_gives_its_authority(name: str, host: str) -> None:
    assert parse(AZURE_ENVIRONMENT=name).config.mutation.authority_host == host


def test_an_air_gapped_cloud_gives_its_own_authority() -> None:
    parsed = parse(AZURE_ENVIRONMENT="OurCloud", AZURE_AUTHORITY_HOST="https://login.our.cloud")
    assert parsed.config.mutation.authority_host == "https://login.our.cloud/"


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "a",
        "https://",
        "https://a?b",
        "https://u:p@a",
        "https://a b",
        "https://a:x",
        "https://[a",
    ],
)
def test_a_token_goes_to_https_only(url: str) -> None:
    (fault,) = faults(AZURE_AUTHORITY_HOST=url)
    assert fault.startswith("AZURE_AUTHORITY_HOST")


def test_old_tls_versions_are_read_as_the_lowest_that_is_served() -> None:
    parsed = parse("--tls-min-version=1.0")
    assert parsed.config.server.tls_min_version == "1.2"
    assert any("1.0" in notice for notice in parsed.notices)


@pytest.mark.parametrize("mode", TokenPathMode)
def test_the_token_path_mode_is_chosen(mode: TokenPathMode) -> None:
    assert parse(f"--token-path-mode={mode.value}").config.mutation.token_path_mode is mode


def test_the_log_level_is_also_the_proxys() -> None:
    config = parse("--log-level=debug").config
    assert (config.log_level, config.mutation.proxy.log_level) == ("debug", "debug")


def test_the_proxys_objects_come_as_json() -> None:
    parsed = parse(
        PROXY_RESOURCES='{"limits": {"memory": "64Mi"}}',
        PROXY_INIT_SECURITY_CONTEXT='{"runAsUser": 0}',
    )
    proxy = parsed.config.mutation.proxy
    assert proxy.resources == {"limits": {"memory": "64Mi"}}
    assert proxy.init_security_context == {"runAsUser": 0}
    assert proxy.security_context is None
    assert faults(PROXY_RESOURCES="[1]", PROXY_INIT_RESOURCES="{") == [
        'PROXY_RESOURCES: "[1]" is not valid; expected a JSON object',
        'PROXY_INIT_RESOURCES: "{" is not valid; expected a JSON object',
    ]


@pytest.mark.parametrize(
    ("written", "redirect"),
    [(None, True), ("", True), ("true", True), ("True", True), ("false", False), ("FALSE", False)],
)
def test_the_redirect_to_the_proxy_can_be_left_out(written: str | None, redirect: bool) -> None:
    given = {} if written is None else {"PROXY_REDIRECT": written}
    assert parse(**given).config.mutation.proxy.redirect is redirect
    assert faults(PROXY_REDIRECT="no") == [
        'PROXY_REDIRECT: "no" is not valid; expected true or false'
    ]


@pytest.mark.parametrize(
    ("image", "init_image", "redirect", "lacking"),
    [
        ("a", "b", "true", []),
        ("a", "", "true", ["PROXY_INIT_IMAGE"]),
        ("", "b", "true", ["PROXY_IMAGE"]),
        ("", "", "false", ["PROXY_IMAGE"]),
        ("a", "", "false", []),
    ],
)
def test_an_image_that_is_needed_and_not_set_is_said(
    image: str, init_image: str, redirect: str, lacking: list[str]
) -> None:
    parsed = parse(PROXY_IMAGE=image, PROXY_INIT_IMAGE=init_image, PROXY_REDIRECT=redirect)
    assert [notice.split()[0] for notice in parsed.notices] == lacking


def test_lifetimes_are_durations() -> None:
    parsed = parse("--ca-lifetime=2h", "--cert-lifetime=1h30m", "--cert-lookahead=10m")
    certificates = parsed.config.certificates
    assert certificates.ca_lifetime == 7200
    assert certificates.serving_lifetime == 5400
    assert certificates.lookahead == 600
    assert [
        fault.split(":")[0] for fault in faults("--cert-lookahead=9000h", "--ca-lifetime=x")
    ] == [
        "--ca-lifetime",
        "--cert-lookahead",
    ]


def test_the_times_of_rotation_are_durations() -> None:
    certificates = parse(
        "--ca-trust-delay=90s",
        "--ca-adoption-delay=5m",
        "--cert-jitter=300ms",
        "--cert-check-interval=1h",
    ).config.certificates
    assert certificates.trust_delay == 90
    assert certificates.adoption_delay == 300
    assert certificates.jitter == 0.3
    assert certificates.check_interval == 3600
    wrong = faults("--ca-adoption-delay=soon", "--cert-jitter=-1s")
    assert [fault.split(":")[0] for fault in wrong] == ["--ca-adoption-delay", "--cert-jitter"]


def test_what_is_not_said_about_rotation_is_as_the_settings_have_it() -> None:
    certificates = parse().config.certificates
    assert certificates == CertificateConfig(Path("/certs"))


def test_the_namespace_is_the_pods() -> None:
    certificates = parse(POD_NAMESPACE="identity-system").config.certificates
    assert certificates.dns_name == "azure-wi-webhook-webhook-service.identity-system.svc"


def test_the_certificates_folder_is_given() -> None:
    assert parse("--webhook-cert-dir=/x").config.certificates.directory == Path("/x")


class TestTheCustomTokenEndpoint:
    def test_is_off_by_default(self) -> None:
        assert parse(**TOKEN_PROXY).config.mutation.custom_token_endpoint is None

    def test_takes_flags_and_variables_together(self) -> None:
        parsed = parse(
            *ENDPOINT_FLAGS,
            **TOKEN_PROXY,
            AZURE_KUBERNETES_SNI_NAME="sni.example",
            AZURE_KUBERNETES_CA_CTB_SIGNER_NAME="signer.example/a",
            AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR='{"matchLabels": {"a": "b"}}',
        )
        assert parsed.config.mutation.custom_token_endpoint == CustomTokenEndpoint(
            annotation="azure.workload.identity/use-identity-binding",
            audience="api://AKSIdentityBinding",
            token_proxy="https://tokens.example/proxy",
            sni_name="sni.example",
            ca_signer_name="signer.example/a",
            ca_label_selector={"matchLabels": {"a": "b"}},
        )

    def test_needs_both_flags(self) -> None:
        for flag in ENDPOINT_FLAGS:
            (fault,) = faults(flag, **TOKEN_PROXY)
            assert "required with" in fault

    def test_has_an_audience_of_its_own(self) -> None:
        (fault,) = faults(
            ENDPOINT_FLAGS[0],
            "--custom-token-endpoint-audience=API://azureadtokenexchange",
            **TOKEN_PROXY,
        )
        assert "other than the default" in fault

    @pytest.mark.parametrize("suffix", ["-a", "a/b", "a b", "a" * 60, "ä"])
    def test_has_a_suffix_that_makes_an_annotation(self, suffix: str) -> None:
        (fault,) = faults(
            f"--custom-token-endpoint-annotation-suffix={suffix}", ENDPOINT_FLAGS[1], **TOKEN_PROXY
        )
        assert "annotation-suffix" in fault

    def test_takes_its_ca_in_one_way(self) -> None:
        (fault,) = faults(
            AZURE_KUBERNETES_CA_DATA="pem", AZURE_KUBERNETES_CA_CONFIGMAP_NAME="a-map"
        )
        assert fault.startswith("AZURE_KUBERNETES_CA_DATA and AZURE_KUBERNETES_CA_CONFIGMAP_NAME")

    def test_takes_a_selector_with_a_signer_only(self) -> None:
        (fault,) = faults(AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR='{"matchLabels": {"a": "b"}}')
        assert "AZURE_KUBERNETES_CA_CTB_SIGNER_NAME" in fault

    @pytest.mark.parametrize(
        "selector",
        [
            "not json",
            '{"matchLabels":' * 100_000,
            "[]",
            '{"labels": {}}',
            '{"matchLabels": {"a": 1}}',
            '{"matchLabels": {"-": "b"}}',
            '{"matchExpressions": [{"key": "a", "operator": "In"}]}',
            '{"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}',
            '{"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]}',
            '{"matchExpressions": {}}',
        ],
    )
    def test_refuses_what_is_no_selector(self, selector: str) -> None:
        (fault,) = faults(
            AZURE_KUBERNETES_CA_CTB_SIGNER_NAME="signer.example/a",
            AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR=selector,
        )
        assert fault.startswith("AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR")


def test_every_flag_of_the_original_is_there() -> None:
    original = {
        "audience", "webhook-cert-dir", "disable-cert-rotation", "tls-min-version", "health-addr",
        "metrics-addr", "metrics-backend", "log-level", "custom-token-endpoint-annotation-suffix",
        "custom-token-endpoint-audience", "version",
    }  # fmt: skip
    assert original <= {flag.name for flag in FLAGS}
