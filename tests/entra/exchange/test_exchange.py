import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msal
import pytest

from entra.errors import (
    EntraError,
    Invalid,
    Misconfigured,
    NotPropagated,
    Throttled,
    Trace,
    Unavailable,
    Unreachable,
)
from entra.exchange import Application, Claims, Exchanged, Exchanger
from entra.msal_transport import Conversation, MsalTransport
from entra.pacing import Pace
from entra.retry import ONCE
from tests.fakes.entra_tokens import (
    AUTHORITY,
    CLIENT,
    SUBJECT,
    TENANT,
    Clock,
    FakeEntra,
    Hang,
    Refuse,
    account_token,
)

SCOPE = "https://vault.example/.default"
APPLICATION = Application(TENANT, CLIENT, AUTHORITY)


class Account:
    """A ServiceAccount whose tokens are counted."""

    def __init__(self, clock: Clock, **claims: Any) -> None:
        self.clock = clock
        self.claims = claims
        self.lifetimes: list[float] = []
        """Of the next tokens, in seconds; an hour where there are none."""
        self.given = 0

    async def __call__(self) -> str:
        self.given += 1
        seconds = self.lifetimes.pop(0) if self.lifetimes else 3600.0
        return account_token(self.clock, seconds=seconds, jti=str(self.given), **self.claims)


@pytest.fixture
def exchanger(transport: MsalTransport, clock: Clock) -> Exchanger:
    return Exchanger(transport, Pace(clock, clock.sleep, lambda: 1.0), clock)


@pytest.fixture
def account(clock: Clock) -> Account:
    return Account(clock)


async def refusal(exchanger: Exchanger, account: Account, **options: Any) -> EntraError:
    """Exchange, and return what it ends in."""
    with pytest.raises(EntraError) as caught:
        await exchanger.exchange(APPLICATION, account, SCOPE, **options)
    return caught.value


async def test_a_service_accounts_token_is_exchanged(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate()

    exchanged = await exchanger.exchange(APPLICATION, account, SCOPE)

    assert exchanged == Exchanged(
        expires_on=clock() + 3600,
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
        request_id="",
        correlation_id=entra.requests[-1].headers["client-request-id"],
    )


async def test_a_token_may_be_given_by_a_plain_function(
    exchanger: Exchanger, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate()

    exchanged = await exchanger.exchange(APPLICATION, lambda: account_token(clock), SCOPE)

    assert exchanged.claims is not None


async def test_an_access_token_that_nobody_can_read_is_no_fault(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.federate()
    entra.fail(Refuse(200, {"access_token": "opaque", "expires_in": 60}))

    assert (await exchanger.exchange(APPLICATION, account, SCOPE)).claims is None


async def test_the_access_token_itself_is_to_be_had_too(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate()

    token = await exchanger.access_token(APPLICATION, account, SCOPE)

    assert token.value.startswith("eyJ")
    assert token.expires_on == clock() + 3600


async def test_each_exchange_costs_one_call(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.federate()

    for _ in range(5):
        await exchanger.exchange(APPLICATION, account, SCOPE)

    assert (entra.asked("GET"), entra.asked("POST")) == (1, 5)
    assert account.given == 5


@pytest.mark.parametrize(
    ("federated", "claims", "code"),
    [
        (False, {}, "AADSTS70025"),
        (True, {"sub": SUBJECT + "-2"}, "AADSTS700213"),
        (True, {"iss": "https://issuer.example"}, "AADSTS700211"),
        (True, {"aud": "api://else"}, "AADSTS700212"),
    ],
)
async def test_a_token_that_no_credential_matches_is_misconfigured_at_once(
    *,
    exchanger: Exchanger,
    entra: FakeEntra,
    clock: Clock,
    federated: bool,
    claims: dict[str, str],
    code: str,
) -> None:
    entra.application()
    if federated:
        entra.federate()

    error = await refusal(exchanger, Account(clock, **claims))

    assert type(error) is Misconfigured
    number = code.removeprefix("AADSTS")
    assert error.trace == Trace(
        "token", error.trace.status, code, f"trace-{number}", f"correlation-{number}"
    )
    assert entra.asked("POST") == 1
    assert clock.slept == []


async def test_a_credential_that_was_written_lately_is_waited_for(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(known_in=90.0)

    exchanged = await exchanger.exchange(APPLICATION, account, SCOPE, written_lately=True)

    assert exchanged.claims is not None
    assert sum(clock.slept) >= 90
    assert account.given == entra.asked("POST") == len(clock.slept) + 1


async def test_after_five_minutes_it_is_not_waited_for_any_more(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(known_in=900.0)

    error = await refusal(exchanger, account, written_lately=True)

    assert type(error) is NotPropagated
    assert "takes up to 5 minutes" in str(error)
    assert 270 <= sum(clock.slept) <= 300


async def test_what_no_propagation_explains_is_not_waited_for(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.application("00000000-0000-4000-8000-000000000000")

    error = await refusal(exchanger, account, written_lately=True)

    assert type(error) is Misconfigured
    assert error.trace.code == "AADSTS700016"
    assert clock.slept == []


@pytest.mark.parametrize(
    "failure", [Refuse(503, "gone"), Refuse(429, {}), Refuse(400, {"error_codes": [90061]})]
)
async def test_what_passes_by_itself_is_asked_again(
    exchanger: Exchanger, account: Account, entra: FakeEntra, failure: Refuse
) -> None:
    entra.federate()
    entra.fail(failure, times=3)

    await exchanger.exchange(APPLICATION, account, SCOPE)

    assert entra.asked("POST") == 4


async def test_the_wait_that_entra_id_asks_for_is_kept(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate()
    entra.fail(Refuse(429, {"error": "slow"}, {"Retry-After": "17"}))

    await exchanger.exchange(APPLICATION, account, SCOPE)

    assert clock.slept == [17.5]


async def test_patience_ends(
    exchanger: Exchanger, account: Account, entra: FakeEntra, clock: Clock
) -> None:
    entra.fail(Refuse(400, {"error_codes": [501661]}), times=1000)
    entra.application()

    error = await refusal(exchanger, account)

    assert type(error) is Unavailable
    assert "could not fetch the issuer's documents" in str(error)
    assert sum(clock.slept) <= 120


async def test_whoever_wants_to_hear_of_the_first_failure_does(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.fail(Refuse(429, {"error": "slow"}, {"Retry-After": "17"}))

    error = await refusal(exchanger, account, policy=ONCE)

    assert type(error) is Throttled
    assert error.retry_after == 17
    assert entra.asked("POST") == 1


async def test_a_token_that_has_just_ended_is_replaced_once(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.federate()
    account.lifetimes = [-1.0]

    await exchanger.exchange(APPLICATION, account, SCOPE)

    assert account.given == 2


async def test_a_token_that_is_always_old_is_told(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.federate()
    account.lifetimes = [-1.0] * 9

    error = await refusal(exchanger, account)

    assert type(error) is Invalid
    assert error.trace.code == "AADSTS700024"
    assert account.given == 2


@pytest.mark.parametrize(
    ("tenant", "client", "authority"),
    [
        ("common", CLIENT, AUTHORITY),
        ("../v1.0", CLIENT, AUTHORITY),
        (TENANT, "my-app", AUTHORITY),
        (TENANT, CLIENT, "http://login.example"),
    ],
)
async def test_an_application_that_cannot_be_is_told_and_nothing_is_sent(
    *,
    exchanger: Exchanger,
    account: Account,
    entra: FakeEntra,
    tenant: str,
    client: str,
    authority: str,
) -> None:
    with pytest.raises(Invalid, match="is not valid; expected"):
        await exchanger.exchange(Application(tenant, client, authority), account, SCOPE)

    assert (entra.requests, account.given) == ([], 0)


async def test_a_scope_without_default_is_told(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.federate()

    with pytest.raises(Invalid, match=r"the scope does not end with /\.default"):
        await exchanger.exchange(APPLICATION, account, "https://vault.example/read")


async def test_an_empty_token_is_told_and_nothing_is_sent(
    exchanger: Exchanger, entra: FakeEntra
) -> None:
    with pytest.raises(Invalid, match="the ServiceAccount's token is empty"):
        await exchanger.exchange(APPLICATION, lambda: "", SCOPE)

    assert entra.requests == []


async def test_what_the_giver_of_tokens_raises_comes_through(exchanger: Exchanger) -> None:
    async def broken() -> str:
        raise LookupError("no such ServiceAccount")

    with pytest.raises(LookupError, match="no such ServiceAccount"):
        await exchanger.exchange(APPLICATION, broken, SCOPE)


async def test_cancelling_an_exchange_ends_its_request(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    hang = Hang()
    entra.fail(hang)
    task = asyncio.create_task(exchanger.exchange(APPLICATION, account, SCOPE))
    await hang.begun.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert hang.cancelled


# msal keeps an answer of status 400 for a minute: why each attempt has caches of its own.


def the_same_token_each_time(clock: Clock) -> str:
    return account_token(clock, seconds=36000.0, iat=1)


async def test_a_refusal_does_not_keep_the_next_attempt_from_the_network(
    exchanger: Exchanger, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(known_in=1.0)
    token = the_same_token_each_time(clock)

    await exchanger.exchange(APPLICATION, lambda: token, SCOPE, written_lately=True)

    assert {request.content for request in entra.requests if request.method == "POST"} == {
        entra.requests[-1].content
    }
    assert entra.asked("POST") > 1


async def test_with_a_cache_that_is_shared_it_would(
    transport: MsalTransport, entra: FakeEntra, clock: Clock
) -> None:
    entra.federate(known_in=1.0)
    token = the_same_token_each_time(clock)
    cache: dict[str, Any] = {}

    def ask(http: Conversation) -> Mapping[str, Any]:
        client = msal.ConfidentialClientApplication(
            CLIENT,
            client_credential={"client_assertion": lambda: token},
            authority=f"{AUTHORITY}{TENANT}",
            instance_discovery=False,
            http_client=http,
            http_cache=cache,
        )
        result: Mapping[str, Any] = client.acquire_token_for_client([SCOPE])
        return result

    assert (await transport.run(ask)).result["error_codes"] == [70025]
    clock.now += 2.0

    with pytest.raises(Unavailable, match="msal answered by itself"):
        await transport.run(ask)
    assert entra.asked("POST") == 1


async def test_an_exchange_logs_that_it_is_asked_again_and_no_token(
    exchanger: Exchanger, account: Account, entra: FakeEntra, caplog: pytest.LogCaptureFixture
) -> None:
    entra.federate(known_in=1.0)

    with caplog.at_level(logging.DEBUG):
        await exchanger.exchange(APPLICATION, account, SCOPE, written_lately=True)

    assert "asked again" in caplog.text
    assert "eyJ" not in "".join(str(record.__dict__) for record in caplog.records)


async def test_an_unreachable_authority_is_told_by_its_host(
    exchanger: Exchanger, account: Account, entra: FakeEntra
) -> None:
    entra.fail(OSError("down"), method="GET", times=99)

    error = await refusal(exchanger, account)

    assert type(error) is Unreachable
    assert "https://login.example" in str(error)
