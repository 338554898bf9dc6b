"""Nothing that is secret gets into a text: every way to sign in, against every kind of failure."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from entra.errors import EntraError
from entra.exchange import Exchanger
from entra.msal_transport import MsalTransport
from entra.pacing import Pace
from entra.retry import ONCE
from entra.sign_in import (
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignIn,
    SignInSettings,
    WorkloadIdentity,
)
from tests.entra.sign_in.test_certificate import Keys
from tests.entra.sign_in.ways import APPLICATION, SCOPE, write
from tests.fakes.entra_tokens import (
    CLIENT,
    Clock,
    Echo,
    Failure,
    FakeEntra,
    Refuse,
    account_token,
    msal_over,
)

SECRET = 'canary~"secret"&ä'
PASSWORD = "canary-password"
KEYS = Keys()

FAILURES: dict[str, Failure] = {
    "refused": Refuse(401, {"error": "invalid_client", "error_codes": [700213]}),
    "unknown": Refuse(400, {"error": "new", "error_description": "AADSTS1: new"}),
    "failed": Refuse(500, "<html>failed</html>"),
    "throttled": Refuse(429, {"error": "slow"}, {"Retry-After": "1"}),
    "no JSON": Refuse(200, "what"),
    "no token": Refuse(200, {"token_type": "Bearer"}),
    "no number": Refuse(200, {"access_token": "eyJcanary", "expires_in": "soon"}),
    "unsendable": Refuse(200, {"access_token": "eyJcanary two", "expires_in": 60}),
    "redirect": Refuse(302, "", {"location": "https://else.example/?eyJcanary"}),
    "down": httpx.ConnectError("down"),
    "cut": httpx.RemoteProtocolError("cut"),
    **{
        f"echo {status} {media}": Echo(status, media)
        for status in (200, 400, 401, 403, 429, 500, 503)
        for media in ("json", "html", "form")
    },
}

Ask = Callable[[], Awaitable[object]]


class Stage:
    """Everything that signs in or exchanges, over one fake."""

    def __init__(self, folder: Path, entra: FakeEntra, clock: Clock) -> None:
        entra.application(secret=SECRET)
        entra.federate()
        entra.trust(KEYS.certificate)
        entra.node_identities[None] = CLIENT
        self.entra = entra
        self.clock = clock
        token_file = write(folder / "token", account_token(clock))
        self.settings: dict[str, SignInSettings] = {
            "workload identity": WorkloadIdentity(APPLICATION, token_file),
            "secret": ClientSecret(APPLICATION, write(folder / "secret", SECRET)),
            "certificate": Certificate(
                APPLICATION,
                write(folder / "tls.crt", KEYS.certificate_pem),
                key_file=write(folder / "tls.key", KEYS.key_pem(PASSWORD.encode())),
                password_file=write(folder / "password", PASSWORD),
            ),
            "managed identity": ManagedIdentity(),
        }

    def ask(self, way: str, transport: MsalTransport) -> Ask:
        if way != "exchange":
            sign_in = SignIn(self.settings[way], transport, self.clock)
            assert str(sign_in)
            return lambda: sign_in.token(SCOPE)
        exchanger = Exchanger(transport, Pace(self.clock, self.clock.sleep), self.clock)
        return lambda: exchanger.exchange(
            APPLICATION, lambda: account_token(self.clock), SCOPE, policy=ONCE
        )


WAYS = ["workload identity", "secret", "certificate", "managed identity", "exchange"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    clock = Clock()
    return Stage(tmp_path, FakeEntra(clock), clock)


def told_by(records: list[logging.LogRecord]) -> str:
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(f"{formatter.format(record)} {record.__dict__}" for record in records)


def secrets_in(text: str) -> list[str]:
    key = KEYS.key_pem().decode().splitlines()[1]
    return [word for word in ("eyJ", "canary", key, "PRIVATE KEY") if word in text]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("way", WAYS)
async def test_no_failure_gets_a_secret_into_a_text(
    stage: Stage, way: str, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("GET", "POST"):
        stage.entra.fail(FAILURES[failure], method=method)
    texts = []

    with caplog.at_level(1):
        async with msal_over(stage.entra, stage.clock) as transport:
            for _ in range(2):  # the discovery document fails first, then the sign-in does
                try:
                    texts.append(repr(await stage.ask(way, transport)()))
                except EntraError as error:
                    texts += [str(error), repr(error), error.message, repr(error.trace)]
                    texts += traceback.format_exception(error)

    assert {record.name.partition(".")[0] for record in caplog.records} >= {"httpx", "msal"}
    assert secrets_in("\n".join(texts) + told_by(caplog.records)) == []


@pytest.mark.parametrize("way", WAYS)
async def test_no_success_does_either(
    stage: Stage, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(1):
        async with msal_over(stage.entra, stage.clock) as transport:
            text = repr(await stage.ask(way, transport)())

    assert secrets_in(text + told_by(caplog.records)) == []


def test_the_search_finds_what_it_looks_for() -> None:
    record = logging.LogRecord("x", 10, "", 1, "token %s", ("eyJcanary",), None)
    shown = KEYS.key_pem().decode()

    assert secrets_in(told_by([record]) + shown) == [
        "eyJ",
        "canary",
        shown.splitlines()[1],
        "PRIVATE KEY",
    ]
