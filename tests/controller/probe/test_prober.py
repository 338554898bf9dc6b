"""A proof: a fresh token each time, only where it is allowed, a few at a time, nothing kept."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx
import pytest

from controller.config.settings import ProbeSettings
from controller.kube.errors import Forbidden, KubeError, Terminating, Unavailable
from controller.probe import Prober, ProbeSubject, Result, Settings, Verification
from entra.exchange import Claims, Exchanger
from entra.msal_transport import MsalTransport
from entra.pacing import Pace
from tests.controller.probe.token_api import FakeTokenApi
from tests.fakes.entra_tokens import (
    AUDIENCE,
    AUTHORITY,
    CLIENT,
    TENANT,
    Clock,
    FakeEntra,
    Hang,
    Refuse,
    msal_over,
)
from tests.webhook.until import until

SCOPE = "https://vault.example/.default"
SUBJECT = ProbeSubject("team", "app", CLIENT, TENANT, AUDIENCE)
ANOTHER = "00000000-1111-4222-8333-444444444444"
LATELY = replace(SUBJECT, written_lately=True)
FAILURE = Refuse(503, {"error": "temporarily_unavailable"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entra(clock: Clock) -> FakeEntra:
    return FakeEntra(clock)


@pytest.fixture
def kube(clock: Clock) -> FakeTokenApi:
    return FakeTokenApi(clock)


@pytest.fixture
async def transport(entra: FakeEntra, clock: Clock) -> AsyncIterator[MsalTransport]:
    async with msal_over(entra, clock) as transport:
        yield transport


MakeProber = Callable[..., Prober]


@pytest.fixture
def make(transport: MsalTransport, kube: FakeTokenApi, clock: Clock) -> MakeProber:
    def make(
        *namespaces: str,
        everywhere: bool = False,
        at_once: int = 8,
        sleep: Callable[[float], Awaitable[None]] = clock.sleep,
    ) -> Prober:
        pace = Pace(clock, sleep, lambda: 1.0)
        where = ProbeSettings(SCOPE, frozenset(namespaces), everywhere)
        settings = Settings(where, AUTHORITY, at_once)
        return Prober(kube, Exchanger(transport, pace, clock), settings, pace=pace, clock=clock)

    return make


async def test_a_token_of_the_service_account_is_exchanged(
    make: MakeProber, entra: FakeEntra, kube: FakeTokenApi, clock: Clock
) -> None:
    entra.federate()
    found = await make("team").verify(SUBJECT)
    assert found == Verification(
        Result.VERIFIED,
        "Verified",
        "Entra ID gives the ServiceAccount access tokens of the identity",
        clock(),
        claims=Claims(
            aud="https://vault.example",
            iss=f"https://sts.windows.net/{TENANT}/",
            tid=TENANT,
            client_id=CLIENT,
            oid="0a1b2c3d-0000-4000-8000-000000000001",
            roles=("Reader",),
            idtyp="app",
            exp=int(clock()) + 3600,
        ),
    )
    assert kube.asked == [
        (
            "/api/v1/namespaces/team/serviceaccounts/app/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"audiences": [AUDIENCE], "expirationSeconds": 600},
            },
        )
    ]


async def test_the_credentials_own_audience_is_asked_for(
    make: MakeProber, entra: FakeEntra
) -> None:
    entra.federate()
    found = await make("team").verify(replace(SUBJECT, audience="api://AzureADTokenExchangeChina"))
    assert (found.result, found.reason) == (Result.REFUSED, "AudienceMismatch")


async def test_propagation_is_waited_for_with_a_fresh_token_each_time(
    make: MakeProber, entra: FakeEntra, kube: FakeTokenApi, clock: Clock
) -> None:
    entra.federate(known_in=90.0)
    begun = clock()
    assert (await make("team").verify(LATELY)).verified
    assert clock() - begun >= 90.0
    assert len(set(kube.tokens)) == len(kube.tokens) == len(kube.asked) > 3


async def test_after_five_minutes_nothing_is_known_for_sure(
    make: MakeProber, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(subject="system:serviceaccount:team:other")
    begun = clock()
    found = await make("team").verify(LATELY)
    assert (found.result, found.reason) == (Result.UNKNOWN, "NotPropagated")
    assert found.code == "AADSTS700213"
    assert 240.0 < clock() - begun <= 300.0


async def test_later_the_same_refusal_is_the_reason_at_once(
    make: MakeProber, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(subject="system:serviceaccount:team:other")
    found = await make("team").verify(SUBJECT)
    assert (found.result, found.reason, found.code) == (
        Result.REFUSED,
        "SubjectMismatch",
        "AADSTS700213",
    )
    assert found.message.startswith(
        "no federated credential of the identity has the token's subject; compare it with"
    )
    assert clock.slept == []


async def test_what_is_no_matter_of_propagation_is_the_reason_at_once(
    make: MakeProber, entra: FakeEntra, clock: Clock
) -> None:
    found = await make("team").verify(LATELY)
    assert (found.result, found.reason) == (Result.REFUSED, "ApplicationNotFound")
    found = await make("team").verify(replace(LATELY, tenant_id=ANOTHER))
    assert (found.result, found.reason) == (Result.REFUSED, "TenantNotFound")
    assert clock.slept == []


async def test_what_is_no_client_id_is_not_even_sent(make: MakeProber, kube: FakeTokenApi) -> None:
    found = await make("team").verify(replace(SUBJECT, client_id="none"))
    assert (found.result, found.reason) == (Result.REFUSED, "Invalid")
    assert kube.asked == []


async def test_a_failing_service_is_asked_again_and_says_nothing_of_the_credential(
    make: MakeProber, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate()
    entra.fail(FAILURE, times=3)
    assert (await make("team").verify(SUBJECT)).verified
    entra.fail(FAILURE, times=1000)
    found = await make("team").verify(SUBJECT)
    assert (found.result, found.reason) == (Result.UNKNOWN, "EntraUnavailable")
    assert clock.now - 1_800_000_000.0 <= 240.0


async def test_once_is_once(make: MakeProber, entra: FakeEntra, clock: Clock) -> None:
    entra.federate(known_in=10.0)
    found = await make("team").verify_once(LATELY)
    assert (found.result, found.reason) == (Result.UNKNOWN, "NotPropagated")
    entra.fail(httpx.ConnectError("down"))
    found = await make("team").verify_once(SUBJECT)
    assert (found.result, found.reason) == (Result.UNKNOWN, "EntraUnreachable")
    assert clock.slept == []


@pytest.mark.parametrize("namespaces", [("team", "kube-system"), ()])
async def test_tokens_of_kube_system_are_never_asked_for(
    make: MakeProber, kube: FakeTokenApi, entra: FakeEntra, namespaces: tuple[str, ...]
) -> None:
    prober = make(*namespaces, everywhere=not namespaces)
    kube.accounts.add(("kube-system", "app"))
    found = await prober.verify(replace(SUBJECT, namespace="kube-system"))
    assert (found.result, found.reason) == (Result.UNKNOWN, "NotProbed")
    assert not prober.covers("kube-system")
    assert kube.asked == []
    assert entra.requests == []


async def test_tokens_of_other_namespaces_than_those_of_the_settings_are_not_asked_for(
    make: MakeProber, kube: FakeTokenApi, entra: FakeEntra
) -> None:
    prober = make("shop")
    for verify in (prober.verify, prober.verify_once):
        assert (await verify(SUBJECT)).reason == "NotProbed"
    assert (prober.covers("shop"), prober.covers("team")) == (True, False)
    assert kube.asked == []
    assert entra.requests == []


async def test_everywhere_is_every_other_namespace(make: MakeProber, entra: FakeEntra) -> None:
    entra.federate()
    assert (await make(everywhere=True).verify(SUBJECT)).verified


async def test_a_service_account_that_is_gone_is_told(make: MakeProber, kube: FakeTokenApi) -> None:
    kube.accounts.clear()
    found = await make("team").verify(SUBJECT)
    assert (found.result, found.reason) == (Result.REFUSED, "NoServiceAccount")
    assert found.message.startswith("the ServiceAccount team/app is not there;")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Forbidden("POST ...: status 403"), (Result.REFUSED, "TokenRefused")),
        (Terminating("POST ...: status 403"), (Result.UNKNOWN, "NamespaceTerminating")),
        (Unavailable("POST ...: status 503"), (Result.UNKNOWN, "ApiServerUnavailable")),
    ],
)
async def test_an_api_server_that_gives_no_token_is_told_at_once(
    make: MakeProber,
    kube: FakeTokenApi,
    entra: FakeEntra,
    error: KubeError,
    says: tuple[Result, str],
) -> None:
    kube.errors = [error]
    found = await make("team").verify(LATELY)
    assert (found.result, found.reason) == says
    assert len(kube.asked) == 1
    assert entra.requests == []


@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": {"token": 7}}])
async def test_an_answer_without_a_token_is_none(
    make: MakeProber, kube: FakeTokenApi, answer: dict[str, object]
) -> None:
    kube.answers = [answer]
    found = await make("team").verify(SUBJECT)
    assert (found.result, found.reason) == (Result.UNKNOWN, "ApiServerUnavailable")
    assert "the answer holds no token" in found.message


async def test_only_a_few_are_under_way(
    make: MakeProber, entra: FakeEntra, kube: FakeTokenApi
) -> None:
    entra.federate()
    hangs = [Hang() for _ in range(3)]
    for hang in hangs:
        entra.fail(hang)
    prober = make("team", at_once=3)
    proofs = [asyncio.create_task(prober.verify(SUBJECT)) for _ in range(10)]
    for hang in hangs:
        await hang.begun.wait()
    assert len(kube.asked) == 3  # the others have not even asked for their tokens
    hangs[0].go_on.set()
    await until(lambda: sum(proof.done() for proof in proofs) == 8)
    for hang in hangs:
        hang.go_on.set()
    assert all(found.verified for found in await asyncio.gather(*proofs))


async def test_who_waits_for_propagation_takes_no_place(
    make: MakeProber, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(known_in=10.0)
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await go_on.wait()
        clock.now += seconds

    prober = make("team", at_once=1, sleep=sleep)
    patient = asyncio.create_task(prober.verify(LATELY))
    await waiting.wait()
    other = replace(SUBJECT, client_id=ANOTHER)
    async with asyncio.timeout(10.0):
        assert (await prober.verify(other)).reason == "ApplicationNotFound"
    go_on.set()
    assert (await patient).verified


async def test_a_proof_that_is_cancelled_leaves_its_place(
    make: MakeProber, entra: FakeEntra
) -> None:
    entra.federate()
    hang = Hang()
    entra.fail(hang)
    prober = make("team", at_once=1)
    proof = asyncio.create_task(prober.verify(SUBJECT))
    await hang.begun.wait()
    proof.cancel()
    with pytest.raises(asyncio.CancelledError):
        await proof
    assert (await prober.verify(SUBJECT)).verified


@pytest.mark.parametrize("ends", ["verified", "refused", "echoed", "failing", "no token"])
async def test_no_token_is_in_a_message_a_log_or_a_repr(
    make: MakeProber,
    entra: FakeEntra,
    kube: FakeTokenApi,
    caplog: pytest.LogCaptureFixture,
    ends: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    given: list[str] = []
    entra.before_each = lambda request: given.append(request.content.decode())
    if ends != "refused":
        entra.federate()
    if ends == "echoed":
        entra.before_each = lambda _: entra.fail(
            Refuse(
                401,
                {
                    "error": "invalid_client",
                    "error_codes": [700213],
                    "error_description": f"AADSTS700213: {kube.tokens[-1]} {kube.tokens[-1][:40]}",
                },
            )
        )
    if ends == "failing":
        entra.fail(FAILURE, times=1000)
    if ends == "no token":
        kube.answers = [{"status": {"tokens": "eyJhbGciOiJSUzI1NiJ9.eyJ.c2ln"}}]
    prober = make("team")
    found = await prober.verify(SUBJECT)
    assert found.verified is (ends == "verified")
    shown = "\n".join([repr(found), repr(found.told()), repr(prober), repr(SUBJECT), caplog.text])
    assert shown.count("eyJ") == 0
    for token in kube.tokens:
        assert token.split(".")[1] not in shown
    assert kube.tokens or ends == "no token"
