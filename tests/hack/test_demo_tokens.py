"""The token that the volume asks for, and how its claims are told."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hack.demo.api import Api
from hack.demo.errors import DemoFailed
from hack.demo.tokens import (
    Wish,
    checked_claims,
    duration,
    readable_claims,
    request_token,
    wish_of,
)
from tests.builders import a_pod

ISSUER = "https://issuer.example"
WISH = Wish("api://AzureADTokenExchange", 7200, "token/azure-identity-token")
NOW = 1795346914


def volume(name: str, **source: Any) -> dict[str, Any]:
    return {"name": name, "projected": {"sources": [{"serviceAccountToken": source}]}}


OURS = volume(
    "azure-workload-identity-reserved-token",
    audience=WISH.audience,
    expirationSeconds=WISH.seconds,
    path=WISH.path,
)


class Issuer(Api):
    """An API server's answers about tokens, without one."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.asked: list[tuple[str, Any]] = []

    def get(self, path: str) -> dict[str, Any]:
        published = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        answers: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {"issuer": ISSUER},
            "/openid/v1/jwks": {"keys": [{**published, "kid": "one", "alg": "RS256"}]},
        }
        return answers[path]

    def post(self, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((path, wanted))
        return {"status": {"token": "a.b.c"}}

    def token(self, kid: str = "one", **claims: Any) -> str:
        usual = {
            "iss": ISSUER,
            "aud": [WISH.audience],
            "sub": "system:serviceaccount:demo:workload-sa",
            "iat": NOW,
            "exp": 4102444800,
        }
        key: Any = claims.pop("key", self.key)
        return jwt.encode({**usual, **claims}, key, algorithm="RS256", headers={"kid": kid})


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def test_the_volume_of_ours_says_what_is_asked_for() -> None:
    other = volume("kube-api-access-x2b4c", expirationSeconds=3607, path="token")
    assert wish_of(a_pod(volumes=[other, OURS])) == WISH


def test_a_pod_without_the_volume_is_no_good() -> None:
    with pytest.raises(DemoFailed, match=r"expected one token in a volume .* found 0"):
        wish_of(a_pod())


def test_the_token_is_asked_for_as_the_kubelet_asks(issuer: Issuer) -> None:
    pod = a_pod(volumes=[OURS])
    pod["metadata"]["uid"] = "65c91de1"
    assert request_token(issuer, pod, WISH) == "a.b.c"
    path, asked = issuer.asked[-1]
    assert path == "/api/v1/namespaces/demo/serviceaccounts/workload-sa/token"
    assert asked["spec"] == {
        "audiences": ["api://AzureADTokenExchange"],
        "expirationSeconds": 7200,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "65c91de1"},
    }


def test_a_token_of_the_issuer_gives_its_claims(issuer: Issuer) -> None:
    assert checked_claims(issuer, issuer.token(jti="x"), WISH)["jti"] == "x"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://another.example"},
        {"aud": ["https://kubernetes.default.svc"]},
        {"exp": NOW - 86400 * 3650},
        {"kid": "two"},
        {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_token_that_entra_would_refuse_fails_the_demo(
    issuer: Issuer, wrong: dict[str, Any]
) -> None:
    token = issuer.token(**wrong)
    with pytest.raises(DemoFailed, match=r"expected a token of https://issuer\.example") as failed:
        checked_claims(issuer, token, WISH)
    assert token not in str(failed.value)


def test_claims_are_told_in_the_order_that_matters_with_times_as_dates() -> None:
    claims = {
        "jti": "99537c87",
        "aud": ["api://AzureADTokenExchange"],
        "exp": NOW + 5400,
        "iat": NOW,
        "iss": ISSUER,
        "another": True,
        "kubernetes.io": {"namespace": "demo", "pod": {"name": "web", "uid": "1"}},
        "sub": "system:serviceaccount:demo:workload-sa",
    }
    assert readable_claims(claims) == [
        ("iss", ISSUER),
        ("sub", "system:serviceaccount:demo:workload-sa"),
        ("aud", "api://AzureADTokenExchange"),
        ("iat", "1795346914  2026-11-22 11:28:34 UTC"),
        ("exp", "1795352314  2026-11-22 12:58:34 UTC, 1 h 30 min after iat"),
        ("kubernetes.io", "namespace demo"),
        ("kubernetes.io", "pod web, uid 1"),
        ("jti", "99537c87"),
        ("another", "True"),
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3600, "1 h"), (7200, "2 h"), (5400, "1 h 30 min"), (600, "10 min"), (3601, "3601 s")],
)
def test_durations_read_well(seconds: int, words: str) -> None:
    assert duration(seconds) == words
