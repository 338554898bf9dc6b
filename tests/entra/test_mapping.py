"""Every refusal of both services becomes one error, and every error has a refusal."""

import itertools

import pytest

from entra import errors
from entra.errors import (
    ConcurrentWrite,
    Denied,
    EntraError,
    Invalid,
    LimitReached,
    Misconfigured,
    NameTaken,
    NotFound,
    PairTaken,
    Throttled,
    Trace,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from entra.mapping import GRAPH, RESOURCE_MANAGER, RULES, Complaint, Rule, complaint, error_from

FACTS = [
    (GRAPH, 404, "Request_ResourceNotFound", "", NotFound),
    (GRAPH, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists.", NameTaken),
    (GRAPH, 403, "Authorization_RequestDenied", "Insufficient privileges.", Denied),
    (GRAPH, 400, "Request_BadRequest", "Invalid value.", Invalid),
    (GRAPH, 401, "InvalidAuthenticationToken", "Expired.", Unauthenticated),
    (GRAPH, 429, "TooManyRequests", "", Throttled),
    (GRAPH, 503, "serviceNotAvailable", "", Unavailable),
    (
        GRAPH,
        400,
        "InvalidFederatedIdentityCredentialValue",
        "The combination of issuer and subject must be unique for the application.",
        PairTaken,
    ),
    (GRAPH, 400, "InvalidFederatedIdentityCredentialValue", "The issuer is no URL.", Invalid),
    (
        RESOURCE_MANAGER,
        409,
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        "",
        ConcurrentWrite,
    ),
    (
        RESOURCE_MANAGER,
        400,
        "BadRequest",
        "Issuer and subject combination already exists for this Managed Identity.",
        PairTaken,
    ),
    (
        RESOURCE_MANAGER,
        409,
        "Conflict",
        "Issuer and subject combination already exists for this Managed Identity.",
        PairTaken,
    ),
    (RESOURCE_MANAGER, 409, "Conflict", "Concurrent write request.", ConcurrentWrite),
    (RESOURCE_MANAGER, 400, "BadRequest", "Name is invalid.", Invalid),
    (RESOURCE_MANAGER, 404, "ResourceNotFound", "", NotFound),
    (RESOURCE_MANAGER, 404, "ParentResourceNotFound", "", NotFound),
    (RESOURCE_MANAGER, 404, "ResourceGroupNotFound", "", NotFound),
    (RESOURCE_MANAGER, 404, "SubscriptionNotFound", "", NotFound),
    (RESOURCE_MANAGER, 403, "AuthorizationFailed", "", Denied),
    (RESOURCE_MANAGER, 405, "MethodNotAllowed", "", Unsupported),
    (RESOURCE_MANAGER, 429, "TooManyRequests", "", Throttled),
    (RESOURCE_MANAGER, 500, "InternalServerError", "", Unavailable),
    (RESOURCE_MANAGER, 409, "ScopeLocked", "", Denied),
    (RESOURCE_MANAGER, 409, "MissingSubscriptionRegistration", "", Misconfigured),
]


def refused(service: str, status: int, code: str, message: str = "No.") -> EntraError:
    return error_from("do it", Complaint(code, message), Trace(service, status, code))


@pytest.mark.parametrize(("service", "status", "code", "message", "kind"), FACTS)
def test_what_the_vendor_documents(
    service: str, status: int, code: str, message: str, kind: type[EntraError]
) -> None:
    assert type(refused(service, status, code, message)) is kind


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.service}-{rule.code}-{rule.says}")
def test_every_rule_is_reached(rule: Rule) -> None:
    error = refused(rule.service, 400, rule.code, rule.says.capitalize())
    assert type(error) is rule.error
    assert rule.advice in str(error)


def test_no_two_rules_are_about_the_same() -> None:
    keys = [(rule.service, rule.code.lower(), rule.says) for rule in RULES]
    assert sorted(keys) == sorted(set(keys))


def test_messages_decide_only_where_one_code_stands_for_several_things() -> None:
    """A rule that looks at the message has one for the same code, after it, that does not."""
    for index, rule in enumerate(RULES):
        if rule.says:
            later = [other for other in RULES[index:] if not other.says]
            assert (rule.service, rule.code) in {(one.service, one.code) for one in later}


def every_error() -> set[type[EntraError]]:
    found = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, EntraError)
    }
    return {kind for kind in found if not kind.__subclasses__()}


OF_OTHERS = {
    errors.Unreachable: "no answer came: entra.http",
    errors.NotPropagated: "the token endpoint, and conflicts that no read shows: entra.writer",
}


def test_every_error_of_the_tree_has_an_answer_that_leads_to_it() -> None:
    assert {rule.error for rule in RULES} == every_error() - set(OF_OTHERS)


@pytest.mark.parametrize(
    ("service", "status"), list(itertools.product((GRAPH, RESOURCE_MANAGER), range(300, 600)))
)
def test_every_status_ends_in_something_sensible(service: str, status: int) -> None:
    for code, message in (("", ""), ("NeverHeardOf", "No.")):
        error = refused(service, status, code, message)
        assert type(error) in every_error()
        if status >= 500 or status < 400:
            assert isinstance(error, Unavailable)
        assert not isinstance(error, errors.Conflict)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Unavailable),
        (400, Invalid),
        (401, Unauthenticated),
        (403, Denied),
        (404, NotFound),
        (405, Unsupported),
        (408, Unavailable),
        (409, ConcurrentWrite),
        (410, Invalid),
        (412, ConcurrentWrite),
        (413, Invalid),
        (429, Throttled),
        (500, Unavailable),
        (599, Unavailable),
    ],
)
def test_without_a_known_code_the_status_decides(status: int, kind: type[EntraError]) -> None:
    assert type(refused(GRAPH, status, "NeverHeardOf")) is kind


def test_codes_are_those_of_their_service() -> None:
    assert type(refused(GRAPH, 409, "ScopeLocked")) is ConcurrentWrite


def test_codes_are_known_in_any_letter_case() -> None:
    assert type(refused(RESOURCE_MANAGER, 409, "scopelocked")) is Denied


def test_a_message_says_what_was_asked_what_was_answered_and_what_to_do() -> None:
    trace = Trace(RESOURCE_MANAGER, 403, "AuthorizationFailed", "r-1", "c-1")
    told = Complaint("AuthorizationFailed", "The client 'x' does not have\n authorization.")
    error = error_from("list the credentials", told, trace, retry_after=3.0)
    assert str(error) == (
        "list the credentials: The client 'x' does not have authorization; grant"
        " Microsoft.ManagedIdentity/userAssignedIdentities/read and"
        " .../federatedIdentityCredentials/{read,write,delete} on the managed identity"
        " (status 403, code AuthorizationFailed, request id r-1, correlation id c-1)"
    )
    assert (error.retry_after, error.trace) == (3.0, trace)


def test_limits_reached_is_known_by_its_code_too() -> None:
    assert type(refused(GRAPH, 403, "Directory_QuotaExceeded")) is LimitReached


def test_a_token_in_the_services_words_is_left_out() -> None:
    message = "bad: eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0., and more"
    assert refused(GRAPH, 400, "BadRequest", message).message == "do it: bad: (a token), and more"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"code": "A", "message": "b"}}, Complaint("A", "b")),
        ({"error": {"code": 1, "message": None}}, Complaint()),
        ({"error": "invalid_request"}, Complaint()),
        ({"error": None}, Complaint()),
        ({}, Complaint()),
        (None, Complaint()),
    ],
)
def test_a_complaint_of_any_shape_can_be_read(
    body: dict[str, object] | None, expected: Complaint
) -> None:
    assert complaint(body) == expected
