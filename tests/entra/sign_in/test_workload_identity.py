import asyncio
from pathlib import Path

import pytest

from entra.errors import Trace, Unauthenticated, Unavailable
from entra.sign_in import Application, WorkloadIdentity
from tests.entra.sign_in.ways import APPLICATION, SCOPE, Start, claim, client_of, remove, write
from tests.fakes.entra_tokens import (
    AUTHORITY,
    CLIENT,
    TENANT,
    Clock,
    FakeEntra,
    Hang,
    Refuse,
    account_token,
)


@pytest.fixture
def token_file(tmp_path: Path, clock: Clock, entra: FakeEntra) -> Path:
    """A token that the application trusts."""
    entra.application()
    entra.federate()
    file = tmp_path / "azure-identity-token"
    file.write_text(account_token(clock))
    return file


async def test_signing_in_by_workload_identity(
    start: Start, token_file: Path, clock: Clock, entra: FakeEntra
) -> None:
    token = await start(WorkloadIdentity(APPLICATION, token_file)).token(SCOPE)

    assert client_of(token) == CLIENT
    assert claim(token, "aud") == "https://graph.example"
    assert token.expires_on == clock() + 3600
    assert [str(request.url) for request in entra.requests] == [
        f"{AUTHORITY}{TENANT}/v2.0/.well-known/openid-configuration",
        f"{AUTHORITY}{TENANT}/oauth2/v2.0/token",
    ]


async def test_the_token_file_is_read_for_each_sign_in(
    start: Start, token_file: Path, clock: Clock
) -> None:
    sign_in = start(WorkloadIdentity(APPLICATION, token_file))
    await sign_in.token(SCOPE)

    clock.now += 7200
    write(token_file, account_token(clock))

    assert (await sign_in.token(SCOPE)).expires_on == clock() + 3600


async def test_a_token_that_has_just_ended_is_read_once_more(
    start: Start, token_file: Path, clock: Clock, entra: FakeEntra
) -> None:
    good = account_token(clock)
    write(token_file, account_token(clock, seconds=-1))
    entra.before_each = lambda request: request.method == "POST" and write(token_file, good)

    await start(WorkloadIdentity(APPLICATION, token_file)).token(SCOPE)

    assert entra.asked("POST") == 2


async def test_a_token_file_that_stays_old_is_told(
    start: Start, token_file: Path, clock: Clock, entra: FakeEntra
) -> None:
    write(token_file, account_token(clock, seconds=-1))

    with pytest.raises(Unauthenticated) as caught:
        await start(WorkloadIdentity(APPLICATION, token_file)).token(SCOPE)

    assert str(caught.value).startswith(
        f"can't sign in as {CLIENT} by the token file {token_file}: the assertion is outside of its"
        " validity; check the node's clock, and that the token file is being renewed"
    )
    assert caught.value.trace == Trace(
        "token", 401, "AADSTS700024", "trace-700024", "correlation-700024"
    )
    assert entra.asked("POST") == 2


async def test_a_missing_credential_of_our_own_is_told_as_ours(
    start: Start, token_file: Path, clock: Clock
) -> None:
    write(token_file, account_token(clock, sub="system:serviceaccount:team:other"))

    with pytest.raises(Unauthenticated, match=r"no federated credential .* the token's subject"):
        await start(WorkloadIdentity(APPLICATION, token_file)).token(SCOPE)


@pytest.mark.parametrize("content", [None, "", "two words"])
async def test_a_token_file_of_no_use_is_told_and_nothing_is_sent(
    start: Start, token_file: Path, entra: FakeEntra, content: str | None
) -> None:
    remove(token_file) if content is None else write(token_file, content)

    with pytest.raises(Unauthenticated, match=f"the token file {token_file}"):
        await start(WorkloadIdentity(APPLICATION, token_file)).token(SCOPE)

    assert entra.asked("POST") == 0


async def test_a_tenant_that_does_not_exist_is_told(start: Start, token_file: Path) -> None:
    application = Application("contoso.onmicrosoft.com", CLIENT, AUTHORITY)

    with pytest.raises(Unauthenticated, match="there is no such tenant in this cloud"):
        await start(WorkloadIdentity(application, token_file)).token(SCOPE)


async def test_what_passes_by_itself_stays_what_it_is(
    start: Start, token_file: Path, entra: FakeEntra
) -> None:
    entra.fail(Refuse(503, {"error": "temporarily_unavailable", "error_codes": [90033]}))
    sign_in = start(WorkloadIdentity(APPLICATION, token_file))

    with pytest.raises(Unavailable, match="Entra ID's directory is unavailable"):
        await sign_in.token(SCOPE)
    assert entra.asked("POST") == 1
    await sign_in.token(SCOPE)


async def test_many_who_need_a_token_cause_one_request(
    start: Start, token_file: Path, entra: FakeEntra
) -> None:
    sign_in = start(WorkloadIdentity(APPLICATION, token_file))

    tokens = await asyncio.gather(*(sign_in.token(SCOPE) for _ in range(50)))

    assert len({token.value for token in tokens}) == 1
    assert entra.asked("POST") == 1


async def test_a_wish_to_renew_early_is_granted(
    start: Start, token_file: Path, entra: FakeEntra, clock: Clock
) -> None:
    entra.refresh_in = 600
    sign_in = start(WorkloadIdentity(APPLICATION, token_file))
    first = await sign_in.token(SCOPE)

    clock.now += 601
    assert (await sign_in.token(SCOPE)).value != first.value


async def test_a_token_that_was_refused_is_asked_for_anew(start: Start, token_file: Path) -> None:
    sign_in = start(WorkloadIdentity(APPLICATION, token_file))
    first = await sign_in.token(SCOPE)

    sign_in.forget(SCOPE, first)

    assert (await sign_in.token(SCOPE)).value != first.value


async def test_cancelling_a_sign_in_ends_its_request(
    start: Start, token_file: Path, entra: FakeEntra
) -> None:
    hang = Hang()
    entra.fail(hang)
    task = asyncio.create_task(start(WorkloadIdentity(APPLICATION, token_file)).token(SCOPE))
    await hang.begun.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert hang.cancelled
