"""What is looked at in an assertion, strictly; what it says about itself is not believed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from emulator.calls.refusal import TokenRefusal
from emulator.tokens import assertions
from emulator.tokens.jws import LONGEST
from tests.emulator.tokens.conftest import Tokens, told, words
from tests.fakes.issuer import AUDIENCE, NAME, FakeIssuer, jwk, rsa_key


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsigned(header: Any, claims: Any, signature: bytes = b"none") -> str:
    return ".".join([encoded(header), encoded(claims), encoded(signature)])


async def test_a_federated_assertion_gets_a_token(tokens: Tokens) -> None:
    answer = await tokens.granted()
    assert answer.keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    [exchange] = tokens.world.exchanges.latest()
    assert (exchange.how, exchange.credential, exchange.aadsts) == ("federated", "cluster", None)


async def test_an_audience_may_be_a_text_or_one_of_a_list(tokens: Tokens) -> None:
    await tokens.granted(client_assertion=tokens.issuer.token(aud=AUDIENCE))
    await tokens.granted(client_assertion=tokens.issuer.token(aud=["https://other", AUDIENCE]))


HEADER = {"alg": "RS256", "kid": "key-1"}
CLAIMS = FakeIssuer(clock=lambda: 1_800_000_000.0).claims()
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000

MALFORMED: dict[str, tuple[str, str]] = {
    "no token": ("not-a-token", "it has not three parts"),
    "an encrypted one": ("a.b.c.d.e", "it has not three parts"),
    "letters beyond ASCII": ("ä.ö.ü", "it has characters that no token has"),
    "NUL": ("\0.\0.\0", "its header is not base64url"),
    "standard base64": ("e30+.e30/.e30", "its header is not base64url"),
    "blanks": (f"{encoded(HEADER)} .e30.e30", "its header is not base64url"),
    "a cut header": (f"{encoded(HEADER)[:-3]}.e30.e30", "its header is not JSON of one reading"),
    "a header that is a list": (unsigned([], CLAIMS), "its header is not a JSON object"),
    "a payload that is a text": (unsigned(HEADER, "x"), "its payload is not a JSON object"),
    "a payload in UTF-16": (
        unsigned(HEADER, json.dumps(CLAIMS).encode("utf-16")),
        "its payload is not JSON of one reading",
    ),
    "a broken signature": (
        f"{encoded(HEADER)}.{encoded(CLAIMS)}.!",
        "its signature is not base64url",
    ),
    "a claim twice": (
        unsigned(HEADER, b'{"sub":"a",' + json.dumps(CLAIMS).encode()[1:]),
        "its payload is not JSON of one reading",
    ),
    "a header field twice": (
        unsigned(b'{"alg":"none",' + json.dumps(HEADER).encode()[1:], CLAIMS),
        "its header is not JSON of one reading",
    ),
    "NaN": (
        unsigned(HEADER, b'{"exp":NaN,' + json.dumps(CLAIMS).encode()[1:]),
        "its payload is not JSON of one reading",
    ),
    "infinity": (
        unsigned(
            HEADER, json.dumps(CLAIMS | {"exp": 1}).encode().replace(b'"exp": 1', b'"exp":1e999')
        ),
        "its payload is not JSON of one reading",
    ),
    "half a surrogate": (
        unsigned(HEADER, CLAIMS | {"sub": "\ud800"}),
        "its payload is not JSON of one reading",
    ),
    "nested deep": (unsigned(HEADER, DEEP), "its payload is not JSON of one reading"),
    "too long": (
        unsigned(HEADER, CLAIMS | {"more": "x" * LONGEST}),
        f"it has more than {LONGEST} characters",
    ),
    "critical extensions": (
        unsigned(HEADER | {"crit": ["exp"]}, CLAIMS),
        "its header calls something critical, which is not understood here",
    ),
    "no algorithm": (unsigned({"kid": "key-1"}, CLAIMS), "it has no alg"),
    "no issuer": (unsigned(HEADER, CLAIMS | {"iss": None}), "it has no iss"),
    "an issuer that is a number": (unsigned(HEADER, CLAIMS | {"iss": 5}), "it has no iss"),
    "an empty subject": (unsigned(HEADER, CLAIMS | {"sub": ""}), "it has no sub"),
    "no audience": (unsigned(HEADER, CLAIMS | {"aud": []}), "it has no aud"),
    "an audience that is an object": (unsigned(HEADER, CLAIMS | {"aud": {}}), "it has no aud"),
    "an audience of numbers": (unsigned(HEADER, CLAIMS | {"aud": [1]}), "its aud is not of texts"),
    "no end": (
        unsigned(HEADER, {name: value for name, value in CLAIMS.items() if name != "exp"}),
        "it has no exp",
    ),
    "an end that is a text": (
        unsigned(HEADER, CLAIMS | {"exp": "1900000000"}),
        "its exp is not a number",
    ),
    "an end that is true": (unsigned(HEADER, CLAIMS | {"exp": True}), "its exp is not a number"),
    "an end that is null": (unsigned(HEADER, CLAIMS | {"exp": None}), "its exp is not a number"),
    "a beginning that is a list": (
        unsigned(HEADER, CLAIMS | {"nbf": [1]}),
        "its nbf is not a number",
    ),
    "a birth that is a text": (unsigned(HEADER, CLAIMS | {"iat": "x"}), "its iat is not a number"),
}


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_token_is_refused(tokens: Tokens, case: tuple[str, str]) -> None:
    assertion, why = case
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (400, "invalid_request", 50027)
    assert words(answer) == f"JWT token is invalid or malformed. Here: {why}."
    assert tokens.issuer.asked == []


async def test_a_token_without_a_signature_is_refused(tokens: Tokens) -> None:
    assertion = unsigned({"alg": "none", "kid": "key-1"}, tokens.issuer.claims(), b"")
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (400, "invalid_request", 5002738)
    assert words(answer) == "Invalid JWT token. 'none' is not a supported signature algorithm."


async def test_a_public_key_is_never_taken_for_a_shared_secret(tokens: Tokens) -> None:
    public = tokens.issuer.key().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encoded({'alg': 'HS256', 'kid': 'key-1'})}.{encoded(tokens.issuer.claims())}"
    signature = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
    answer = await tokens.ask(client_assertion=f"{signed}.{encoded(signature)}")
    assert told(answer) == (400, "invalid_request", 5002738)
    assert words(answer) == "Invalid JWT token. 'HS256' is not a supported signature algorithm."


@pytest.mark.parametrize("algorithm", ["ES256", "RS384", "RS512", "PS256", "rs256", "EdDSA"])
async def test_only_rs256_is_taken(tokens: Tokens, algorithm: str) -> None:
    if algorithm == "ES256":
        key: Any = ec.generate_private_key(ec.SECP256R1())
        assertion = jwt.encode(tokens.issuer.claims(), key, algorithm, {"kid": "key-1"})
    else:
        assertion = unsigned({"alg": algorithm, "kid": "key-1"}, tokens.issuer.claims())
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (400, "invalid_request", 5002738)


@pytest.mark.parametrize("kid", [None, "", 7])
async def test_a_token_that_names_no_key_is_refused(tokens: Tokens, kid: Any) -> None:
    assertion = unsigned({"alg": "RS256", "kid": kid}, tokens.issuer.claims())
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (400, "invalid_request", 5002723)


async def test_keys_that_a_token_brings_along_count_for_nothing(tokens: Tokens) -> None:
    stranger = rsa_key(77)
    header = {
        "kid": tokens.issuer.signing_kid,
        "jwk": jwk(stranger.public_key(), tokens.issuer.signing_kid),
        "jku": "https://stranger.test/keys",
        "x5u": "https://stranger.test/certificate",
        "x5c": ["MIIB"],
    }
    assertion = jwt.encode(tokens.issuer.claims(), stranger, "RS256", header)
    assert await tokens.refused(client_assertion=assertion) == (401, "invalid_client", 700027)
    asked = {url for url, _ in tokens.issuer.asked}
    assert asked == {f"{NAME}.well-known/openid-configuration", f"{NAME}openid/v1/jwks"}


async def test_a_changed_claim_breaks_the_signature(tokens: Tokens) -> None:
    header, _, signature = tokens.issuer.token(sub="system:serviceaccount:team:other").split(".")
    assertion = f"{header}.{encoded(tokens.issuer.claims())}.{signature}"
    assert await tokens.refused(client_assertion=assertion) == (401, "invalid_client", 700027)


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "http://openid.net/specs/jwt/1.0"])
async def test_a_token_may_say_that_it_is_one(tokens: Tokens, kind: str | None) -> None:
    await tokens.granted(client_assertion=tokens.issuer.token(header={"typ": kind}))


async def test_a_token_that_says_it_is_something_else_is_refused(tokens: Tokens) -> None:
    answer = await tokens.ask(client_assertion=tokens.issuer.token(header={"typ": "at+jwt"}))
    assert told(answer) == (400, "invalid_request", 5002727)
    assert words(answer) == (
        "Invalid JWT header type specified, must be 'JWT' or 'http://openid.net/specs/jwt/1.0'."
    )


async def test_padding_is_let_pass_as_azure_identity_sends_it(tokens: Tokens) -> None:
    parts = [{"alg": "RS256", "kid": tokens.issuer.signing_kid}, tokens.issuer.claims()]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    signature = tokens.issuer.key().sign(signed, PKCS1v15(), SHA256())
    assertion = signed + b"." + base64.urlsafe_b64encode(signature)
    assert b"=" in assertion
    await tokens.granted(client_assertion=assertion.decode())


@pytest.mark.parametrize("exp", [1e300, 2**63, 1_900_000_000.5])
async def test_an_end_far_away_is_an_end(tokens: Tokens, exp: float) -> None:
    await tokens.granted(client_assertion=tokens.issuer.token(exp=exp))


async def test_when_it_was_issued_does_not_matter(tokens: Tokens) -> None:
    await tokens.granted(client_assertion=tokens.issuer.token(iat=1_900_000_000, nbf=None))


def test_neither_token_nor_signature_is_in_a_repr_or_a_message() -> None:
    token = FakeIssuer().token()
    assert not any(part in repr(assertions.read(token)) for part in token.split("."))
    with pytest.raises(TokenRefusal) as refusal:
        assertions.read(token.replace(".", ":"))
    assert token[:20] not in f"{refusal.value.message}{refusal.value.__cause__}"


async def test_what_is_written_is_known_after_the_propagation_delay(tokens: Tokens) -> None:
    tokens.world.gate.set(
        tokens.world.gate.settings.model_copy(update={"propagation_seconds": 60.0})
    )
    directory = tokens.world.directory
    holder = directory.holder(tokens.form()["client_id"])
    assert holder is not None
    [credential] = directory.credentials(holder.key).values()
    directory.credentials(holder.key).put("cluster", credential, tokens.hands.steady)
    directory.credentials(holder.key).delete("cluster", tokens.hands.steady)
    await tokens.granted()  # its removal is not known yet either
    tokens.hands.advance(61)
    assert await tokens.refused() == (401, "invalid_client", 70025)
