"""How a client proves who it is, besides by a federated assertion: secrets and certificates."""

import base64
import dataclasses
from collections.abc import Callable
from urllib.parse import quote_plus

import httpx
import pytest
from cryptography.hazmat.primitives import hashes

from emulator.directory import Application, Secret
from tests.emulator.conftest import Hands, Json
from tests.emulator.tokens.certificates import ClientCertificate, client_certificate
from tests.emulator.tokens.conftest import (
    APP,
    BARE,
    GRAPH,
    MANAGED,
    OTHER_TENANT,
    SECRET,
    TENANT,
    Tokens,
    told,
    words,
)

ENDPOINT = f"https://emulator.test:8443/{TENANT}/oauth2/v2.0/token"


async def test_a_secret_gets_a_token(tokens: Tokens) -> None:
    await tokens.granted(client_secret=SECRET)
    [exchange] = tokens.world.exchanges.latest()
    assert (exchange.how, exchange.client_id, exchange.aadsts) == ("secret", APP, None)


def with_secrets(tokens: Tokens, *secrets: Secret) -> None:
    directory = tokens.world.directory
    found = directory.application(APP)
    assert isinstance(found, Application)
    directory.put_application(dataclasses.replace(found, secrets=secrets), tokens.hands.steady)


async def test_each_of_several_secrets_gets_a_token(tokens: Tokens) -> None:
    with_secrets(tokens, Secret("1", "one"), Secret("2", "two"))
    await tokens.granted(client_secret="one")
    await tokens.granted(client_secret="two")


async def test_a_secret_ends(tokens: Tokens) -> None:
    with_secrets(tokens, Secret("1", "one", ends=tokens.hands.wall), Secret("2", "two"))
    await tokens.granted(client_secret="one")
    tokens.hands.advance(1)
    await tokens.granted(client_secret="two")
    answer = await tokens.ask(client_secret="one")
    assert told(answer) == (401, "invalid_client", 7000222)
    assert words(answer) == (
        f"The provided client secret keys for app '{APP}' are expired. Visit the Azure portal to"
        " create new keys for your app: https://aka.ms/NewClientSecret, or consider using"
        " certificate credentials for added security: https://aka.ms/certCreds."
    )


async def test_a_secret_that_was_renewed_under_the_same_text_counts(tokens: Tokens) -> None:
    with_secrets(tokens, Secret("1", "one", ends=1.0), Secret("2", "one"))
    await tokens.granted(client_secret="one")


async def test_a_secret_may_hold_any_characters(tokens: Tokens) -> None:
    secret = "ü+ %&=\0:~"
    with_secrets(tokens, Secret("1", secret))
    await tokens.granted(client_secret=secret)


async def by_header(tokens: Tokens, header: str, **changed: str | None) -> httpx.Response:
    form = tokens.form(client_secret=None, client_assertion=None, **changed)
    return await tokens.http.post(ENDPOINT, data=form, headers={"Authorization": header})


def basic(name: str, secret: str) -> str:
    text = f"{quote_plus(name)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_name_and_secret_may_come_in_a_header(tokens: Tokens) -> None:
    with_secrets(tokens, Secret("1", "a+b:c/d%"))
    answer = await by_header(tokens, basic(APP, "a+b:c/d%"), client_id=None)
    assert answer.status_code == 200


async def test_a_wrong_secret_in_a_header_is_refused(tokens: Tokens) -> None:
    answer = await by_header(tokens, basic(APP, "guessed"), client_id=None)
    assert told(answer) == (401, "invalid_client", 7000215)


async def test_what_stands_in_the_form_goes_before_the_header(tokens: Tokens) -> None:
    answer = await by_header(tokens, basic(APP, SECRET), client_id=BARE)
    assert told(answer) == (401, "invalid_client", 7000215)
    assert f"'{BARE}'" in words(answer)


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /w==", "Bearer e30", ""])
async def test_a_header_that_says_nothing_counts_as_none(tokens: Tokens, header: str) -> None:
    answer = await by_header(tokens, header, client_id=None)
    assert told(answer) == (400, "invalid_request", 900144)


Sign = Callable[..., str]


@pytest.fixture
def sign(certificate: ClientCertificate, hands: Hands) -> Sign:
    def assertion(**changed: object) -> str:
        values = {"client": APP, "audience": ENDPOINT, "now": hands.wall} | changed
        return certificate.assertion(**values)  # type: ignore[arg-type]

    return assertion


async def test_a_certificate_gets_a_token(tokens: Tokens, sign: Sign) -> None:
    await tokens.granted(client_assertion=sign())
    [exchange] = tokens.world.exchanges.latest()
    assert (exchange.how, exchange.issuer, exchange.aadsts) == ("certificate", APP, None)
    assert tokens.issuer.asked == []


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
@pytest.mark.parametrize("name", ["x5t", "x5t#S256"])
async def test_a_certificate_is_named_by_a_thumbprint(
    tokens: Tokens, sign: Sign, certificate: ClientCertificate, algorithm: str, name: str
) -> None:
    digest = certificate.thumbprint(hashes.SHA1() if name == "x5t" else hashes.SHA256())
    padded = base64.urlsafe_b64encode(digest).decode()
    for text in (padded, padded.rstrip("=")):
        await tokens.granted(client_assertion=sign(algorithm=algorithm, headers={name: text}))


async def test_a_certificate_may_be_named_by_its_thumbprint_as_the_portal_shows_it(
    tokens: Tokens, sign: Sign, certificate: ClientCertificate
) -> None:
    kid = certificate.thumbprint(hashes.SHA1()).hex().upper()
    await tokens.granted(client_assertion=sign(headers={"kid": kid}))


@pytest.mark.parametrize(
    "audience",
    [
        f"https://emulator.test:8443/{TENANT}/v2.0",
        f"https://emulator.test:8443/{TENANT}/v2.0/",
        f"https://localhost:8443/{TENANT}/oauth2/v2.0/token",
        f"https://emulator.test:8443/{TENANT.upper()}/oauth2/token",
    ],
)
async def test_a_certificates_assertion_is_for_the_token_service_by_any_of_its_names(
    tokens: Tokens, sign: Sign, audience: str
) -> None:
    await tokens.granted(client_assertion=sign(audience=audience))


@pytest.mark.parametrize(
    "audience",
    [
        f"https://emulator.test:8443/{OTHER_TENANT}/oauth2/v2.0/token",
        f"http://emulator.test:8443/{TENANT}/oauth2/v2.0/token",
        "https://emulator.test:8443/",
        "https://[bad",
        "api://AzureADTokenExchange",
    ],
)
async def test_a_certificates_assertion_for_another_place_is_refused(
    tokens: Tokens, sign: Sign, audience: str
) -> None:
    answer = await tokens.ask(client_assertion=sign(audience=audience))
    assert told(answer) == (401, "invalid_client", 700023)
    assert words(answer).startswith("Client assertion audience claim does not match Realm issuer.")


async def test_a_certificates_assertion_of_another_client_is_refused(
    tokens: Tokens, sign: Sign
) -> None:
    answer = await tokens.ask(client_assertion=sign(client=BARE))
    assert told(answer) == (401, "invalid_client", 700021)


async def test_a_certificates_assertion_is_about_its_own_client(tokens: Tokens, sign: Sign) -> None:
    answer = await tokens.ask(client_assertion=sign(sub=BARE))
    assert told(answer) == (401, "invalid_client", 50048)
    assert words(answer).startswith("Subject must match the issuer claim in the client assertion.")


async def test_a_certificate_that_is_not_registered_is_refused(
    tokens: Tokens, hands: Hands
) -> None:
    other = client_certificate(hands.wall, key=102)
    assertion = other.assertion(client=APP, audience=ENDPOINT, now=hands.wall)
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (401, "invalid_client", 700027)
    thumbprint = other.thumbprint(hashes.SHA256()).hex().upper()
    assert words(answer) == (
        "The certificate with identifier used to sign the client assertion is not registered on"
        f" application. [Reason - The key was not found., Thumbprint of key used by client:"
        f" '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph"
        f" to see configured keys for app Id '{APP}']."
    )


async def test_a_managed_identity_has_no_certificate(tokens: Tokens, sign: Sign) -> None:
    answer = await tokens.ask(client_id=MANAGED, client_assertion=sign(client=MANAGED))
    assert told(answer) == (401, "invalid_client", 700027)


async def test_a_certificate_is_not_enough_without_its_key(
    tokens: Tokens, certificate: ClientCertificate, hands: Hands
) -> None:
    other = client_certificate(hands.wall, key=103)
    assertion = other.assertion(
        client=APP, audience=ENDPOINT, now=hands.wall, headers=certificate.headers()
    )
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (401, "invalid_client", 700027)
    assert words(answer).startswith("Client assertion contains an invalid signature. [Reason - The")
    assert "Found key 'Start=01/14/2027 08:00:00, End=01/15/2028 08:00:00'" in words(answer)


async def test_a_certificate_ends(
    make_tokens: Callable[[Json], Tokens], hands: Hands, sign: Sign
) -> None:
    tokens = make_tokens({})
    hands.advance(366 * 86400)
    answer = await tokens.ask(client_assertion=sign(now=hands.wall))
    assert told(answer) == (401, "invalid_client", 700027)
    assert words(answer).startswith(
        "The certificate with identifier used to sign the client assertion is expired on"
        " application. [Reason - The key used is expired., Thumbprint of key used by client: '"
    )


async def test_a_certificates_assertion_has_its_time(tokens: Tokens, sign: Sign) -> None:
    assertion = sign()
    tokens.hands.advance(600 + 301)
    assert await tokens.refused(client_assertion=assertion) == (401, "invalid_client", 700024)


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        ({}, 5002723),
        ({"kid": "not hexadecimal"}, 5002723),
        ({"x5t": "!"}, 50027),
        ({"x5t#S256": "AAAA"}, 700027),
    ],
)
async def test_a_certificates_assertion_must_name_it(
    tokens: Tokens, sign: Sign, headers: dict[str, str], number: int
) -> None:
    answer = await tokens.ask(client_assertion=sign(headers=headers))
    assert answer.json()["error_codes"] == [number]


async def test_a_certificates_assertion_is_signed_by_rs256_or_ps256(
    tokens: Tokens, sign: Sign
) -> None:
    answer = await tokens.ask(client_assertion=sign(algorithm="RS512"))
    assert told(answer) == (400, "invalid_request", 5002738)


async def test_an_application_may_have_several_certificates(
    make_tokens: Callable[[Json], Tokens], hands: Hands, sign: Sign, certificate: ClientCertificate
) -> None:
    other = client_certificate(hands.wall, key=104)
    application = {
        "appId": APP,
        "displayName": "payments",
        "tenant": TENANT,
        "certificate": other.key_pem + other.pem + certificate.pem,
    }
    tokens = make_tokens({"applications": [application]})
    for assertion in (sign(), other.assertion(client=APP, audience=ENDPOINT, now=hands.wall)):
        await tokens.granted(client_assertion=assertion)
    found = tokens.world.directory.application(APP)
    assert found is not None
    assert "PRIVATE KEY" not in "".join(found.certificates)


async def test_an_assertion_goes_before_a_secret(tokens: Tokens) -> None:
    answer = await tokens.http.post(
        ENDPOINT, data=tokens.form(client_assertion="bad", client_secret=SECRET, scope=GRAPH)
    )
    assert told(answer) == (400, "invalid_request", 50027)
