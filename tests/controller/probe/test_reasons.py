"""Each error of a proof has a reason that stays, and words that say what to do."""

import re

import pytest

from controller.kube import errors as kube
from controller.probe.reasons import Account, no_token, not_probed, refused_by_entra
from controller.probe.verification import Result, Verification
from entra import errors as entra
from entra.aadsts import TokenAnswer, error_from_answer
from entra.aadsts_codes import MEANINGS, Class
from entra.exchange import Claims

ACCOUNT = Account("team", "app")
AT = 1_800_000_000.0
CAMEL_CASE = re.compile(r"[A-Z][A-Za-z]+")


def refusal(code: int, *, written_lately: bool = False, status: int = 400) -> Verification:
    body = {
        "error": "invalid_client",
        "error_codes": [code],
        "error_description": f"AADSTS{code}: Words. Trace ID: 1 Correlation ID: 2",
        "trace_id": "of the request",
    }
    answer = TokenAnswer(status, {}, body)
    return refused_by_entra(error_from_answer(answer, written_lately=written_lately), AT)


@pytest.mark.parametrize(
    ("code", "result", "reason"),
    [
        (700211, Result.REFUSED, "IssuerMismatch"),
        (700212, Result.REFUSED, "AudienceMismatch"),
        (700213, Result.REFUSED, "SubjectMismatch"),
        (7002138, Result.REFUSED, "SubjectCaseMismatch"),
        (70025, Result.REFUSED, "NoCredentials"),
        (70021, Result.REFUSED, "CredentialMismatch"),
        (700016, Result.REFUSED, "ApplicationNotFound"),
        (7000112, Result.REFUSED, "ApplicationDisabled"),
        (7000229, Result.REFUSED, "NoServicePrincipal"),
        (90002, Result.REFUSED, "TenantNotFound"),
        (90038, Result.REFUSED, "WrongCloud"),
        (500011, Result.REFUSED, "ResourceNotFound"),
        (700222, Result.REFUSED, "BlockedByPolicy"),
        (53003, Result.REFUSED, "BlockedByPolicy"),
        (700024, Result.REFUSED, "ClockOff"),
        (90061, Result.REFUSED, "IssuerUnreachable"),
        (7000272, Result.REFUSED, "SigningKeyUnknown"),
        (5002738, Result.REFUSED, "SigningAlgorithm"),
        (90033, Result.UNKNOWN, "EntraUnavailable"),
        (50196, Result.UNKNOWN, "EntraThrottled"),
        (9002313, Result.REFUSED, "RefusedByEntra"),
        (4242424, Result.REFUSED, "Misconfigured"),
    ],
)
def test_a_refusal_has_a_reason_by_its_code(code: int, result: Result, reason: str) -> None:
    found = refusal(code)
    assert (found.result, found.reason) == (result, reason)
    assert (found.code, found.request_id, found.at) == (f"AADSTS{code}", "of the request", AT)
    assert "of the request" not in found.message


@pytest.mark.parametrize("code", MEANINGS)
def test_every_code_has_a_reason_and_words(code: int) -> None:
    found = refusal(code)
    assert CAMEL_CASE.fullmatch(found.reason)
    assert MEANINGS[code].wrong in found.message
    assert MEANINGS[code].remedy in found.message


@pytest.mark.parametrize(
    "code", [code for code, meaning in MEANINGS.items() if meaning.group is Class.PROPAGATING]
)
def test_what_may_be_propagation_is_no_refusal_while_it_may(code: int) -> None:
    found = refusal(code, written_lately=True)
    assert (found.result, found.reason) == (Result.UNKNOWN, "NotPropagated")
    assert "a new credential takes up to 5 minutes to be known everywhere" in found.message
    assert refusal(code).result is Result.REFUSED


def test_a_failing_service_does_not_mean_what_it_says() -> None:
    found = refusal(700213, status=503)
    assert (found.result, found.reason) == (Result.UNKNOWN, "EntraUnavailable")


@pytest.mark.parametrize("kind", [kind for kind in vars(entra).values() if isinstance(kind, type)])
def test_every_error_of_entra_has_a_reason(kind: type) -> None:
    if not issubclass(kind, entra.EntraError):
        return
    found = refused_by_entra(kind("what happened"), AT)
    assert CAMEL_CASE.fullmatch(found.reason)
    expected = Result.UNKNOWN if issubclass(kind, entra.Transient) else Result.REFUSED
    assert found.result is expected
    assert found.message.startswith("what happened")


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (kube.NotFound, Result.REFUSED, "NoServiceAccount"),
        (kube.Forbidden, Result.REFUSED, "TokenRefused"),
        (kube.Invalid, Result.REFUSED, "TokenRefused"),
        (kube.Terminating, Result.UNKNOWN, "NamespaceTerminating"),
        (kube.Unreachable, Result.UNKNOWN, "ApiServerUnavailable"),
        (kube.NotServed, Result.UNKNOWN, "ApiServerUnavailable"),
        (kube.Unauthenticated, Result.UNKNOWN, "ApiServerUnavailable"),
        (kube.Changed, Result.UNKNOWN, "ApiServerUnavailable"),
    ],
)
def test_an_api_server_that_gives_no_token_has_a_reason(
    error: type[kube.KubeError], result: Result, reason: str
) -> None:
    found = no_token(error("POST ...: status: words of the API server"), ACCOUNT, AT)
    assert (found.result, found.reason, found.at) == (result, reason, AT)


def test_words_name_what_is_gone_and_repeat_the_api_server() -> None:
    gone = no_token(kube.Terminating("..."), ACCOUNT, AT).message
    assert gone == "the namespace team is being deleted: it gives no more tokens"
    busy = no_token(kube.Unavailable("POST ...: status 503: why"), ACCOUNT, AT).message
    assert busy == (
        "the API server gives no token of the ServiceAccount team/app now; it is asked again:"
        " POST ...: status 503: why"
    )


def test_who_may_not_ask_for_tokens_reads_what_to_grant() -> None:
    found = no_token(kube.Forbidden("POST ...: status 403 Forbidden: why"), ACCOUNT, AT)
    assert found.message == (
        "the controller may not ask for tokens of the ServiceAccount team/app; an administrator"
        " grants its own ServiceAccount, by a Role in the namespace team, verb create on"
        " serviceaccounts/token of the core API group, or looks which policy refuses it:"
        " POST ...: status 403 Forbidden: why"
    )


def test_a_namespace_that_is_not_probed_is_named() -> None:
    found = not_probed("kube-system", AT)
    assert (found.result, found.reason, found.status) == (Result.UNKNOWN, "NotProbed", "Unknown")
    assert "namespace kube-system" in found.message


def test_a_proof_is_told_as_the_status_has_it() -> None:
    found = Verification(
        Result.VERIFIED,
        "Verified",
        "words",
        AT,
        claims=Claims(aud="https://vault.example", tid="t", client_id="c", oid="o", exp=7),
    )
    assert found.status == "True"
    assert found.told() == {
        "at": "2027-01-15T08:00:00Z",
        "succeeded": True,
        "message": "words",
        "claims": {
            "aud": "https://vault.example",
            "tid": "t",
            "clientId": "c",
            "oid": "o",
            "exp": 7,
        },
    }


def test_a_refusal_is_told_with_its_code_and_request() -> None:
    found = refusal(700213)
    assert found.status == "False"
    assert found.told() == {
        "at": "2027-01-15T08:00:00Z",
        "succeeded": False,
        "code": "AADSTS700213",
        "message": found.message,
        "requestId": "of the request",
    }
