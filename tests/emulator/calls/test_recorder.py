"""The outermost layer: ids, records, and what happens to an answer on its way out."""

import asyncio
import logging

import pytest

from emulator.calls.refusal import Surface
from tests.emulator.calls.desk import ID, Desk
from tests.emulator.conftest import Hands

SENT = "b0b0b0b0-1111-4222-8333-444455556666"


@pytest.mark.parametrize(
    ("surface", "own", "others"),
    [
        (Surface.GRAPH, "request-id", "client-request-id"),
        (Surface.TOKEN, "x-ms-request-id", "client-request-id"),
        (Surface.ARM, "x-ms-request-id", "x-ms-correlation-request-id"),
    ],
)
async def test_each_answer_has_an_id_of_ours_and_the_callers(
    hands: Hands, surface: Surface, own: str, others: str
) -> None:
    desk = Desk(hands, surface)
    answer = await desk.ask("x", headers={"x-ms-client-request-id": SENT})
    (call,) = desk.log.calls()
    assert (answer.headers[own], answer.headers[others]) == (call.ids.request, SENT)
    assert (call.ids.client, call.ids.request != SENT) == (SENT, True)


@pytest.mark.parametrize("sent", ["", "short", "x" * 65, "no blanks here", "umlaut-\xe4\xe4\xe4"])
async def test_an_id_of_the_caller_that_is_none_is_left_out(desk: Desk, sent: str) -> None:
    answer = await desk.ask("x", headers=[("client-request-id", sent.encode("latin-1"))])
    assert answer.headers["client-request-id"] == answer.headers["request-id"]


async def test_a_record_tells_what_was_asked_and_how_it_ended(desk: Desk, hands: Hands) -> None:
    desk.set(latencySeconds=2)
    await desk.ask("graph.get", params={"secret": "hidden"}, method="PUT")
    (call,) = desk.log.calls()
    assert (call.number, call.surface, call.method, call.path) == (
        1,
        Surface.GRAPH,
        "PUT",
        f"/v1.0/graph.get/{ID}",
    )
    assert (call.kind, call.identity, call.status, call.code) == ("graph.get", ID, 200, "")
    assert (call.began, call.seconds) == (hands.wall - 2, 2)


async def test_a_lost_answer_to_head_has_no_body(desk: Desk) -> None:
    desk.set(failures=[{"after": True}])
    answer = await desk.ask("x", method="HEAD")
    assert (answer.status_code, answer.content) == (503, b"")


async def test_a_lost_answer_says_how_long_to_wait(desk: Desk) -> None:
    desk.set(failures=[{"after": True, "status": 429, "retryAfter": 9}])
    assert (await desk.ask("x")).headers["retry-after"] == "9"


async def test_a_bug_is_a_500_in_the_services_shape_and_the_next_call_is_served(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.error = ZeroDivisionError("what")
    with caplog.at_level(logging.ERROR, "azwi.emulator"):
        answer = await desk.ask("x")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalServerError"
    assert "unexpected error at x" in caplog.text
    desk.error = None
    assert (await desk.ask("x")).status_code == 200


async def test_a_call_that_the_end_cuts_short_is_told(hands: Hands) -> None:
    desk = Desk(hands, Surface.TOKEN, under_way=asyncio.Event())
    asking = asyncio.create_task(desk.ask("token"))
    assert desk.under_way is not None
    await desk.under_way.wait()
    asking.cancel()
    answer = await asking
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert [call.status for call in desk.log.calls()] == [503]
