"""msal, unmodified, against the emulator as Entra ID; with documented settings only."""

import time
from collections.abc import Iterator
from typing import Any

import msal
import pytest
import requests

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

UNKNOWN = "99999999-9999-4999-8999-999999999999"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    with signing_in(tmp_path_factory.mktemp("msal")) as found:
        yield found


@pytest.fixture
def http(sign_in: SignIn) -> Iterator[requests.Session]:
    """msal's `http_client`: what a program uses that has a CA of its own."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = sign_in.ca
        yield session


class Msal:
    """Makes clients of msal."""

    def __init__(self, sign_in: SignIn, http: requests.Session) -> None:
        self.sign_in = sign_in
        self.http = http

    def client(
        self, credential: Any, *, client_id: str = APP, tenant: str = TENANT, **settings: Any
    ) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            authority=f"{self.sign_in.authority}/{tenant}",
            http_client=self.http,
            **({"instance_discovery": False} | settings),
        )

    def asked(self, credential: Any, scope: str = GRAPH, **settings: Any) -> Json:
        found: Json = self.client(credential, **settings).acquire_token_for_client([scope])
        return found

    def federated(self, **changed: Any) -> Json:
        return {"client_assertion": lambda: self.sign_in.issuer.token(**changed)}


@pytest.fixture
def by_msal(sign_in: SignIn, http: requests.Session) -> Msal:
    return Msal(sign_in, http)


def granted(answer: Json) -> Json:
    assert "access_token" in answer, answer
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    return claims(answer["access_token"])


def test_a_secret_signs_in(by_msal: Msal) -> None:
    found = granted(by_msal.asked(SECRET))
    assert (found["appid"], found["tid"], found["appidacr"]) == (APP, TENANT, "1")


def test_an_assertion_from_a_callable_signs_in(by_msal: Msal) -> None:
    assert granted(by_msal.asked(by_msal.federated()))["appidacr"] == "2"


def test_a_certificate_signs_in_by_its_sha_256_thumbprint(by_msal: Msal) -> None:
    certificate = by_msal.sign_in.certificate
    credential = {"private_key": certificate.key_pem, "public_certificate": certificate.pem}
    assert granted(by_msal.asked(credential))["appidacr"] == "2"


def test_a_certificate_signs_in_by_its_sha_1_thumbprint(by_msal: Msal) -> None:
    certificate = by_msal.sign_in.certificate
    thumbprint = certificate.sha1.hex()
    granted(by_msal.asked({"private_key": certificate.key_pem, "thumbprint": thumbprint}))


def test_a_token_is_kept_by_msal_and_another_resource_gets_its_own(by_msal: Msal) -> None:
    client = by_msal.client(by_msal.federated())
    first = client.acquire_token_for_client([GRAPH])
    again = client.acquire_token_for_client([GRAPH])
    other = client.acquire_token_for_client([VAULT])
    assert again["access_token"] == first["access_token"]
    assert again["token_source"] == "cache"
    assert claims(other["access_token"])["aud"] == "https://vault.azure.net"


def test_the_emulator_is_an_authority_that_instance_discovery_knows(by_msal: Msal) -> None:
    where = f"{by_msal.sign_in.authority}/common/discovery/instance"
    granted(by_msal.asked(SECRET, instance_discovery=where))


def test_instance_discovery_knows_no_other_authority(by_msal: Msal) -> None:
    where = f"{by_msal.sign_in.authority}/common/discovery/instance"
    with pytest.raises(ValueError, match="invalid_instance"):
        msal.ConfidentialClientApplication(
            APP,
            client_credential=SECRET,
            authority=f"https://elsewhere.test/{TENANT}",
            instance_discovery=where,
            http_client=by_msal.http,
        )


def test_the_emulator_is_an_openid_connect_authority(by_msal: Msal) -> None:
    client = msal.ConfidentialClientApplication(
        APP,
        client_credential=SECRET,
        oidc_authority=f"{by_msal.sign_in.authority}/{TENANT}/v2.0",
        http_client=by_msal.http,
    )
    granted(client.acquire_token_for_client([GRAPH]))


def test_a_tenant_that_is_not_there_is_told(by_msal: Msal) -> None:
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        by_msal.client(SECRET, tenant=UNKNOWN)


def test_a_ca_may_be_given_as_msal_documents_it(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    client = msal.ConfidentialClientApplication(
        APP,
        client_credential=SECRET,
        authority=f"{sign_in.authority}/{TENANT}",
        instance_discovery=False,
        verify=sign_in.ca,
    )
    try:
        granted(client.acquire_token_for_client([GRAPH]))
    finally:
        client.http_client.close()


def test_a_refusal_is_told_with_its_codes(by_msal: Msal) -> None:
    answer = by_msal.asked("guessed")
    assert answer["error"] == "invalid_client"
    assert answer["error_codes"] == [7000215]
    assert answer["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert answer["trace_id"]
    assert answer["correlation_id"]


def test_refusals_of_assertions_are_told_with_their_codes(by_msal: Msal) -> None:
    refused = {
        700211: by_msal.federated(iss="https://elsewhere.test"),
        700212: by_msal.federated(aud="api://other"),
        700213: by_msal.federated(sub="system:serviceaccount:team:other"),
        7002138: by_msal.federated(sub="system:serviceaccount:Team:App"),
        700024: by_msal.federated(exp=1_600_000_000),
        50027: {"client_assertion": lambda: "not a token"},
    }
    answers = {number: by_msal.asked(one) for number, one in refused.items()}
    assert {number: answer["error_codes"] for number, answer in answers.items()} == {
        number: [number] for number in refused
    }
    assert {answer["error"] for answer in answers.values()} == {"invalid_client", "invalid_request"}


def test_an_unknown_client_is_told(by_msal: Msal) -> None:
    answer = by_msal.asked(SECRET, client_id=UNKNOWN)
    assert (answer["error"], answer["error_codes"]) == ("unauthorized_client", [700016])


def test_msals_correlation_id_is_that_of_the_answer(by_msal: Msal) -> None:
    answer = by_msal.asked("guessed")
    [sent] = [
        call["clientRequestId"]
        for call in by_msal.sign_in.emulator.admin("GET", "/requests")["requests"]
        if call["requestId"] == answer["trace_id"]
    ]
    assert sent == answer["correlation_id"] != answer["trace_id"]


def test_the_issuers_new_key_is_taken_at_once(by_msal: Msal) -> None:
    granted(by_msal.asked(by_msal.federated()))
    by_msal.sign_in.issuer.rotate()
    answer = by_msal.asked(by_msal.federated())
    end = time.monotonic() + 10
    while "access_token" not in answer and time.monotonic() < end:
        assert answer["error_codes"] == [7000272]
        time.sleep(0.1)  # an unknown key has the issuer asked at most once a second
        answer = by_msal.asked(by_msal.federated())
    granted(answer)


def test_a_failure_of_the_service_is_told(by_msal: Msal) -> None:
    by_msal.sign_in.emulator.admin(
        "POST", "/failures", {"kind": "token", "count": 1, "status": 400, "code": "90061"}
    )
    answer = by_msal.asked(by_msal.federated(jti="once"))
    assert (answer["error"], answer["error_codes"]) == ("invalid_request", [90061])
