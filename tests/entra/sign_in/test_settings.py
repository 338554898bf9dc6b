from pathlib import Path

import pytest

from entra.errors import Unauthenticated
from entra.msal_transport import MsalTransport
from entra.sign_in import (
    Application,
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignIn,
    SignInSettings,
    WorkloadIdentity,
    check,
)
from identity.faults import Faults
from tests.fakes.entra_tokens import CLIENT, TENANT

APPLICATION = Application(TENANT, CLIENT)
FILE = Path("/var/run/secrets/azure/wi/token")


def faults_of(settings: SignInSettings) -> list[str]:
    faults = Faults()
    check(settings, faults)
    return [str(fault) for fault in faults]


@pytest.mark.parametrize(
    "settings",
    [
        WorkloadIdentity(APPLICATION, FILE),
        WorkloadIdentity(Application("contoso.onmicrosoft.com", CLIENT), FILE),
        ClientSecret(Application(TENANT, CLIENT, "https://login.air-gapped.example:8443"), FILE),
        Certificate(APPLICATION, FILE),
        Certificate(APPLICATION, FILE, key_file=FILE, password_file=FILE),
        Certificate(APPLICATION, Path("/certificate.PFX"), password_file=FILE),
        ManagedIdentity(),
        ManagedIdentity(CLIENT, "http://127.0.0.1:8081/"),
    ],
)
def test_settings_that_can_be_used_have_no_faults(settings: SignInSettings) -> None:
    assert faults_of(settings) == []


def test_all_faults_are_told_at_once() -> None:
    settings = WorkloadIdentity(
        Application("common", "my-app", "http://login.example"), Path("token")
    )

    assert faults_of(settings) == [
        'tenant_id: "common" is not valid; expected a UUID, or a domain name of the tenant',
        'client_id: "my-app" is not valid; expected a UUID',
        'authority: "http://login.example" is not valid; expected https://host, without a path',
        'token_file: "token" is not valid; expected an absolute path',
    ]


@pytest.mark.parametrize(
    "tenant", ["", "common", "organizations", "a/b", "..", "a b.c", "x." * 150 + "x"]
)
def test_what_names_no_tenant_is_a_fault(tenant: str) -> None:
    assert len(faults_of(ClientSecret(Application(tenant, CLIENT), FILE))) == 1


@pytest.mark.parametrize(
    "authority",
    [
        "",
        "login.example",
        "http://login.example",
        "https://",
        "https://login.example/tenant",
        "https://user@login.example",
        "https://login.example?x",
        "https://login.example#x",
        "https://login.example:0",
        "https://login.example:none",
        "https://login example",
        "https://[login",
        "https:\\\\login.example",
    ],
)
def test_an_authority_is_a_host_with_https(authority: str) -> None:
    assert len(faults_of(ClientSecret(Application(TENANT, CLIENT, authority), FILE))) == 1


def test_paths_are_absolute_each_of_them() -> None:
    settings = Certificate(APPLICATION, Path("a.pem"), key_file=Path("b"), password_file=Path("c"))

    assert [fault.partition(":")[0] for fault in faults_of(settings)] == [
        "certificate_file",
        "key_file",
        "password_file",
    ]


def test_a_pkcs12_file_goes_without_a_key_file() -> None:
    settings = Certificate(APPLICATION, Path("/a.pfx"), key_file=Path("/a.key"))

    assert faults_of(settings) == [
        'key_file: "/a.key" is not valid; expected none: a PKCS#12 file holds the key as well'
    ]


def test_the_node_is_asked_for_an_identity_by_uuid_at_a_host() -> None:
    assert len(faults_of(ManagedIdentity("my-identity", "169.254.169.254"))) == 2


def test_signing_in_by_faulty_settings_is_refused_with_all_of_them(
    transport: MsalTransport,
) -> None:
    with pytest.raises(Unauthenticated, match=r"client_id: .*; endpoint: "):
        SignIn(ManagedIdentity("my-identity", "169.254.169.254"), transport)
