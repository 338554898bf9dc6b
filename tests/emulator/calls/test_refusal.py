"""Whose a path is, and how each service words a refusal."""

import pytest

from emulator.calls.refusal import (
    AdminRefusal,
    Ids,
    Refusal,
    Surface,
    TokenRefusal,
    retry_after,
    worded,
)
from identity.faults import Fault

IDS = Ids("the-request", "the-client")
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("path", "surface"),
    [
        ("/v1.0/applications", Surface.GRAPH),
        ("/BETA/applications", Surface.GRAPH),
        ("/Subscriptions/x", Surface.ARM),
        ("/providers/Microsoft.Authorization", Surface.ARM),
        ("/_admin/requests", Surface.ADMIN),
        ("/", Surface.ADMIN),
        ("/healthz", Surface.ADMIN),
        ("/metadata/identity", Surface.IMDS),
        ("/contoso/oauth2/v2.0/token", Surface.TOKEN),
        ("//contoso/oauth2/v2.0/token", Surface.TOKEN),
        ("", Surface.TOKEN),
        ("*", Surface.TOKEN),
    ],
)
def test_every_path_is_somebodys(path: str, surface: Surface) -> None:
    assert Surface.of(path) is surface


def test_graph_tells_ids_and_date() -> None:
    answer = worded(Surface.GRAPH, Refusal(404, "Request_ResourceNotFound", "No."), IDS, NOW)
    assert (answer.status, answer.body) == (
        404,
        {
            "error": {
                "code": "Request_ResourceNotFound",
                "message": "No.",
                "innerError": {
                    "date": "2027-01-15T08:00:00",
                    "request-id": "the-request",
                    "client-request-id": "the-client",
                },
            }
        },
    )


def test_the_token_endpoint_tells_its_number_and_traces() -> None:
    answer = worded(Surface.TOKEN, TokenRefusal(401, "invalid_client", 70025, "No."), IDS, NOW)
    assert answer.body == {
        "error": "invalid_client",
        "error_description": (
            "AADSTS70025: No. Trace ID: the-request Correlation ID: the-client"
            " Timestamp: 2027-01-15 08:00:00Z"
        ),
        "error_codes": [70025],
        "timestamp": "2027-01-15 08:00:00Z",
        "trace_id": "the-request",
        "correlation_id": "the-client",
        "error_uri": "https://login.microsoftonline.com/error?code=70025",
    }


def test_a_token_refusal_without_a_number_has_no_page() -> None:
    body = worded(Surface.TOKEN, Refusal(503, "temporarily_unavailable", "No."), IDS, NOW).body
    assert (body["error_codes"], "error_uri" in body) == ([], False)


def test_the_admin_api_names_all_faults() -> None:
    refusal = AdminRefusal(
        400, "InvalidBody", "Two.", [Fault("a.b", "1", "2"), Fault("c", None, "d")]
    )
    assert worded(Surface.ADMIN, refusal, IDS, NOW).body == {
        "error": {
            "code": "InvalidBody",
            "message": "Two.",
            "faults": [
                {"where": "a.b", "message": 'a.b: "1" is not valid; expected 2'},
                {"where": "c", "message": "c: d"},
            ],
        }
    }


def test_waiting_is_asked_for_in_whole_seconds() -> None:
    assert [retry_after(seconds)["Retry-After"] for seconds in (0, 0.2, 3, 3.01)] == [
        "0",
        "1",
        "3",
        "4",
    ]
