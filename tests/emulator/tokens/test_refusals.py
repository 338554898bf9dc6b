"""What is refused, with Entra's status, OAuth error, code and words."""

import re
from typing import Any, NamedTuple

import httpx
import pytest

from emulator.tokens import assertions
from tests.emulator.tokens.conftest import (
    APP,
    BARE,
    BEARER,
    GRAPH,
    MANAGED,
    OTHER_TENANT,
    SECRET,
    TENANT,
    Tokens,
    told,
    words,
)
from tests.fakes.issuer import NAME, SUBJECT, FakeIssuer, Status

UNKNOWN = "99999999-9999-4999-8999-999999999999"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CHECK = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented"
    " assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)


async def test_a_refusal_has_entras_shape(tokens: Tokens) -> None:
    sent = {"client-request-id": "8f1f0a0e-11aa-4bbb-8ccc-0123456789ab"}
    answer = await tokens.http.post(
        f"/{TENANT}/oauth2/v2.0/token", data=tokens.form(client_id=UNKNOWN), headers=sent
    )
    body = answer.json()
    trace = body["trace_id"]
    assert UUID.fullmatch(trace)
    assert body == {
        "error": "unauthorized_client",
        "error_description": (
            f"AADSTS700016: Application with identifier '{UNKNOWN}' was not found in the directory"
            " 'Contoso'. This can happen if the application has not been installed by the"
            " administrator of the tenant or consented to by any user in the tenant. You may have"
            f" sent your authentication request to the wrong tenant. Trace ID: {trace} Correlation"
            " ID: 8f1f0a0e-11aa-4bbb-8ccc-0123456789ab Timestamp: 2027-01-15 08:00:00Z"
        ),
        "error_codes": [700016],
        "timestamp": "2027-01-15 08:00:00Z",
        "trace_id": trace,
        "correlation_id": "8f1f0a0e-11aa-4bbb-8ccc-0123456789ab",
        "error_uri": "https://login.microsoftonline.com/error?code=700016",
    }
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.headers["x-ms-request-id"] == trace


class Case(NamedTuple):
    changed: dict[str, Any]
    expected: tuple[int, str, int]
    words: str


REQUESTS: dict[str, Case] = {
    "no tenant of this id": Case(
        {"tenant": UNKNOWN},
        (400, "invalid_request", 90002),
        f"Tenant '{UNKNOWN}' not found. Check to make sure you have the correct tenant ID and are"
        " signing into the correct cloud. Check with your subscription administrator, this may"
        " happen if there are no active subscriptions for the tenant.",
    ),
    "a domain that nobody has": Case(
        {"tenant": "contoso.onmicrosoft.com"},
        (400, "invalid_request", 90002),
        "Tenant 'contoso.onmicrosoft.com' not found. Check to make sure you have the correct tenant"
        " ID and are signing into the correct cloud. Check with your subscription administrator,"
        " this may happen if there are no active subscriptions for the tenant.",
    ),
    "a name that no tenant can have": Case(
        {"tenant": "asdf"},
        (400, "invalid_request", 900023),
        "Specified tenant identifier 'asdf' is neither a valid DNS name, nor a valid external"
        " domain.",
    ),
    "common": Case(
        {"tenant": "common"},
        (400, "invalid_request", 50059),
        "No tenant-identifying information found in either the request or implied by any provided"
        " credentials.",
    ),
    "organizations, in any case": Case(
        {"tenant": "Organizations"},
        (400, "invalid_request", 50059),
        "No tenant-identifying information found in either the request or implied by any provided"
        " credentials.",
    ),
    "no grant type": Case(
        {"grant_type": None},
        (400, "invalid_request", 900144),
        "The request body must contain the following parameter: 'grant_type'.",
    ),
    "an empty grant type": Case(
        {"grant_type": ""},
        (400, "invalid_request", 900144),
        "The request body must contain the following parameter: 'grant_type'.",
    ),
    "another grant": Case(
        {"grant_type": "password"},
        (400, "unsupported_grant_type", 70003),
        "The app requested an unsupported grant type 'password'.",
    ),
    "no client": Case(
        {"client_id": None},
        (400, "invalid_request", 900144),
        "The request body must contain the following parameter: 'client_id'.",
    ),
    "an application of another tenant": Case(
        {"tenant": OTHER_TENANT},
        (400, "unauthorized_client", 700016),
        f"Application with identifier '{APP}' was not found in the directory '{OTHER_TENANT}'. This"
        " can happen if the application has not been installed by the administrator of the tenant"
        " or consented to by any user in the tenant. You may have sent your authentication request"
        " to the wrong tenant.",
    ),
    "no scope": Case(
        {"scope": None},
        (400, "invalid_request", 900144),
        "The request body must contain the following parameter: 'scope'.",
    ),
    "a scope without .default": Case(
        {"scope": "https://graph.microsoft.com/User.Read"},
        (400, "invalid_scope", 1002012),
        "The provided value for scope https://graph.microsoft.com/User.Read is not valid. Client"
        " credential flows must have a scope value with /.default suffixed to the resource"
        " identifier (application ID URI).",
    ),
    "scopes of two resources": Case(
        {"scope": f"{GRAPH} https://vault.azure.net/.default"},
        (400, "invalid_scope", 70011),
        "The provided value for the input parameter 'scope' is not valid. The scope"
        f" {GRAPH} https://vault.azure.net/.default is not valid.",
    ),
    "a scope of no resource": Case(
        {"scope": "/.default"},
        (400, "invalid_scope", 70011),
        "The provided value for the input parameter 'scope' is not valid. The scope /.default is"
        " not valid.",
    ),
    "an unknown resource": Case(
        {"scope": "api://nobody/.default"},
        (400, "invalid_resource", 500011),
        "The resource principal named api://nobody was not found in the tenant named Contoso. This"
        " can happen if the application has not been installed by the administrator of the tenant"
        " or consented to by any user in the tenant. You might have sent your authentication"
        " request to the wrong tenant.",
    ),
    "no proof": Case(
        {"client_assertion": None},
        (401, "invalid_client", 7000216),
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials'"
        " grant type.",
    ),
    "no type of the assertion": Case(
        {"client_assertion_type": None},
        (400, "invalid_request", 900144),
        "The request body must contain the following parameter: 'client_assertion_type'.",
    ),
    "another type of assertion": Case(
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        (400, "invalid_request", 9002313),
        "Invalid request. Request is malformed or invalid. client_assertion_type must be"
        f" '{BEARER}'.",
    ),
    "a wrong secret": Case(
        {"client_secret": "guessed"},
        (401, "invalid_client", 7000215),
        "Invalid client secret provided. Ensure the secret being sent in the request is the client"
        f" secret value, not the client secret ID, for a secret added to app '{APP}'.",
    ),
    "a secret of an application without one": Case(
        {"client_id": BARE, "client_secret": SECRET},
        (401, "invalid_client", 7000215),
        "Invalid client secret provided. Ensure the secret being sent in the request is the client"
        f" secret value, not the client secret ID, for a secret added to app '{BARE}'.",
    ),
    "a secret of a managed identity": Case(
        {"client_id": MANAGED, "client_secret": SECRET},
        (401, "invalid_client", 7000215),
        "Invalid client secret provided. Ensure the secret being sent in the request is the client"
        f" secret value, not the client secret ID, for a secret added to app '{MANAGED}'.",
    ),
    "an identity without credentials": Case(
        {"client_id": BARE},
        (401, "invalid_client", 70025),
        f"The client '{BARE}'(bare) has no configured federated identity credentials.",
    ),
}


@pytest.mark.parametrize("case", REQUESTS.values(), ids=REQUESTS)
async def test_a_request_is_refused(tokens: Tokens, case: Case) -> None:
    answer = await tokens.ask(**case.changed)
    assert (told(answer), words(answer)) == (case.expected, case.words)


def _unmatched(what: str, value: str) -> str:
    return (
        "No matching federated identity record found for presented assertion"
        f" {what} '{value}'. {CHECK}"
    )


ASSERTIONS: dict[str, Case] = {
    "another issuer": Case(
        {"iss": "https://other.test/"},
        (401, "invalid_client", 700211),
        _unmatched("issuer", "https://other.test/"),
    ),
    "the issuer without its slash": Case(
        {"iss": NAME.rstrip("/")},
        (401, "invalid_client", 700211),
        _unmatched("issuer", NAME.rstrip("/")),
    ),
    "the issuer in another case": Case(
        {"iss": NAME.replace("issuer", "Issuer")},
        (401, "invalid_client", 700211),
        _unmatched("issuer", NAME.replace("issuer", "Issuer")),
    ),
    "another audience": Case(
        {"aud": ["https://kubernetes.default.svc", "api://other"]},
        (401, "invalid_client", 700212),
        _unmatched("audience", "https://kubernetes.default.svc, api://other"),
    ),
    "the audience in another case": Case(
        {"aud": "api://azureadtokenexchange"},
        (401, "invalid_client", 700212),
        _unmatched("audience", "api://azureadtokenexchange"),
    ),
    "another subject": Case(
        {"sub": "system:serviceaccount:team:other"},
        (401, "invalid_client", 700213),
        _unmatched("subject", "system:serviceaccount:team:other"),
    ),
    "the subject in another case": Case(
        {"sub": "system:serviceaccount:Team:app"},
        (401, "invalid_client", 7002138),
        "No matching federated identity record found for presented assertion subject"
        " 'system:serviceaccount:Team:app'. The subject matches with case-insensitive comparison,"
        " but not with case-sensitive comparison. Check your federated identity credential"
        " Subject, Audience and Issuer against the presented assertion. See documentation at:"
        " https://learn.microsoft.com/entra/workload-id/workload-identity-federation. See breaking"
        " change notification and remediation at: https://learn.microsoft.com/en-us/entra/"
        "identity-platform/reference-breaking-changes#august-2024.",
    ),
    "its time is over": Case(
        {"exp": 1_800_000_000 - 301, "nbf": 1_800_000_000 - 900},
        (401, "invalid_client", 700024),
        "Client assertion is not within its valid time range. Current time:"
        " 2027-01-15T08:00:00.0000000Z, assertion valid from 2027-01-15T07:45:00.0000000Z, expiry"
        " time of assertion 2027-01-15T07:54:59.0000000Z. Review the documentation at"
        " https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    "its time has not come": Case(
        {"nbf": 1_800_000_000 + 301},
        (401, "invalid_client", 700024),
        "Client assertion is not within its valid time range. Current time:"
        " 2027-01-15T08:00:00.0000000Z, assertion valid from 2027-01-15T08:05:01.0000000Z, expiry"
        " time of assertion 2027-01-15T09:00:00.0000000Z. Review the documentation at"
        " https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    "no beginning, and over": Case(
        {"exp": 1_700_000_000, "nbf": None, "iat": None},
        (401, "invalid_client", 700024),
        "Client assertion is not within its valid time range. Current time:"
        " 2027-01-15T08:00:00.0000000Z, assertion valid from 1970-01-01T00:00:00.0000000Z, expiry"
        " time of assertion 2023-11-14T22:13:20.0000000Z. Review the documentation at"
        " https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
}


@pytest.mark.parametrize("case", ASSERTIONS.values(), ids=ASSERTIONS)
async def test_an_assertion_is_refused_before_its_issuer_is_asked(
    tokens: Tokens, case: Case
) -> None:
    answer = await tokens.ask(client_assertion=tokens.issuer.token(**case.changed))
    assert (told(answer), words(answer)) == (case.expected, case.words)
    assert tokens.issuer.asked == []


async def test_a_key_that_the_issuer_does_not_publish_is_refused(tokens: Tokens) -> None:
    kid = tokens.issuer.rotate()
    assertion = tokens.issuer.token()
    tokens.issuer.withdraw(kid)
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (401, "invalid_client", 7000272)
    assert words(answer) == (
        f"The certificate with identifier {kid} used to sign the federated credential could not be"
        f" found in the metadata of identity provider {NAME}. Please validate that your Identity"
        " Provider's metadata exposes the key used to sign the incoming token."
    )


async def test_a_signature_of_another_key_is_refused(tokens: Tokens) -> None:
    first = tokens.issuer.signing_kid
    tokens.issuer.rotate()
    answer = await tokens.ask(client_assertion=tokens.issuer.token(header={"kid": first}))
    assert told(answer) == (401, "invalid_client", 700027)
    assert words(answer) == (
        "Client assertion contains an invalid signature. [Reason - The provided signature value did"
        f" not match the expected signature value., Thumbprint of key used by client: '{first}']."
    )


async def test_an_issuer_that_cannot_be_fetched_is_told(tokens: Tokens) -> None:
    tokens.issuer.behave(Status(403))
    answer = await tokens.ask()
    assert told(answer) == (400, "invalid_request", 90061)
    assert words(answer) == (
        f"Request to External OIDC endpoint failed. Here: {NAME}.well-known/openid-configuration"
        " answers with status 403."
    )


async def test_a_discovery_document_of_another_issuer_is_told(tokens: Tokens) -> None:
    tokens.issuer.document["issuer"] = NAME.rstrip("/")
    answer = await tokens.ask()
    assert told(answer) == (400, "invalid_request", 501661)
    assert words(answer) == (
        "Request to External OIDC endpoint failed. Here: the discovery document at"
        f" {NAME.rstrip('/')} is for the issuer '{NAME.rstrip('/')}', not for '{NAME}'."
    )


@pytest.mark.parametrize(
    "own",
    [
        f"https://login.microsoftonline.com/{TENANT}/v2.0",
        f"https://sts.windows.net/{TENANT}/",
        f"https://emulator.test:8443/{TENANT}/v2.0",
    ],
)
async def test_tokens_of_entra_itself_are_refused_where_a_credential_names_their_issuer(
    tokens: Tokens, own: str
) -> None:
    assertion = tokens.issuer.token(iss=own)
    assert await tokens.refused(client_assertion=assertion) == (401, "invalid_client", 700211)
    directory = tokens.world.directory
    holder = directory.holder(APP)
    assert holder is not None
    [credential] = directory.credentials(holder.key).values()
    changed = type(credential)("id", "own", own, SUBJECT, credential.audiences)
    directory.credentials(holder.key).put("own", changed, tokens.hands.steady)
    answer = await tokens.ask(client_assertion=assertion)
    assert told(answer) == (401, "invalid_client", 700222)
    assert words(answer) == "AAD-issued tokens may not be used for federated identity flows."
    assert tokens.issuer.asked == []


async def test_an_application_whose_service_principal_is_gone_is_told_so(tokens: Tokens) -> None:
    principal = tokens.world.directory.principal(TENANT, APP)
    assert principal is not None
    tokens.world.directory.delete_principal(principal, tokens.hands.steady)
    answer = await tokens.ask()
    assert told(answer) == (401, "invalid_client", 7000229)
    assert words(answer) == (
        f"The client application {APP} is missing service principal in the tenant {TENANT}. See"
        " instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"
    )


async def test_a_resource_is_for_version_1_only(tokens: Tokens) -> None:
    answer = await tokens.ask(resource="https://graph.microsoft.com")
    assert told(answer) == (400, "invalid_request", 901002)
    assert words(answer) == "The 'resource' request parameter is not supported."


async def test_a_field_twice_is_refused(tokens: Tokens) -> None:
    answer = await _raw(tokens, b"client_id=a&scope=b&client_id=c")
    assert told(answer) == (400, "invalid_request", 9000411)
    assert words(answer) == (
        "The request is not properly formatted. The parameter 'client_id' is duplicated."
    )


@pytest.mark.parametrize(
    "body", [b"client_id=%ff", b"client_id=\xff\xfe", b"&".join(b"a%d=1" % n for n in range(101))]
)
async def test_a_body_that_is_no_form_is_refused(tokens: Tokens, body: bytes) -> None:
    answer = await _raw(tokens, body)
    assert told(answer) == (400, "invalid_request", 9002313)
    assert words(answer) == (
        "Invalid request. Request is malformed or invalid. The body can't be read as a form in"
        " UTF-8."
    )


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
async def test_what_does_not_come_as_a_form_has_no_fields(tokens: Tokens, kind: str) -> None:
    answer = await _raw(tokens, b"grant_type=client_credentials", kind)
    assert told(answer) == (400, "invalid_request", 900144)


async def test_a_body_beyond_a_megabyte_is_refused(tokens: Tokens) -> None:
    answer = await _raw(tokens, b"client_id=" + b"a" * (1 << 20))
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")


async def test_the_token_endpoint_takes_posts_only(tokens: Tokens) -> None:
    answer = await tokens.http.get(f"/{TENANT}/oauth2/v2.0/token")
    assert told(answer) == (405, "invalid_request", 900561)
    assert words(answer) == "The endpoint only accepts POST requests. Received a GET request."
    assert answer.headers["allow"] == "POST"


async def test_an_address_that_is_not_there_is_told_in_the_same_shape(tokens: Tokens) -> None:
    answer = await tokens.http.get(f"/{TENANT}/oauth2/v2.0/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "invalid_request")
    assert answer.json()["error_codes"] == []


async def test_what_a_caller_sends_is_repeated_up_to_a_limit(tokens: Tokens) -> None:
    answer = await tokens.ask(client_id="x" * 100_000)
    assert len(answer.content) < 3000


async def test_times_beyond_any_calendar_are_told(tokens: Tokens, issuer: FakeIssuer) -> None:
    answer = await tokens.ask(client_assertion=issuer.token(exp=-1e300, nbf=1e300))
    assert told(answer) == (401, "invalid_client", 700024)
    assert "valid from 9999-12-31T23:59:59.0000000Z" in words(answer)
    assert "expiry time of assertion 0001-01-01T00:00:00.0000000Z" in words(answer)


async def test_clocks_may_differ_by_five_minutes(tokens: Tokens, issuer: FakeIssuer) -> None:
    late = issuer.token(exp=1_800_000_000 - 300)
    early = issuer.token(nbf=1_800_000_000 + 300)
    assert assertions.SKEW == 300
    for assertion in (late, early):
        assert (await tokens.ask(client_assertion=assertion)).status_code == 200


async def _raw(
    tokens: Tokens, body: bytes, kind: str = "application/x-www-form-urlencoded"
) -> httpx.Response:
    headers = {"Content-Type": kind} if kind else {}
    return await tokens.http.post(f"/{TENANT}/oauth2/v2.0/token", content=body, headers=headers)
