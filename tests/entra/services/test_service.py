"""A service is asked with a token, within the budget, and again where that may help."""

import re
from dataclasses import replace

import httpx
import pytest

from entra.budget import Budget
from entra.errors import (
    Denied,
    EntraError,
    NotFound,
    Throttled,
    Trace,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from entra.http import Http
from entra.rates import PUBLISHED, Action, Cost, Limit, Rate
from entra.service import GRAPH_DIALECT, RESOURCE_MANAGER_DIALECT, Call, Means, Service
from entra.tokens import AccessToken
from tests.fakes.entra_services import (
    GRAPH,
    RESOURCE_MANAGER,
    TENANT,
    Fails,
    FakeServices,
    FakeTokens,
    answer,
    breaks,
    refusal,
)
from tests.fakes.virtual_time import elapsed, virtual_pace

SCOPE = f"{GRAPH}/.default"


class Bench:
    """Graph, and an application of it."""

    def __init__(self) -> None:
        self.services = FakeServices()
        self.tokens = FakeTokens()
        self.budget = Budget(virtual_pace())
        self.writes_begun = 0
        self.means = Means(
            Http(self.services),
            self.tokens,
            self.budget,
            pace=virtual_pace(),
            before_write=self.count,
        )
        self.graph = Service(GRAPH_DIALECT, GRAPH, SCOPE, self.means)
        self.app = self.services.application("billing")
        self.path = f"/v1.0/applications(appId='{self.app.client_id}')/federatedIdentityCredentials"

    def count(self) -> None:
        self.writes_begun += 1

    def listing(self) -> Call:
        return Call("list them", "GET", self.path, PUBLISHED.graph(Action.LIST, TENANT))

    def deletion(self) -> Call:
        cost = PUBLISHED.graph(Action.DELETE, TENANT)
        return Call("delete it", "DELETE", f"{self.path}/name", cost)

    async def names(self) -> list[str]:
        return [item["name"] async for item in self.graph.pages(self.listing())]

    def add(self, number: int) -> None:
        for index in range(number):
            self.services.put(self.app, f"name-{index}", "https://i.example", f"subject-{index}")


async def test_a_call_carries_a_token_and_an_id_of_its_own() -> None:
    bench = Bench()
    for _ in range(2):
        await bench.graph.ask(bench.listing())
    first, second = bench.services.requests
    assert first.headers["authorization"] == f"Bearer token-1-for-{SCOPE}"
    assert first.headers["client-request-id"] != second.headers["client-request-id"]
    assert first.headers["return-client-request-id"] == "true"
    assert bench.tokens.sign_ins == {SCOPE: 1}


async def test_resource_manager_has_its_own_name_for_the_id() -> None:
    bench = Bench()
    arm = Service(
        RESOURCE_MANAGER_DIALECT, RESOURCE_MANAGER, f"{RESOURCE_MANAGER}/.default", bench.means
    )
    await arm.ask(bench.listing())
    assert "x-ms-client-request-id" in bench.services.requests[0].headers


@pytest.mark.parametrize(
    ("fails", "kind"),
    [
        (refusal(429, "TooManyRequests"), Throttled),
        (refusal(503, "serviceNotAvailable"), Unavailable),
        (answer(429, b"slow down"), Throttled),
        (answer(502, b"<html>"), Unavailable),
        (answer(200, b"<html>sign in to the hotel's network</html>"), Unavailable),
        (breaks(httpx.ReadError("broke")), Unreachable),
    ],
)
async def test_what_passes_is_asked_again_with_another_id(
    fails: Fails, kind: type[EntraError]
) -> None:
    bench = Bench()
    bench.add(1)
    bench.services.fail("GET", fails, times=2)
    assert await bench.names() == ["name-0"]
    assert len({request.headers["client-request-id"] for request in bench.services.requests}) == 3
    bench.services.fail("GET", fails, times=1000)
    with pytest.raises(kind):
        await bench.names()


async def test_each_try_is_paid_from_the_budget() -> None:
    bench = Bench()
    bench.services.fail("GET", refusal(503), times=2)
    await bench.names()
    assert bench.budget.calls == {"graph list": 3}


async def test_waiting_in_our_own_line_takes_nothing_from_the_patience() -> None:
    bench = Bench()
    bench.services.fail("GET", refusal(503), times=3)
    rare = Cost("rare", (Limit("key", Rate(per_second=0.001, burst=1.0)),))
    await bench.graph.ask(replace(bench.listing(), cost=rare))
    assert elapsed() == pytest.approx(3000.0)


async def test_a_service_that_asks_for_patience_gets_it() -> None:
    bench = Bench()
    bench.services.fail("GET", answer(429, b"slow down", Retry_After="9"))
    await bench.names()
    assert 9.0 <= elapsed() < 10.0


async def test_a_refusal_keeps_the_ids_that_the_support_asks_for() -> None:
    bench = Bench()
    ids = {"request_id": "of the service", "client_request_id": "of both"}
    bench.services.fail("GET", refusal(403, "Authorization_RequestDenied", "No right.", **ids))
    with pytest.raises(Denied) as caught:
        await bench.names()
    assert caught.value.trace == Trace(
        "graph", 403, "Authorization_RequestDenied", "of the service", "of both"
    )
    assert caught.value.message == "list them: No right"


async def test_a_service_that_names_no_id_is_asked_about_ours() -> None:
    bench = Bench()
    bench.services.fail("GET", refusal(403, "Authorization_RequestDenied"))
    with pytest.raises(Denied) as caught:
        await bench.names()
    sent = bench.services.requests[0].headers["client-request-id"]
    assert caught.value.trace.correlation_id == sent


async def test_without_an_answer_there_is_our_own_id() -> None:
    bench = Bench()
    bench.services.fail("GET", breaks(httpx.ReadError("broke")), times=1000)
    with pytest.raises(Unreachable) as caught:
        await bench.names()
    sent = bench.services.requests[-1].headers["client-request-id"]
    assert caught.value.trace == Trace("graph", correlation_id=sent)


async def test_a_token_that_is_not_accepted_is_replaced_once() -> None:
    bench = Bench()
    bench.services.refused_tokens = {f"token-1-for-{SCOPE}"}
    assert await bench.names() == []
    assert (bench.tokens.sign_ins, bench.tokens.forgotten) == ({SCOPE: 2}, 1)


async def test_a_second_token_that_is_not_accepted_ends_it() -> None:
    bench = Bench()
    bench.services.fail("GET", refusal(401, "InvalidAuthenticationToken"), times=1000)
    with pytest.raises(Unauthenticated) as caught:
        await bench.names()
    assert len(bench.services.requests) == 2
    assert "check how this program signs in" in str(caught.value)


async def test_an_error_of_signing_in_is_told_as_it_is() -> None:
    bench = Bench()

    async def refuse(scope: str) -> AccessToken:
        raise Denied("no token for you")

    bench.tokens.token = refuse  # type: ignore[method-assign]
    with pytest.raises(Denied, match="no token for you"):
        await bench.names()


@pytest.mark.parametrize("value", ["", "two words", "line\r\nX-Header: 1", "sécret"])
async def test_a_token_that_no_header_can_carry_is_not_sent(value: str) -> None:
    bench = Bench()
    bench.tokens.kept[SCOPE] = AccessToken(value, 1e10)
    with pytest.raises(Unauthenticated) as caught:
        await bench.names()
    assert bench.services.requests == []
    assert not value or value not in str(caught.value)


async def test_no_token_of_the_service_s_words_gets_into_a_message() -> None:
    bench = Bench()
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    bench.services.fail("GET", refusal(400, "BadRequest", f"IDX14100: {token} is bad"))
    with pytest.raises(EntraError) as caught:
        await bench.names()
    assert caught.value.message == "list them: IDX14100: (a token) is bad"


async def test_pages_are_followed_to_the_end() -> None:
    bench = Bench()
    bench.add(17)
    bench.services.page_size = 5
    assert await bench.names() == [f"name-{index}" for index in range(17)]
    assert len(bench.services.requests) == 4
    assert bench.budget.calls == {"graph list": 4}


async def test_a_page_is_asked_for_again() -> None:
    bench = Bench()
    bench.add(17)
    bench.services.page_size = 5
    bench.services.fail("GET", refusal(503), times=1)
    bench.services.fail("GET", breaks(httpx.ReadTimeout("late")), times=1)
    assert len(await bench.names()) == 17


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1.0/next",
        "http://graph.example/v1.0/next",
        "https://graph.example:8443/v1.0/next",
        "https://graph.example.evil.example/next",
        "https://graph.example@evil.example/next",
        "https://user@graph.example/next",
        "/v1.0/next",
        "//evil.example/next",
        "https://graph.example:99999/",
        17,
    ],
)
async def test_our_token_follows_no_link_to_another_server(link: object) -> None:
    bench = Bench()
    page = httpx.Response(200, json={"value": [], "@odata.nextLink": link})
    bench.services.fail("GET", lambda: page, times=1)
    with pytest.raises(Unavailable, match="at another server"):
        await bench.names()
    assert len(bench.services.requests) == 1


async def test_a_link_may_name_the_port_that_goes_without_saying() -> None:
    bench = Bench()
    link = f"https://graph.example:443{bench.path}"
    bench.services.fail(
        "GET", lambda: httpx.Response(200, json={"value": [], "@odata.nextLink": link})
    )
    assert await bench.names() == []
    assert len(bench.services.requests) == 2


async def test_a_service_that_links_in_circles_is_left() -> None:
    bench = Bench()
    link = f"{GRAPH}{bench.path}"
    bench.services.fail(
        "GET",
        lambda: httpx.Response(200, json={"value": [], "@odata.nextLink": link}),
        times=10_000,
    )
    with pytest.raises(Unavailable, match="more than 500 pages"):
        await bench.names()
    assert len(bench.services.requests) == 501


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": ["text"]}])
async def test_an_answer_that_is_no_listing_is_not_taken_for_an_empty_one(body: object) -> None:
    bench = Bench()
    bench.services.fail("GET", lambda: httpx.Response(200, json=body))
    with pytest.raises(Unavailable, match="it is no listing"):
        await bench.names()


async def test_before_each_try_of_a_write_its_caller_is_asked() -> None:
    bench = Bench()
    bench.services.fail("DELETE", refusal(503), times=2)
    with pytest.raises(NotFound):
        await bench.graph.ask(bench.deletion())
    await bench.names()
    assert bench.writes_begun == 3


async def test_a_caller_that_says_no_ends_it_unsent() -> None:
    bench = Bench()

    class LeaseLostError(Exception):
        pass

    def refuse() -> None:
        raise LeaseLostError

    means = Means(Http(bench.services), bench.tokens, bench.budget, before_write=refuse)
    graph = Service(GRAPH_DIALECT, GRAPH, SCOPE, means)
    with pytest.raises(LeaseLostError):
        await graph.ask(bench.deletion())
    assert bench.services.requests == []


async def test_a_query_is_encoded() -> None:
    bench = Bench()
    call = Call(
        "look", "GET", bench.path, PUBLISHED.graph(Action.GET, TENANT), {"$select": "a,b c"}
    )
    await bench.graph.ask(call)
    assert re.fullmatch(r".*\?%24select=a%2Cb\+c", str(bench.services.requests[0].url))
