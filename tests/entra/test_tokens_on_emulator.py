"""Sign-in and exchange against the emulator as a process of its own, over TLS."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from entra.aadsts_codes import MEANINGS, Class
from entra.errors import EntraError, Misconfigured, NotPropagated, Refused, Throttled, Unavailable
from entra.exchange import Application, Claims, Exchanger
from entra.msal_transport import MsalTransport
from entra.pacing import Pace
from entra.retry import ONCE, PROPAGATION
from entra.sign_in import Certificate, ClientSecret, ManagedIdentity, SignIn, WorkloadIdentity
from hack.emulator import Emulator, running
from tests.entra.sign_in.test_certificate import Keys
from tests.entra.sign_in.ways import client_of, write
from tests.fakes.entra_tokens import msal_over
from tests.fakes.issuer import SUBJECT, FakeIssuer, served

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
BARE = "a2b1c0d9-0000-4111-8222-333344445555"
MANAGED = "c0ffee00-1111-4222-8333-444455556666"
RESOURCE = (
    "/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/team"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
)
SECRET = "s3cret~of-the.app"
GRAPH = "https://graph.microsoft.com/.default"
VAULT = "https://vault.azure.net/.default"
KEYS = Keys()


@dataclass
class Stage:
    """An emulator, an issuer that it trusts, and msal over TLS to it."""

    emulator: Emulator
    issuer: FakeIssuer
    transport: MsalTransport

    @property
    def authority(self) -> str:
        return self.emulator.addresses.authority

    def application(self, client: str = CLIENT, tenant: str = TENANT) -> Application:
        return Application(tenant, client, self.authority)

    def exchanger(self) -> Exchanger:
        return Exchanger(self.transport, Pace(chance=lambda: 1.0))

    async def refusal(self, *, client: str = CLIENT, tenant: str = TENANT, **claims: Any) -> Any:
        with pytest.raises(EntraError) as caught:
            await self.exchanger().exchange(
                self.application(client, tenant), lambda: self.issuer.token(**claims), VAULT
            )
        return caught.value

    def fail(self, **rule: Any) -> None:
        self.emulator.admin("PATCH", "/faults", {"failures": [rule]})

    def asked(self) -> int:
        """How many times the token endpoint was asked, the documents not counted."""
        found = self.emulator.admin("GET", "/requests?kind=token")
        return len(found["requests"])


@pytest.fixture(scope="module")
def issuer() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory, issuer: FakeIssuer) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("tokens")
    credential = {"name": "cluster", "issuer": issuer.name, "subject": SUBJECT}
    with served(issuer, folder) as address:
        seed = {
            "tenants": [{"id": TENANT}],
            "applications": [
                {
                    "appId": CLIENT,
                    "displayName": "payments",
                    "tenant": TENANT,
                    "secret": SECRET,
                    "certificate": KEYS.certificate_pem.decode(),
                    "federatedIdentityCredentials": [credential],
                },
                {"appId": BARE, "displayName": "bare", "tenant": TENANT},
            ],
            "managedIdentities": [
                {
                    "resourceId": RESOURCE,
                    "clientId": MANAGED,
                    "tenant": TENANT,
                    "federatedIdentityCredentials": [credential],
                }
            ],
            "issuers": [{"issuer": issuer.name, "reach": address.url, "ca": str(address.ca)}],
        }
        with running(Emulator(folder, seed)) as found:
            yield found


@pytest.fixture
async def stage(emulator: Emulator, issuer: FakeIssuer) -> AsyncIterator[Stage]:
    emulator.admin("DELETE", "/faults")
    emulator.admin("DELETE", "/requests")
    over_tls = httpx.AsyncHTTPTransport(verify=emulator.tls())
    async with msal_over(over_tls, lambda: 0.0) as transport:
        yield Stage(emulator, issuer, transport)


# Exchange


async def test_an_applications_token(stage: Stage) -> None:
    exchanged = await stage.exchanger().exchange(stage.application(), stage.issuer.token, VAULT)

    assert exchanged.claims is not None
    assert exchanged.claims.client_id == CLIENT
    assert exchanged.claims.tid == TENANT
    assert exchanged.claims.aud == "https://vault.azure.net"
    assert exchanged.claims.xms_mirid == ""
    assert abs(exchanged.expires_on - (exchanged.claims.exp or 0)) < 60
    assert exchanged.correlation_id


async def test_a_managed_identitys_token_names_its_resource(stage: Stage) -> None:
    exchanged = await stage.exchanger().exchange(
        stage.application(MANAGED), stage.issuer.token, VAULT
    )

    assert isinstance(exchanged.claims, Claims)
    assert exchanged.claims.xms_mirid.lower() == RESOURCE.lower()


@pytest.mark.parametrize(
    ("code", "who", "claims"),
    [
        (700211, {}, {"iss": "https://issuer.test/another/"}),
        (700211, {}, {"iss": "https://issuer.test/cluster"}),
        (700212, {}, {"aud": ["api://else"]}),
        (700213, {}, {"sub": SUBJECT + "-2"}),
        (7002138, {}, {"sub": SUBJECT.upper()}),
        (70025, {"client": BARE}, {}),
        (700024, {}, {"exp": 1_000_000_000, "nbf": 999_999_000, "iat": 999_999_000}),
        (700016, {"client": TENANT}, {}),
        (90002, {"tenant": BARE}, {}),
    ],
)
async def test_each_refusal_ends_in_its_code_and_class(
    stage: Stage, code: int, who: dict[str, str], claims: dict[str, Any]
) -> None:
    error = await stage.refusal(**who, **claims)

    assert error.trace.code == f"AADSTS{code}"
    assert error.trace.request_id
    assert error.trace.correlation_id
    assert isinstance(error, Refused)
    assert MEANINGS[code].wrong in str(error)
    assert MEANINGS[code].group is not Class.TRANSIENT


@pytest.mark.parametrize("code", sorted(MEANINGS))
async def test_every_code_is_understood_as_the_emulator_words_it(stage: Stage, code: int) -> None:
    stage.fail(kind="token", status=400, code=f"AADSTS{code}", count=None)

    with pytest.raises(EntraError) as caught:
        await stage.exchanger().exchange(
            stage.application(), stage.issuer.token, VAULT, policy=ONCE
        )

    assert caught.value.trace.code == f"AADSTS{code}"
    assert type(caught.value) is MEANINGS[code].error


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_token_endpoint_that_fails_now_and_then_is_asked_again(
    stage: Stage, status: int
) -> None:
    stage.fail(kind="token", status=status, retryAfter=0, count=2)

    await stage.exchanger().exchange(stage.application(), stage.issuer.token, VAULT)

    assert stage.asked() == 3


async def test_the_wait_that_it_asks_for_is_known(stage: Stage) -> None:
    stage.fail(kind="token", status=429, retryAfter=17)

    with pytest.raises(Throttled) as caught:
        await stage.exchanger().exchange(
            stage.application(), stage.issuer.token, VAULT, policy=ONCE
        )

    assert caught.value.retry_after == 17


async def test_a_credential_that_was_just_written_is_waited_for(stage: Stage) -> None:
    stage.emulator.admin("PATCH", "/faults", {"propagationSeconds": 1})
    await federate(stage, "system:serviceaccount:team:new")
    brisk = replace(PROPAGATION, first_backoff=0.1, longest_backoff=0.1)

    def token() -> str:
        return stage.issuer.token(sub="system:serviceaccount:team:new")

    with pytest.raises(Misconfigured):
        await stage.exchanger().exchange(stage.application(), token, VAULT)
    with pytest.raises(NotPropagated):
        await stage.exchanger().exchange(
            stage.application(), token, VAULT, written_lately=True, policy=ONCE
        )
    exchanged = await stage.exchanger().exchange(
        stage.application(), token, VAULT, written_lately=True, policy=brisk
    )

    assert exchanged.claims is not None


async def test_the_same_assertion_reaches_the_emulator_each_time(stage: Stage) -> None:
    token = stage.issuer.token(sub="system:serviceaccount:team:nobody")

    for _ in range(3):
        with pytest.raises(Misconfigured):
            await stage.exchanger().exchange(stage.application(), lambda: token, VAULT)

    assert stage.asked() == 3


async def federate(stage: Stage, subject: str) -> None:
    sign_in = SignIn(
        ClientSecret(stage.application(), write(stage.emulator.folder / "secret", SECRET)),
        stage.transport,
    )
    token = await sign_in.token(GRAPH)
    credential = {
        "name": "new",
        "issuer": stage.issuer.name,
        "subject": subject,
        "audiences": ["api://AzureADTokenExchange"],
    }
    with stage.emulator.client() as client:
        client.post(
            f"/v1.0/applications(appId='{CLIENT}')/federatedIdentityCredentials",
            json=credential,
            headers={"Authorization": f"Bearer {token.value}"},
        ).raise_for_status()


# Sign-in


async def test_signing_in_by_a_token_file(stage: Stage, tmp_path: Path) -> None:
    file = write(tmp_path / "token", stage.issuer.token())

    token = await SignIn(WorkloadIdentity(stage.application(), file), stage.transport).token(GRAPH)

    assert client_of(token) == CLIENT


async def test_signing_in_by_a_secret(stage: Stage, tmp_path: Path) -> None:
    file = write(tmp_path / "secret", SECRET)
    sign_in = SignIn(ClientSecret(stage.application(), file), stage.transport)

    assert client_of(await sign_in.token(GRAPH)) == CLIENT
    write(file, "wrong")
    sign_in.forget(GRAPH, await sign_in.token(GRAPH))
    with pytest.raises(Refused, match="the client secret is wrong"):
        await sign_in.token(GRAPH)


@pytest.mark.parametrize("suffix", ["pem", "pfx"])
async def test_signing_in_by_a_certificate(stage: Stage, tmp_path: Path, suffix: str) -> None:
    content = KEYS.pkcs12() if suffix == "pfx" else KEYS.key_pem() + KEYS.certificate_pem
    file = write(tmp_path / f"azwi.{suffix}", content)

    token = await SignIn(Certificate(stage.application(), file), stage.transport).token(GRAPH)

    assert client_of(token) == CLIENT


@pytest.mark.parametrize("client", [None, MANAGED])
async def test_signing_in_at_the_node(stage: Stage, client: str | None) -> None:
    settings = ManagedIdentity(client, stage.emulator.addresses.imds)

    token = await SignIn(settings, stage.transport).token(GRAPH)

    assert client is None or client_of(token) == client


async def test_an_identity_that_the_node_does_not_have(stage: Stage) -> None:
    settings = ManagedIdentity(BARE, stage.emulator.addresses.imds)

    with pytest.raises(Refused, match="Identity not found; check that the identity is assigned"):
        await SignIn(settings, stage.transport).token(GRAPH)


async def test_a_node_that_fails_now_and_then(stage: Stage) -> None:
    stage.fail(kind="imds.*", status=503)
    sign_in = SignIn(ManagedIdentity(MANAGED, stage.emulator.addresses.imds), stage.transport)

    with pytest.raises(Unavailable):
        await sign_in.token(GRAPH)
    assert client_of(await sign_in.token(GRAPH)) == MANAGED
