"""How the controller signs in, and who it is then."""

from pathlib import Path

import pytest

from entra.sign_in import (
    Application,
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignInSettings,
    WorkloadIdentity,
)
from tests.controller.config.test_parse import CLIENT, TENANT, faults, parse

WHO = Application(TENANT, CLIENT, "https://login.microsoftonline.com")


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["--token-file=/t"], WorkloadIdentity(WHO, Path("/t"))),
        (["--sign-in=managed-identity"], ManagedIdentity(CLIENT)),
        (
            ["--sign-in=managed-identity", "--imds-endpoint=http://127.0.0.1:8081"],
            ManagedIdentity(CLIENT, "http://127.0.0.1:8081"),
        ),
        (
            ["--sign-in=client-secret", "--client-secret-file=/s"],
            ClientSecret(WHO, Path("/s")),
        ),
        (
            ["--sign-in=certificate", "--certificate-file=/c.pfx", "--password-file=/p"],
            Certificate(WHO, Path("/c.pfx"), None, Path("/p")),
        ),
        (
            ["--sign-in=certificate", "--certificate-file=/c.pem", "--key-file=/k.pem"],
            Certificate(WHO, Path("/c.pem"), Path("/k.pem")),
        ),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_each_way_has_its_flags(arguments: list[str], settings: SignInSettings) -> None:
    config = parse(*arguments)
    assert config.sign_in == settings
    assert config.own_client_id == CLIENT


def test_who_we_are_is_in_lower_case() -> None:
    for way in ("workload-identity", "managed-identity"):
        assert parse(f"--sign-in={way}", f"--client-id={CLIENT.upper()}").own_client_id == CLIENT


def test_a_node_s_system_assigned_identity_has_no_client_id() -> None:
    config = parse("--sign-in=managed-identity", AZURE_CLIENT_ID="")
    assert config.sign_in == ManagedIdentity(None)
    assert config.own_client_id is None


@pytest.mark.parametrize(
    ("way", "missing"),
    [
        ("workload-identity", "--token-file or AZURE_FEDERATED_TOKEN_FILE"),
        ("client-secret", "--client-secret-file"),
        ("certificate", "--certificate-file"),
    ],
)
def test_what_a_way_needs_is_named(way: str, missing: str) -> None:
    found = faults(f"--sign-in={way}", AZURE_CLIENT_ID="", AZURE_FEDERATED_TOKEN_FILE="")
    assert found == [
        f"--client-id or AZURE_CLIENT_ID: required with --sign-in={way}: a UUID",
        f"{missing}: required with --sign-in={way}: an absolute path",
    ]


def test_a_wrong_tenant_is_told_once() -> None:
    found = faults("--tenant-id=x", "--authority-host=x", "--client-id=x", "--token-file=x")
    assert [fault.partition(":")[0] for fault in found] == [
        "--tenant-id",
        "--authority-host",
        "--client-id",
        "--token-file",
    ]


def test_a_flag_of_another_way_is_a_fault() -> None:
    assert faults("--client-secret-file=/s", "--imds-endpoint=http://h") == [
        "--client-secret-file: goes with --sign-in=client-secret, not workload-identity",
        "--imds-endpoint: goes with --sign-in=managed-identity, not workload-identity",
    ]


def test_a_variable_that_the_webhook_injects_is_no_such_flag() -> None:
    assert parse("--sign-in=managed-identity", AZURE_FEDERATED_TOKEN_FILE="/t") is not None


def test_a_key_beside_pkcs_12_is_a_fault() -> None:
    (fault,) = faults("--sign-in=certificate", "--certificate-file=/c.p12", "--key-file=/k")
    assert fault.startswith('--key-file: "/k" is not valid; expected none')


def test_an_unknown_way_is_a_fault() -> None:
    (fault,) = faults("--sign-in=password")
    assert fault == (
        '--sign-in: "password" is not valid; expected one of workload-identity, managed-identity,'
        " client-secret, certificate"
    )
