import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote_plus

import httpx
import msal
import pytest

from entra.errors import (
    EntraError,
    Misconfigured,
    Throttled,
    Trace,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from entra.http import Http
from entra.msal_transport import Conversation, MsalTransport
from tests.fakes.entra_tokens import (
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
SECRET = 's3cr3t/with "quotes" and ä'


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entra(clock: Clock) -> FakeEntra:
    entra = FakeEntra(clock)
    entra.application(secret=SECRET)
    return entra


@pytest.fixture
async def transport(entra: FakeEntra, clock: Clock) -> AsyncIterator[MsalTransport]:
    async with msal_over(entra, clock) as transport:
        yield transport


def sign_in(http: Conversation, **options: Any) -> Mapping[str, Any]:
    """Sign in by a secret, as msal's documentation shows it."""
    given = {
        "client_credential": SECRET,
        "authority": f"{AUTHORITY}{TENANT}",
        "instance_discovery": False,
        "azure_region": False,
        "http_client": http,
        **options,
    }
    application = msal.ConfidentialClientApplication(CLIENT, **given)
    result: Mapping[str, Any] = application.acquire_token_for_client([SCOPE])
    return result


async def test_msal_gets_a_token_through_the_transport(
    transport: MsalTransport, entra: FakeEntra, clock: Clock
) -> None:
    outcome = await transport.run(sign_in)

    grant = outcome.grant(clock())
    assert not outcome.refused
    assert grant.token.value == outcome.result["access_token"]
    assert grant.token.expires_on == clock() + 3600
    assert grant.lifetime == 3600
    assert [request.method for request in entra.requests] == ["GET", "POST"]


async def test_the_correlation_id_of_a_grant_is_the_one_that_was_sent(
    transport: MsalTransport, entra: FakeEntra, clock: Clock
) -> None:
    outcome = await transport.run(sign_in)

    sent = entra.requests[-1].headers["client-request-id"]
    assert outcome.grant(clock()).trace == Trace("token", 200, "", "", sent)


async def test_the_discovery_document_is_asked_for_once_an_hour(
    transport: MsalTransport, entra: FakeEntra, clock: Clock
) -> None:
    for _ in range(3):
        await transport.run(sign_in)
    assert (entra.asked("GET"), entra.asked("POST")) == (1, 3)

    clock.now += 3600
    await transport.run(sign_in)
    assert entra.asked("GET") == 2


async def test_the_end_of_each_call_is_told(entra: FakeEntra, clock: Clock) -> None:
    heard: list[tuple[str, int | None, str]] = []
    http = Http(entra, told=lambda end: heard.append((end.kind, end.status, end.error)))
    transport = MsalTransport(http, clock)
    try:
        await transport.run(sign_in)
        await transport.run(partial(sign_in, client_credential="another"))
    finally:
        await transport.aclose()
        await http.aclose()
    assert heard == [
        ("token discovery", 200, ""),
        ("token grant", 200, ""),
        ("token grant", 401, ""),
    ]


async def test_calls_at_the_same_time_share_one_discovery(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    hang = Hang()
    entra.fail(hang, method="GET")
    tasks = [asyncio.create_task(transport.run(sign_in)) for _ in range(20)]
    await hang.begun.wait()
    await settled()
    hang.go_on.set()
    await asyncio.gather(*tasks)

    assert (entra.asked("GET"), entra.asked("POST")) == (1, 20)


async def test_a_discovery_that_failed_is_not_remembered(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    entra.fail(Refuse(503), method="GET")

    with pytest.raises(Unavailable):
        await transport.run(sign_in)
    await transport.run(sign_in)

    assert entra.asked("GET") == 2


async def test_discoveries_of_many_tenants_are_forgotten_one_by_one(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    for number in [*range(100), 0, 100]:
        await transport.run(partial(sign_in, authority=of_host(number)))
    assert entra.asked("GET") == 101

    for number in (100, 0):
        await transport.run(partial(sign_in, authority=of_host(number)))
    assert entra.asked("GET") == 101
    await transport.run(partial(sign_in, authority=of_host(1)))  # the one not needed for longest
    assert entra.asked("GET") == 102


async def settled() -> None:
    """Let threads and tasks get as far as they can by themselves."""
    for _ in range(20):
        await asyncio.sleep(0.005)


def of_host(number: int) -> str:
    return f"https://login{number}.example/{TENANT}"


async def test_a_tenant_that_does_not_exist_is_told_with_its_code(
    transport: MsalTransport,
) -> None:
    with pytest.raises(Misconfigured, match="there is no such tenant in this cloud") as caught:
        await transport.run(lambda http: sign_in(http, authority=f"{AUTHORITY}nowhere"))

    assert caught.value.trace == Trace(
        "token", 400, "AADSTS90002", "trace-90002", "correlation-90002"
    )


async def test_a_refusal_is_returned_with_its_status(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    entra.application(secret="another")

    outcome = await transport.run(sign_in)

    assert outcome.refused
    assert outcome.answer.status == 401
    assert outcome.answer.body["error_codes"] == [7000215]


JSON = {"error": "server_error", "error_description": "AADSTS90033: away"}


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (Refuse(500, "<html>gateway</html>"), Unavailable, "https://login.example failed"),
        (Refuse(502), Unavailable, "Entra ID gives no token"),
        (Refuse(503, JSON), Unavailable, "Entra ID's directory is unavailable"),
        (Refuse(429, JSON | {"error_description": "slow"}), Throttled, "slow"),
        (Refuse(200, "<html>hello</html>"), Unavailable, "something else than a JSON object"),
        (Refuse(200, "[1]"), Unavailable, "something else than a JSON object"),
        (Refuse(403, "<html>no</html>"), Unavailable, "something else than a JSON object"),
        (Refuse(307, headers={"location": "https://else.example/"}), Unavailable, "a redirect"),
        (Refuse(200, '"' + "x" * 2_000_000 + '"'), Unavailable, "more than any token takes"),
        (httpx.ConnectError("no"), Unreachable, "https://login.example can't be reached"),
        (httpx.ReadTimeout("late"), Unreachable, "did not answer in time"),
        (httpx.RemoteProtocolError("cut"), Unreachable, "broke"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_no_answer_of_entra_id_becomes_an_error_before_msal_sees_it(
    *,
    method: str,
    failure: Any,
    kind: type[EntraError],
    message: str,
    transport: MsalTransport,
    entra: FakeEntra,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entra.fail(failure, method=method)

    with caplog.at_level(logging.DEBUG), pytest.raises(kind, match=message) as caught:
        await transport.run(sign_in)

    assert type(caught.value) is kind
    assert "html" not in caplog.text
    assert entra.asked(method) == 1
    assert not (await transport.run(sign_in)).refused


async def test_the_wait_that_a_service_asks_for_is_kept(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    entra.fail(Refuse(429, JSON, {"Retry-After": "17"}))
    entra.fail(Refuse(503, "gone", {"Retry-After": "19"}))

    for seconds in (17.0, 19.0):
        with pytest.raises(EntraError) as caught:
            await transport.run(sign_in)
        assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    "document",
    [
        {"authorization_endpoint": "https://login.example/authorize"},
        {"token_endpoint": "https://login.example/token"},
        {
            "token_endpoint": "http://login.example/token",
            "authorization_endpoint": "https://login.example/authorize",
        },
        {"token_endpoint": 7, "authorization_endpoint": "https://login.example/authorize"},
    ],
)
async def test_a_discovery_document_that_leads_nowhere_safe_is_refused(
    document: dict[str, Any], transport: MsalTransport, entra: FakeEntra
) -> None:
    entra.fail(Refuse(200, document), method="GET")

    with pytest.raises(Unavailable, match=r"discovery document .* has no \w+_endpoint with https"):
        await transport.run(sign_in)

    assert entra.asked("POST") == 0


async def test_nothing_is_sent_without_https(transport: MsalTransport, entra: FakeEntra) -> None:
    def ask(http: Conversation) -> Mapping[str, Any]:
        http.post("http://login.example/token", data={"client_secret": SECRET})
        return {}

    with pytest.raises(Misconfigured, match=r"http://login\.example is not asked for tokens"):
        await transport.run(ask)

    assert entra.requests == []


@pytest.mark.parametrize(
    "granted",
    [
        {},
        {"access_token": "", "expires_in": 3600},
        {"access_token": "two words", "expires_in": 3600},
        {"access_token": "line\nbreak", "expires_in": 3600},
        {"access_token": "eyJ.eyJ.x", "expires_in": 0},
        {"access_token": "eyJ.eyJ.x", "expires_in": -1},
    ],
)
async def test_a_grant_without_a_token_that_can_be_used_is_none(
    granted: dict[str, Any], transport: MsalTransport, entra: FakeEntra, clock: Clock
) -> None:
    entra.fail(Refuse(200, {"token_type": "Bearer", **granted}))

    outcome = await transport.run(sign_in)

    assert not outcome.refused
    with pytest.raises(Unavailable, match="holds no token that can be used"):
        outcome.grant(clock())


@pytest.mark.parametrize("lifetime", ["soon", [1], {}])
async def test_what_msal_stumbles_over_is_an_answer_that_makes_no_sense(
    lifetime: Any, transport: MsalTransport, entra: FakeEntra
) -> None:
    entra.fail(Refuse(200, {"access_token": "eyJ.eyJ.x", "expires_in": lifetime}))

    with pytest.raises(Unavailable, match="msal can't make sense of the answer"):
        await transport.run(sign_in)


async def test_a_credential_that_msal_cannot_sign_with_is_our_own_fault(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    broken = {"private_key": "no key at all", "thumbprint": "A1B2C3"}

    with pytest.raises(Unauthenticated, match="msal can't sign with the credential"):
        await transport.run(lambda http: sign_in(http, client_credential=broken))

    assert entra.asked("POST") == 0


async def test_cancelling_ends_the_request_and_the_thread(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    hang = Hang()
    entra.fail(hang)
    task = asyncio.create_task(transport.run(sign_in))
    await hang.begun.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert hang.cancelled
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not (await transport.run(sign_in)).refused


async def test_cancelling_twice_still_waits_for_the_thread(transport: MsalTransport) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def busy(_: Conversation) -> Mapping[str, Any]:
        begun.set()
        go_on.wait(10.0)
        ended.set()
        return {}

    task = asyncio.create_task(transport.run(busy))
    await until(begun.is_set)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()

    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_whoever_is_cancelled_sends_nothing_any_more(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(http: Conversation) -> Mapping[str, Any]:
        begun.set()
        go_on.wait(10.0)
        return sign_in(http)

    task = asyncio.create_task(transport.run(slow))
    await until(begun.is_set)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert entra.requests == []


async def test_a_call_that_waits_for_a_thread_can_be_cancelled(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    hangs = [Hang() for _ in range(8)]
    for hang in hangs:
        entra.fail(hang)
    await_turn = [asyncio.create_task(transport.run(sign_in)) for _ in range(9)]
    await asyncio.gather(*(hang.begun.wait() for hang in hangs))

    last = await_turn.pop()
    last.cancel()
    with pytest.raises(asyncio.CancelledError):
        await last
    assert entra.asked("POST") == 8
    for task in await_turn:
        task.cancel()
    await asyncio.gather(*await_turn, return_exceptions=True)


async def test_a_hundred_calls_take_no_more_than_eight_threads(
    transport: MsalTransport, entra: FakeEntra
) -> None:
    await asyncio.gather(*(transport.run(sign_in) for _ in range(100)))

    threads = [thread for thread in threading.enumerate() if thread.name.startswith("msal")]
    assert len(threads) <= 8
    assert entra.asked("POST") == 100


async def test_an_answer_that_repeats_the_secret_does_not_get_it_into_any_text(
    transport: MsalTransport, entra: FakeEntra, caplog: pytest.LogCaptureFixture
) -> None:
    spelled = [SECRET, json.dumps(SECRET)[1:-1], quote_plus(SECRET)]
    repeated = f"{SECRET} and {quote_plus(SECRET)}"
    entra.fail(Refuse(400, {"error": "invalid_client", "error_description": repeated}))

    with caplog.at_level(logging.DEBUG):
        outcome = await transport.run(sign_in)

    text = f"{outcome!r} {outcome.result} {outcome.answer.body} {caplog.text}"
    assert [form for form in spelled if form in text] == []
    assert "(hidden)" in text


async def test_the_environment_is_not_asked(
    transport: MsalTransport, entra: FakeEntra, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.invalid:1")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere")

    await transport.run(sign_in)

    assert {request.url.host for request in entra.requests} == {"login.example"}
