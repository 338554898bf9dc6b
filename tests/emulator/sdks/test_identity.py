"""azure-identity, unmodified, against the emulator as Entra ID; with documented settings only.

`authority` and `disable_instance_discovery` of azure-identity, `connection_verify` of azure-core,
and the variables that the webhook gives to a pod.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    WorkloadIdentityCredential,
)
from azure.identity.aio import CertificateCredential as AsyncCertificateCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.identity.aio import DefaultAzureCredential as AsyncDefaultAzureCredential
from azure.identity.aio import WorkloadIdentityCredential as AsyncWorkloadIdentityCredential

from tests.emulator.sdks.sign_in import (
    APP,
    GRAPH,
    SECRET,
    TENANT,
    VAULT,
    SignIn,
    claims,
    signing_in,
)
from tests.fakes.issuer import SUBJECT

OTHER = "system:serviceaccount:team:other"
Settings = dict[str, Any]


@pytest.fixture(scope="module")
def sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    with signing_in(tmp_path_factory.mktemp("identity")) as found:
        yield found


@pytest.fixture
def settings(sign_in: SignIn) -> Settings:
    return {
        "authority": sign_in.authority,
        "disable_instance_discovery": True,
        "connection_verify": sign_in.ca,
    }


@pytest.fixture
def pod(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The variables that the webhook gives to a pod; returns the token's file."""
    file = sign_in.token_file("azure-identity-token")
    for name in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_CLIENT_ID", APP)
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{sign_in.authority}/")
    return file


def by_pod(sign_in: SignIn) -> Settings:
    """All that a pod's program sets itself: the CA, where a pod would have a public one."""
    return {"connection_verify": sign_in.ca}


def test_a_pods_variables_are_all_that_a_workload_identity_needs(
    sign_in: SignIn, pod: Path
) -> None:
    with WorkloadIdentityCredential(**by_pod(sign_in)) as credential:
        found = credential.get_token(GRAPH)
    told = claims(found.token)
    assert (told["appid"], told["tid"], told["aud"]) == (APP, TENANT, "https://graph.microsoft.com")
    assert 3500 < found.expires_on - time.time() <= 3600
    assert sign_in.last_exchange()["subject"] == SUBJECT


async def test_a_pods_variables_are_all_that_an_async_workload_identity_needs(
    sign_in: SignIn, pod: Path
) -> None:
    async with AsyncWorkloadIdentityCredential(**by_pod(sign_in)) as credential:
        found = await credential.get_token(GRAPH)
    assert claims(found.token)["appid"] == APP


def test_the_default_credential_finds_a_pods_workload_identity(sign_in: SignIn, pod: Path) -> None:
    with DefaultAzureCredential(**by_pod(sign_in)) as credential:
        found = credential.get_token(GRAPH)
    assert claims(found.token)["appid"] == APP
    assert sign_in.last_exchange()["how"] == "federated"


async def test_the_async_default_credential_finds_a_pods_workload_identity(
    sign_in: SignIn, pod: Path
) -> None:
    async with AsyncDefaultAzureCredential(**by_pod(sign_in)) as credential:
        found = await credential.get_token(GRAPH)
    assert claims(found.token)["appid"] == APP


def test_the_token_file_is_read_again_after_ten_minutes(
    sign_in: SignIn, pod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    with WorkloadIdentityCredential(**by_pod(sign_in)) as credential:
        credential.get_token(GRAPH)
        sign_in.token_file(pod.name, sub=OTHER)
        credential.get_token(VAULT)  # by the token that it knows
        now += 601
        with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
            credential.get_token("https://storage.azure.com/.default")


def test_a_credential_that_is_renewed_in_its_file_goes_on(
    sign_in: SignIn, pod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in.token_file(pod.name, exp=int(time.time()) - 3600)
    with (
        WorkloadIdentityCredential(**by_pod(sign_in)) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700024"),
    ):
        credential.get_token(GRAPH)
    sign_in.token_file(pod.name)
    with WorkloadIdentityCredential(**by_pod(sign_in)) as credential:
        credential.get_token(GRAPH)


def test_a_secret_signs_in(settings: Settings) -> None:
    with ClientSecretCredential(TENANT, APP, SECRET, **settings) as credential:
        assert claims(credential.get_token(GRAPH).token)["appidacr"] == "1"


async def test_a_secret_signs_in_async(settings: Settings) -> None:
    async with AsyncClientSecretCredential(TENANT, APP, SECRET, **settings) as credential:
        assert claims((await credential.get_token(GRAPH)).token)["appidacr"] == "1"


@pytest.mark.parametrize("chain", [False, True])
def test_a_certificate_signs_in(sign_in: SignIn, settings: Settings, chain: bool) -> None:
    file = str(sign_in.certificate_file())
    with CertificateCredential(
        TENANT, APP, file, send_certificate_chain=chain, **settings
    ) as credential:
        assert claims(credential.get_token(GRAPH).token)["appidacr"] == "2"
    assert sign_in.last_exchange()["how"] == "certificate"


async def test_a_certificate_signs_in_async(sign_in: SignIn, settings: Settings) -> None:
    file = str(sign_in.certificate_file())
    async with AsyncCertificateCredential(TENANT, APP, file, **settings) as credential:
        assert claims((await credential.get_token(GRAPH)).token)["appidacr"] == "2"


def test_an_assertion_from_a_callable_signs_in(sign_in: SignIn, settings: Settings) -> None:
    with ClientAssertionCredential(TENANT, APP, sign_in.issuer.token, **settings) as credential:
        assert claims(credential.get_token(GRAPH).token)["appid"] == APP


REFUSED: dict[int, Settings] = {
    700211: {"iss": "https://elsewhere.test"},
    700212: {"aud": "api://other"},
    700213: {"sub": OTHER},
    7002138: {"sub": SUBJECT.upper()},
    700024: {"exp": 1_600_000_000},
    50027: {"exp": "soon"},
}


@pytest.mark.parametrize("number", REFUSED)
def test_a_refusal_names_its_code(sign_in: SignIn, pod: Path, number: int) -> None:
    sign_in.token_file(pod.name, **REFUSED[number])
    with (
        WorkloadIdentityCredential(**by_pod(sign_in)) as credential,
        pytest.raises(ClientAuthenticationError, match=f"AADSTS{number}: "),
    ):
        credential.get_token(GRAPH)


@pytest.mark.parametrize("number", REFUSED)
async def test_a_refusal_names_its_code_async(sign_in: SignIn, pod: Path, number: int) -> None:
    sign_in.token_file(pod.name, **REFUSED[number])
    async with AsyncWorkloadIdentityCredential(**by_pod(sign_in)) as credential:
        with pytest.raises(ClientAuthenticationError, match=f"AADSTS{number}: "):
            await credential.get_token(GRAPH)


def test_a_wrong_secret_is_told(settings: Settings) -> None:
    with (
        ClientSecretCredential(TENANT, APP, "guessed", **settings) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret"),
    ):
        credential.get_token(GRAPH)


def test_a_scope_without_default_is_told(settings: Settings) -> None:
    with (
        ClientSecretCredential(TENANT, APP, SECRET, **settings) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS1002012"),
    ):
        credential.get_token("https://graph.microsoft.com/User.Read")


async def test_many_ask_at_once(sign_in: SignIn, settings: Settings) -> None:
    async def one(number: int) -> str:
        async with AsyncClientSecretCredential(TENANT, APP, SECRET, **settings) as credential:
            return (await credential.get_token(GRAPH)).token

    found = await asyncio.gather(*(one(number) for number in range(20)))
    assert len(set(found)) == 20
