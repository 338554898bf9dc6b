"""Flags and variables become one configuration, or all their faults."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.config.flags import FLAGS
from controller.config.parse import ConfigurationError, parse_config, usage
from controller.config.settings import (
    Address,
    ClusterSettings,
    Config,
    Intervals,
    LeaseSettings,
    ProbeSettings,
)
from entra.client import Settings as EntraSettings
from entra.endpoints import Endpoints
from entra.http import TimeLimits
from entra.rates import Rates
from entra.sign_in import Application, WorkloadIdentity
from identity import clouds
from identity.clouds import Cloud

TENANT = "0123abcd-0000-4000-8000-000000000001"
CLIENT = "0123abcd-0000-4000-8000-000000000002"
SUBSCRIPTION = "a123abcd-0000-4000-8000-000000000003"
NEEDED = {
    "AZURE_TENANT_ID": TENANT,
    "AZURE_CLIENT_ID": CLIENT,
    "AZURE_FEDERATED_TOKEN_FILE": "/var/run/token",
    "POD_NAMESPACE": "azwi",
}
NOWHERE = Path("/nonexistent")


def parse(*arguments: str, pod_account: Path = NOWHERE, **environment: str) -> Config:
    return parse_config(arguments, NEEDED | environment, "host_1", pod_account)


def faults(*arguments: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        parse_config(arguments, NEEDED | environment, "host_1", NOWHERE)
    return [str(fault) for fault in error.value.faults]


def test_the_chart_s_variables_are_enough() -> None:
    assert parse() == Config(
        namespace="azwi",
        entra=EntraSettings(
            TENANT, Endpoints.of(clouds.PUBLIC), limits=TimeLimits(total=10.0), rates=Rates(1.0)
        ),
        sign_in=WorkloadIdentity(
            Application(TENANT, CLIENT, "https://login.microsoftonline.com"), Path("/var/run/token")
        ),
        lease=LeaseSettings("azwi", "azwi-controller", "host_1", 30.0, 5.0, 2.0),
        probe=ProbeSettings("https://management.azure.com/.default"),
        cluster=ClusterSettings(None, None, "api://AzureADTokenExchange"),
        intervals=Intervals(180.0, 1800.0, 21600.0, 60.0),
        kubeconfig=None,
        ca_file=None,
        per_namespace=10,
        resolve_resource_ids=False,
        watch_grants=True,
        health_address=Address("", 9440),
        metrics_address=Address("", 8095),
        log_level="info",
    )


def test_defaults_of_the_flags_are_those_of_the_settings() -> None:
    given, bare = parse(), Config("", parse().entra, parse().sign_in, parse().lease, parse().probe)
    for name in ("cluster", "intervals", "per_namespace", "resolve_resource_ids", "watch_grants"):
        assert getattr(given, name) == getattr(bare, name)
    for name in ("health_address", "metrics_address", "log_level", "kubeconfig", "ca_file"):
        assert getattr(given, name) == getattr(bare, name)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_config(
            [
                "--nope",
                "x",
                "--client-secret=hunter2",
                "stray",
                "--kubeconfig",
                "--cloud=moon",
                "--rate-factor=0",
                "--lease-duration=5s",
                "--slots-per-namespace=21",
                "--watch-grants=maybe",
                "--log-level=loud",
            ],
            {"AZURE_TENANT_ID": "contoso", "AZURE_CLIENT_ID": "me"},
            "host_1",
            NOWHERE,
        )
    assert [str(fault) for fault in error.value.faults] == [
        "--nope: no such flag; --help lists them",
        "--client-secret: no such flag; --help lists them",
        'arguments: "stray" is not valid; expected flags only, such as --log-level=info',
        "--kubeconfig: expected a value after it",
        'AZURE_TENANT_ID: "contoso" is not valid; expected a UUID: 8-4-4-4-12 hexadecimal digits',
        (
            '--cloud: "moon" is not valid; expected one of AzurePublicCloud,'
            " AzureUSGovernmentCloud, AzureChinaCloud, AzureGermanCloud; for another, leave this"
            " out and give --authority-host, --graph-url and --resource-manager-url"
        ),
        '--rate-factor: "0" is not valid; expected a number above 0, such as 1 or 0.5',
        'AZURE_CLIENT_ID: "me" is not valid; expected a UUID',
        (
            "--token-file or AZURE_FEDERATED_TOKEN_FILE: required with --sign-in=workload-identity:"
            " an absolute path"
        ),
        ("--namespace or POD_NAMESPACE: required outside of a pod: the controller's own namespace"),
        (
            '--lease-duration: "5s" is not valid; expected whole seconds, at least 24s: a call\'s'
            " 10s and twice the renewal's and the retry's interval"
        ),
        '--slots-per-namespace: "21" is not valid; expected a whole number from 1 to 20',
        '--watch-grants: "maybe" is not valid; expected true or false',
        '--log-level: "loud" is not valid; expected one of error, warning, info, debug',
    ]
    assert str(error.value).count("; ") >= 13


def test_what_argparse_can_t_read_is_a_fault_and_no_exit() -> None:
    assert faults("--version=1", "--help=yes", "-h") == [
        "--version: no such flag; --help lists them",
        "--help: no such flag; --help lists them",
        "-h: no such flag; --help lists them",
    ]


def test_a_flag_is_not_guessed_from_its_beginning() -> None:
    assert faults("--lease-dur=1h") == ["--lease-dur: no such flag; --help lists them"]


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        (["--log-level=debug"], "debug"),
        (["--log-level", "debug"], "debug"),
        (["--log-level=info", "--log-level=debug"], "debug"),
        (["--log-level="], "info"),
    ],
)
def test_a_flag_is_read_in_each_spelling(arguments: Sequence[str], level: str) -> None:
    assert parse(*arguments).log_level == level


@pytest.mark.parametrize(
    ("arguments", "on"),
    [
        ([], False),
        (["--resolve-resource-ids"], True),
        (["--resolve-resource-ids=true"], True),
        (["--resolve-resource-ids=T"], True),
        (["--resolve-resource-ids=false"], False),
        (["--resolve-resource-ids", "--log-level=info"], True),
        (["--resolve-resource-ids", "--resolve-resource-ids=0"], False),
    ],
)
def test_a_switch_stands_alone_or_with_true_or_false(arguments: Sequence[str], on: bool) -> None:
    assert parse(*arguments).resolve_resource_ids is on


def test_a_flag_wins_over_its_variable() -> None:
    other = CLIENT.replace("2", "3")
    config = parse(f"--client-id={other}", "--namespace=other", POD_NAME="azwi-0")
    assert (config.own_client_id, config.namespace) == (other, "other")
    assert config.lease == LeaseSettings("other", "azwi-controller", "azwi-0")
    assert parse("--lease-identity=me", POD_NAME="azwi-0").lease.identity == "me"


def test_a_tenant_is_in_lower_case() -> None:
    assert parse(f"--tenant-id={TENANT.upper()}").entra.tenant_id == TENANT


def test_an_empty_variable_is_none() -> None:
    assert faults(AZURE_TENANT_ID="", POD_NAMESPACE="") == [
        "--tenant-id or AZURE_TENANT_ID: required: the UUID of the Entra ID tenant",
        "--namespace or POD_NAMESPACE: required outside of a pod: the controller's own namespace",
    ]


def test_a_pod_knows_its_namespace_and_its_token(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("of-the-pod\n")
    (tmp_path / "token").write_text("x.y.z")
    config = parse(pod_account=tmp_path, POD_NAMESPACE="")
    assert config.namespace == "of-the-pod"
    assert config.cluster.token_file == tmp_path / "token"


def test_with_a_kubeconfig_the_pod_s_own_cluster_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("of-the-pod")
    (tmp_path / "token").write_text("x.y.z")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("{}")
    config = parse(f"--kubeconfig={kubeconfig}", pod_account=tmp_path)
    assert (config.kubeconfig, config.namespace) == (kubeconfig, "azwi")
    assert config.cluster.token_file is None


@pytest.mark.parametrize("name", ["Upper", "a.b", "-a", "a" * 64, "a_b"])
def test_a_namespace_is_one_that_can_be(name: str) -> None:
    (fault,) = faults(f"--namespace={name}")
    assert fault.startswith("--namespace: ")


def test_help_names_every_flag_with_its_variable() -> None:
    text = usage()
    for flag in FLAGS:
        assert f"  --{flag.name}" in text
        assert flag.variable in text
    assert max(map(len, text.splitlines())) <= 100
    assert "--help" in text


@pytest.mark.parametrize("cloud", clouds.CLOUDS, ids=lambda cloud: cloud.name)
def test_each_cloud_has_its_endpoints(cloud: Cloud) -> None:
    config = parse(AZURE_ENVIRONMENT=cloud.name.upper())
    assert config.entra.endpoints == Endpoints.of(cloud)
    assert config.probe.scope == f"{cloud.resource_manager}/.default"


def test_an_air_gapped_cloud_has_endpoints_of_its_own(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("-----BEGIN CERTIFICATE-----\n")
    config = parse(
        "--authority-host=https://login.island.example/",
        "--graph-url=none",
        "--resource-manager-url=https://arm.island.example:8443/arm/",
        "--resource-manager-audience=https://arm.island",
        f"--ca-file={authorities}",
        f"--subscriptions= {SUBSCRIPTION.upper()} ,{SUBSCRIPTION},",
        "--rate-factor=2.5",
    )
    assert config.entra == EntraSettings(
        TENANT,
        Endpoints(
            "https://login.island.example",
            "https://arm.island.example:8443/arm",
            None,
            "https://arm.island",
        ),
        (SUBSCRIPTION,),
        limits=TimeLimits(total=10.0),
        rates=Rates(2.5),
    )
    assert isinstance(config.sign_in, WorkloadIdentity)
    assert config.sign_in.application.authority == "https://login.island.example"
    assert config.probe.scope == "https://arm.island/.default"
    assert config.ca_file == authorities


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "a.example",
        "https://",
        "https://a.example?x",
        "https://a b",
        "https://[x",
    ],
)
def test_a_service_has_an_https_url(url: str) -> None:
    found = faults(
        f"--authority-host={url}",
        f"--graph-url={url}",
        f"--resource-manager-url={url}",
        f"--issuer={url}",
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "--authority-host",
        "--graph-url",
        "--resource-manager-url",
        "--issuer",
    ]


def test_a_password_in_a_url_is_not_told() -> None:
    url = "https://me:hunter2@host.example"
    found = faults(f"--authority-host={url}", f"--graph-url={url}")
    assert len(found) == 2
    assert "hunter2" not in "".join(found)


def test_a_subscription_is_a_uuid() -> None:
    assert faults("--subscriptions=prod,dev") == [
        f'--subscriptions: "{name}" is not valid; expected UUIDs of subscriptions with commas'
        " between them"
        for name in ("prod", "dev")
    ]


@pytest.mark.parametrize("factor", ["nan", "inf", "-1", "fast", "1e999"])
def test_the_rate_factor_is_a_number_above_zero(factor: str) -> None:
    (fault,) = faults(f"--rate-factor={factor}")
    assert fault.startswith("--rate-factor: ")


def test_authorities_are_a_file_of_certificates(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----\n")
    assert "certificates in PEM" in faults(f"--ca-file={key}")[0]
    assert "a file that is there" in faults(f"--ca-file={tmp_path / 'none'}")[0]
    assert "a file that is there" in faults(f"--ca-file={tmp_path}")[0]


def test_an_issuer_is_kept_to_the_last_slash() -> None:
    assert parse("--issuer=https://Host.example/A/").cluster.issuer == "https://Host.example/A/"
    assert "600 characters" in faults(f"--issuer=https://a.example/{'a' * 600}")[0]


def test_an_audience_is_one_word() -> None:
    assert parse("--audience=api://other").cluster.audience == "api://other"
    assert faults("--audience=two words", "--graph-audience=two words") != []
