import logging
from typing import Any

import pytest

from entra.aadsts import TokenAnswer, cleaned, error_from_answer
from entra.aadsts_codes import MEANINGS, STALE_ASSERTION, Class
from entra.errors import (
    EntraError,
    Invalid,
    Misconfigured,
    NotPropagated,
    Throttled,
    Trace,
    Transient,
    Unauthenticated,
    Unavailable,
)

PROPAGATING = {70021, 700211, 700212, 700213, 70025}
POLICY = {700222, 700223, 700238}
CONFIGURATION = {7002137, 7002138, 700016, 90002, 7000215, 900382} | POLICY
TRANSIENT = {90061, 501661}
OURS = {700024, 50027, 50013, 700027, 1002012}
DOCUMENTED = PROPAGATING | CONFIGURATION | TRANSIENT | OURS
"""Every code that a federated exchange is documented to end in."""

ASSERTION = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
DESCRIPTION = (
    "AADSTS700213: No matching federated identity record found for presented assertion subject"
    " 'system:serviceaccount:team:app'.\r\nTrace ID: 1f3d\r\nCorrelation ID: 77aa\r\n"
    "Timestamp: 2026-11-22 02:02:12Z"
)


def refused(code: int | None = None, /, status: int = 400, **body: Any) -> TokenAnswer:
    codes = {} if code is None else {"error_codes": [code]}
    return TokenAnswer(status, {}, {"error": "invalid_client", **codes, **body})


def error_for(code: int | None = None, /, status: int = 400, **body: Any) -> EntraError:
    return error_from_answer(refused(code, status, **body))


@pytest.mark.parametrize("code", sorted(DOCUMENTED))
def test_each_documented_code_is_in_the_class_that_its_documentation_gives(code: int) -> None:
    classes = {
        Class.PROPAGATING: PROPAGATING,
        Class.CONFIGURATION: CONFIGURATION,
        Class.TRANSIENT: TRANSIENT,
        Class.OURS: OURS,
    }
    assert [group for group, codes in classes.items() if code in codes] == [MEANINGS[code].group]


def test_the_documented_classes_do_not_overlap() -> None:
    assert len(DOCUMENTED) == sum(map(len, (PROPAGATING, CONFIGURATION, TRANSIENT, OURS)))


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_each_code_says_what_is_wrong_and_what_to_do(code: int) -> None:
    meaning = MEANINGS[code]
    text = str(error_for(code, error_description="x" * 1000))

    assert meaning.wrong in text
    assert meaning.remedy in text
    assert "\n" not in text
    assert len(text) < 900


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_the_class_of_a_code_agrees_with_the_error_that_it_is_raised_as(code: int) -> None:
    meaning = MEANINGS[code]

    assert issubclass(meaning.error, Transient) is (meaning.group is Class.TRANSIENT)
    assert type(error_for(code)) is meaning.error


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_only_what_propagates_is_not_final_when_a_credential_was_written_lately(code: int) -> None:
    error = error_from_answer(refused(code), written_lately=True)

    expected = NotPropagated if code in PROPAGATING else MEANINGS[code].error
    assert type(error) is expected


@pytest.mark.parametrize("code", sorted(PROPAGATING))
def test_at_any_other_time_what_propagates_is_a_matter_of_configuration(code: int) -> None:
    assert type(error_for(code)) is Misconfigured


def test_a_refusal_keeps_what_the_vendors_support_asks_for() -> None:
    error = error_for(
        700213, 401, error_description=DESCRIPTION, trace_id="1f3d", correlation_id="77aa"
    )

    assert error.trace == Trace("token", 401, "AADSTS700213", "1f3d", "77aa")
    assert "code AADSTS700213, request id 1f3d, correlation id 77aa" in str(error)


def test_without_ids_in_the_body_those_of_the_headers_stand() -> None:
    answer = TokenAnswer(
        400, {"x-ms-request-id": "1f3d", "client-request-id": "77aa"}, {"error": "invalid_client"}
    )

    assert error_from_answer(answer).trace == Trace("token", 400, "invalid_client", "1f3d", "77aa")


def test_a_refusal_quotes_the_subject_that_people_look_for_but_not_the_ids_twice() -> None:
    text = str(error_for(700213, error_description=DESCRIPTION, trace_id="1f3d"))

    assert "'system:serviceaccount:team:app'" in text
    assert text.count("1f3d") == 1
    assert "Timestamp" not in text


@pytest.mark.parametrize(
    "description",
    [
        f"The assertion {ASSERTION} is bad.",
        f"The assertion '{ASSERTION}' is bad.",
        f"{ASSERTION[:25]}",
        f"claims {ASSERTION.split('.')[1]}",
        f"AADSTS50027: {ASSERTION}\nmore",
    ],
)
def test_a_description_that_quotes_a_token_is_shown_without_it(
    description: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        error = error_for(50027, error_description=description)

    assert "eyJ" not in f"{error} {error!r} {error.message} {caplog.text}"
    assert "(token)" in str(error)


def test_a_description_is_one_line_of_bounded_length() -> None:
    text = cleaned("two\r\nlines " + "long " * 200)

    assert text.startswith("two lines long")
    assert len(text) == 250
    assert text.endswith("~")


def test_the_code_is_read_from_the_description_where_no_list_is_given() -> None:
    error = error_for(error_description="AADSTS7002138: No matching record. Trace ID: 1")

    assert error.trace.code == "AADSTS7002138"


def test_of_several_codes_the_one_that_is_understood_counts() -> None:
    answer = refused(error_codes=[99999901, 700024])

    assert error_from_answer(answer).trace.code == "AADSTS700024"


@pytest.mark.parametrize("listed", [None, [], ["700213"], [True], "700213", {"a": 1}, [1.5]])
def test_a_list_of_codes_that_is_none_is_passed_over(listed: object) -> None:
    error = error_for(error_codes=listed, error_description="AADSTS70025: none")

    assert error.trace.code == "AADSTS70025"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "temporarily_unavailable", Unavailable),
        (400, "invalid_client", Misconfigured),
        (401, "unauthorized_client", Misconfigured),
        (400, "invalid_resource", Misconfigured),
        (400, "invalid_scope", Invalid),
        (400, "invalid_request", Invalid),
        (400, "unheard_of", Invalid),
        (400, 17, Invalid),
        (408, "invalid_client", Unavailable),
        (429, "invalid_client", Throttled),
        (500, "invalid_client", Unavailable),
        (503, None, Unavailable),
    ],
)
def test_a_code_that_nobody_knows_is_read_by_the_oauth_error_and_the_status(
    status: int, error: object, kind: type[EntraError]
) -> None:
    found = error_for(99999901, status, error=error, error_description="AADSTS99999901: new")

    assert type(found) is kind
    assert "Entra ID gives no token: AADSTS99999901: new" in str(found)


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (500, Unavailable)])
def test_a_status_that_passes_by_itself_counts_more_than_the_code(
    status: int, kind: type[EntraError]
) -> None:
    assert type(error_for(700213, status)) is kind


def test_a_refusal_without_any_words_says_so() -> None:
    error = error_from_answer(TokenAnswer(400, {}, {}))

    assert error.message == "Entra ID gives no token: no reason is given"
    assert type(error) is Invalid


def test_the_wait_that_the_service_asks_for_is_kept() -> None:
    answer = TokenAnswer(429, {}, {"error": "x"}, retry_after=17.0)

    assert error_from_answer(answer).retry_after == 17.0


def test_secrets_that_are_refused_are_a_matter_of_our_own_sign_in() -> None:
    assert type(error_for(7000215)) is type(error_for(7000222)) is Unauthenticated


def test_an_answer_does_not_show_its_body() -> None:
    assert "s3cr3t" not in repr(TokenAnswer(200, {}, {"access_token": "s3cr3t"}))


def test_a_stale_assertion_is_among_what_is_ours() -> None:
    assert {MEANINGS[code].group for code in STALE_ASSERTION} == {Class.OURS}
