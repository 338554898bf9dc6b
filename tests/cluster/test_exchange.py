"""A real API server's tokens, exchanged for access tokens at the emulator."""

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import WorkloadIdentityCredential

from hack.cluster import Cluster
from hack.emulator import Emulator, running
from tests.cluster.api import Api, a_namespace, api_of
from tests.cluster.exchange import (
    BARE,
    CLIENT,
    ELSEWHERE,
    GRAPH,
    SHOUTED,
    TENANT,
    Issuer,
    exchanged,
    make_accounts,
    may_read_the_issuer,
    outcome,
    reader_token,
    token_for,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "exchange") as name:
        make_accounts(api, name)
        yield name


@pytest.fixture(scope="module")
def issuer(cluster: Cluster, api: Api, namespace: str) -> Issuer:
    return Issuer(api.get("/.well-known/openid-configuration")["issuer"], cluster, namespace)


@pytest.fixture(scope="module")
def emulator(
    api: Api, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    (folder / "reader.token").write_text(reader_token(api, issuer.namespace))
    with (
        may_read_the_issuer(api, issuer.namespace),
        running(Emulator(folder, issuer.seed())) as found,
    ):
        yield found


def test_a_token_of_the_api_server_becomes_an_access_token(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    answer = exchanged(emulator, token_for(api, namespace))
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["appid"], claims["tid"], claims["aud"], claims["idtyp"]) == (
        CLIENT,
        TENANT,
        "https://graph.microsoft.com",
        "app",
    )


def test_a_token_for_another_audience_is_refused(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    answer = exchanged(emulator, token_for(api, namespace, audience="api://AKSIdentityBinding"))
    assert outcome(answer) == 700212, answer


def test_another_subject_is_refused(emulator: Emulator, api: Api, namespace: str) -> None:
    answer = exchanged(emulator, token_for(api, namespace, "default"))
    assert outcome(answer) == 700213, answer


def test_a_subject_that_differs_in_case_is_refused(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    answer = exchanged(emulator, token_for(api, namespace), SHOUTED)
    assert outcome(answer) == 7002138, answer


def test_an_issuer_that_no_credential_names_is_refused(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    answer = exchanged(emulator, token_for(api, namespace), ELSEWHERE)
    assert outcome(answer) == 700211, answer


def test_an_identity_without_credentials_is_refused(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    answer = exchanged(emulator, token_for(api, namespace), BARE)
    assert outcome(answer) == 70025, answer


def test_a_token_whose_time_is_over_is_refused(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    token = token_for(api, namespace)
    emulator.admin("PUT", "/faults", {"clockOffsetSeconds": 3600 + 301})
    try:
        answer = exchanged(emulator, token)
    finally:
        emulator.admin("DELETE", "/faults")
    assert outcome(answer) == 700024, answer
    assert outcome(exchanged(emulator, token)) == 0


def test_a_changed_token_is_refused(emulator: Emulator, api: Api, namespace: str) -> None:
    header, claims, _ = token_for(api, namespace).split(".")
    *_, other = token_for(api, namespace).split(".")
    answer = exchanged(emulator, f"{header}.{claims}.{other}")
    assert outcome(answer) == 700027, answer


def test_azure_identity_signs_in_with_the_token_in_a_file(
    emulator: Emulator, api: Api, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "azure-identity-token"
    file.write_text(token_for(api, namespace))
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{emulator.addresses.authority}/")
    ca = str(emulator.addresses.ca)
    with WorkloadIdentityCredential(connection_verify=ca) as credential:
        found = credential.get_token(GRAPH)
    claims = jwt.decode(found.token, options={"verify_signature": False})
    assert (claims["appid"], found.expires_on > time.time()) == (CLIENT, True)
    file.write_text(token_for(api, namespace, "default"))
    with (
        WorkloadIdentityCredential(connection_verify=ca) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700213"),
    ):
        credential.get_token(GRAPH)
