from pathlib import Path

import pytest

from entra.errors import Unauthenticated
from entra.sign_in import ClientSecret
from tests.entra.sign_in.ways import APPLICATION, SCOPE, Start, client_of, write
from tests.fakes.entra_tokens import CLIENT, FakeEntra


@pytest.fixture
def secret_file(tmp_path: Path, entra: FakeEntra) -> Path:
    entra.application(secret="first~secret")
    file = tmp_path / "client-secret"
    file.write_text("first~secret\n")
    return file


async def test_signing_in_by_a_client_secret(start: Start, secret_file: Path) -> None:
    token = await start(ClientSecret(APPLICATION, secret_file)).token(SCOPE)

    assert client_of(token) == CLIENT


async def test_a_rotated_secret_is_taken_up(
    start: Start, secret_file: Path, entra: FakeEntra
) -> None:
    sign_in = start(ClientSecret(APPLICATION, secret_file))
    entra.application(secret="second~secret")
    with pytest.raises(Unauthenticated) as caught:
        await sign_in.token(SCOPE)
    assert caught.value.message == (
        f"can't sign in as {CLIENT} by the client secret file {secret_file}: the client secret is"
        " wrong; make a new secret for the application and write it to the file (Entra ID says:"
        " AADSTS7000215: Invalid client secret provided.)"
    )

    write(secret_file, "second~secret")

    assert client_of(await sign_in.token(SCOPE)) == CLIENT


async def test_a_secret_of_a_few_letters_does_not_spoil_the_answer(
    start: Start, secret_file: Path
) -> None:
    write(secret_file, "e")

    with pytest.raises(Unauthenticated, match="the client secret is wrong"):
        await start(ClientSecret(APPLICATION, secret_file)).token(SCOPE)


async def test_regions_that_the_environment_forces_are_passed_over(
    start: Start, secret_file: Path, entra: FakeEntra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    monkeypatch.setenv("REGION_NAME", "westeurope")

    assert client_of(await start(ClientSecret(APPLICATION, secret_file)).token(SCOPE)) == CLIENT

    assert {request.url.host for request in entra.requests} == {"login.example"}
