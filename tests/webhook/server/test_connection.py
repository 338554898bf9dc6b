"""The guard of a connection, over real sockets with TLS."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from unittest.mock import Mock

import httpx
import pytest

from identity.account import Account
from tests.builders import a_pod, an_account
from tests.webhook.server.doubles import FakeAccounts, a_review, an_app, dumped
from tests.webhook.server.wire import Wire, request
from tests.webhook.until import until
from webhook.config.settings import Address
from webhook.metrics import Cut, Metrics, Result
from webhook.server.bodies import PLACES
from webhook.server.connection import MOST_WAITING, GuardedConnection, Limits
from webhook.server.health import health_app
from webhook.server.joined import JoinedWrites
from webhook.server.listener import Listener
from webhook.server.readiness import Readiness
from webhook.server.sockets import bind

BODY = dumped(a_review())
USUAL = Limits(read_timeout=5, idle_timeout=60, sweep_interval=0.02)
IMPATIENT = replace(USUAL, read_timeout=0.1)


class Served:
    def __init__(self, listener: Listener, metrics: Metrics, tls: ssl.SSLContext) -> None:
        self.listener = listener
        self.metrics = metrics
        self.tls = tls

    def connect(self, come_from: str = "127.0.0.1") -> Wire:
        return Wire(self.listener.port, self.tls, come_from)


@asynccontextmanager
async def serving(
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
    limits: Limits = USUAL,
    accounts: FakeAccounts | None = None,
) -> AsyncIterator[Served]:
    metrics = Metrics()
    app = an_app(accounts, metrics=metrics, max_body_bytes=limits.max_body_bytes)
    bound = bind(Address("127.0.0.1", 0), "--port")
    listener = Listener(app, bound, limits, tls=server_tls, on_cut=metrics.cut)
    await listener.start()
    try:
        yield Served(listener, metrics, client_tls)
    finally:
        listener.close()
        await listener.finish(0.0)


async def begun(served: Served, wire: Wire) -> None:
    """Send a request's first byte, and wait until it has been seen."""
    wire.send(b"P")
    guard, here = served.listener._guard, wire.address
    await until(
        lambda: any(one.client == here and one not in guard.idle for one in guard.connections)
    )


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> Serve:
    return partial(serving, server_tls, client_tls)


async def test_one_connection_carries_many_reviews(serve: Serve) -> None:
    async with serve() as served, served.connect() as wire:
        for _ in range(3):
            answer = await wire.ask(BODY)
            assert answer.operations
            assert set(answer.headers) == {"content-type", "content-length"}


async def test_a_client_as_people_use_it_is_served(serve: Serve) -> None:
    async with (
        serve() as served,
        httpx.AsyncClient(verify=served.tls, trust_env=False) as client,
    ):
        url = f"https://localhost:{served.listener.port}/mutate-v1-pod"
        answer = await client.post(url, json=a_review())
        assert answer.json()["response"]["allowed"] is True
        assert (await client.get(url)).status_code == 405
        assert (await client.post(url + "s", json={})).status_code == 404
        assert (await client.post(url, content=b"{}")).status_code == 415
        chunks = (BODY[start : start + 100] for start in range(0, len(BODY), 100))

        async def stream() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        headers = {"content-type": "application/json"}
        answer = await client.post(url, content=stream(), headers=headers)
        assert answer.json()["response"]["allowed"] is True


async def test_seven_mebibytes_are_taken_and_nine_are_not(serve: Serve) -> None:
    headers = {"content-type": "application/json"}
    async with (
        serve() as served,
        httpx.AsyncClient(verify=served.tls, trust_env=False, timeout=30) as client,
    ):
        url = f"https://localhost:{served.listener.port}/mutate-v1-pod"
        pod = a_pod()
        pod["metadata"]["annotations"] = {"filler": "x" * 7 * 1024 * 1024}
        answer = await client.post(url, json=a_review(pod))
        assert answer.json()["response"]["patch"]
        large = b"x" * (9 * 1024 * 1024)
        assert (await client.post(url, content=large, headers=headers)).status_code == 413

        async def stream() -> AsyncIterator[bytes]:
            for start in range(0, len(large), 65536):
                yield large[start : start + 65536]

        assert (await client.post(url, content=stream(), headers=headers)).status_code == 413


async def test_who_asks_first_need_not_send_a_body_that_is_too_large(serve: Serve) -> None:
    async with serve() as served, served.connect() as wire:
        wire.send(
            b"POST /mutate-v1-pod HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"expect: 100-continue\r\ncontent-length: 9000000\r\n\r\n"
        )
        assert (await wire.answer()).status == 413
        assert await wire.ended()


async def test_who_asks_first_is_told_to_go_on(serve: Serve) -> None:
    async with serve() as served, served.connect() as wire:
        head, _, body = request(BODY, head="expect: 100-continue\r\n").partition(b"\r\n\r\n")
        wire.send(head + b"\r\n\r\n")
        assert await wire._reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(body)
        assert (await wire.answer()).operations


@pytest.mark.parametrize(
    "start",
    [
        b"P",
        b"POST /mutate-v1-pod HTTP/1.1\r\nhost: ",
        b"\r\n",
        request(BODY)[:-1],
        (
            b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n3\r\n{ "
        ),
    ],
)
async def test_a_request_that_does_not_come_is_a_408(serve: Serve, start: bytes) -> None:
    async with serve(IMPATIENT) as served, served.connect() as wire:
        wire.send(start)
        answer = await wire.answer()
        assert answer.status == 408
        assert answer.headers["connection"] == "close"
        assert answer.json["kind"] == "Status"
        assert await wire.ended()
        assert served.metrics.cuts[Cut.SLOW] == 1


async def test_a_trickle_does_not_keep_a_request_alive(serve: Serve) -> None:
    async with serve(IMPATIENT) as served, served.connect() as wire:

        async def trickle() -> None:
            wire.send(b"POST /mutate-v1-pod HTTP/1.1\r\nx: ")
            while True:
                wire.send(b"y")
                await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())
        answer = await wire.answer()
        trickling.cancel()
        assert answer.status == 408


async def test_the_application_learns_that_a_body_will_not_come(serve: Serve) -> None:
    async with serve(IMPATIENT) as served, served.connect() as wire:
        wire.send(request(BODY)[:-1])
        assert (await wire.answer()).status == 408
        assert served.metrics.results[Result.GONE] == 1


async def test_a_connection_that_was_never_used_is_as_good_as_an_idle_one(serve: Serve) -> None:
    """Go's client opens connections in advance; nobody waits for their first request."""
    async with serve(IMPATIENT) as served, served.connect() as wire:
        await asyncio.sleep(0.3)
        assert (await wire.ask(BODY)).operations
        await asyncio.sleep(0.3)
        assert (await wire.ask(BODY)).operations


@pytest.mark.parametrize("used", [True, False])
async def test_an_idle_connection_ends_when_its_time_is_over(serve: Serve, used: bool) -> None:
    async with serve(replace(USUAL, idle_timeout=0.1)) as served, served.connect() as wire:
        if used:
            await wire.ask(BODY)
        assert await wire.ended()
        assert sum(served.metrics.cuts.values()) == 0


async def test_a_slow_answer_is_no_slow_request(serve: Serve) -> None:
    """Looking a ServiceAccount up may take longer than a request may take to arrive."""
    looking, found = asyncio.Event(), asyncio.Event()

    async def live(_: str, __: str) -> Account:
        looking.set()
        await found.wait()
        return an_account()

    async with serve(IMPATIENT, FakeAccounts(live=live)) as served, served.connect() as wire:
        wire.send(request(BODY))
        await looking.wait()
        await asyncio.sleep(0.3)
        found.set()
        assert (await wire.answer()).operations


@pytest.mark.parametrize(
    "head",
    [
        b"POST /mutate-v1-pod HTTP/1.1\r\nx: " + b"y" * 200_000,
        b"POST /" + b"y" * 200_000,
        b"POST /mutate-v1-pod HTTP/1.1\r\n" + b"x: y\r\n" * 50_000,
    ],
)
async def test_a_head_without_end_is_turned_away(serve: Serve, head: bytes) -> None:
    async with serve() as served, served.connect() as wire:
        wire.send(head)
        # It may be reset before the answer is seen, since more of the head was on its way.
        with suppress(ConnectionResetError, asyncio.IncompleteReadError):
            assert (await wire.answer()).status in {400, 431}
        assert served.metrics.cuts[Cut.HEAD] == 1


@pytest.mark.parametrize("header", [b"x: " + b"y" * 20_000, b"x: y\r\n" * 102])
async def test_a_head_that_goes_on_is_not_kept(serve: Serve, header: bytes) -> None:
    """It is too large before all of it has come, whether it is long or has many headers."""
    async with serve() as served, served.connect() as wire:
        wire.send(b"POST /mutate-v1-pod HTTP/1.1\r\n" + header)
        assert (await wire.answer()).status in {400, 431}
        assert served.metrics.cuts[Cut.HEAD] == 1


async def test_a_head_as_large_as_an_api_servers_may_be_is_taken(serve: Serve) -> None:
    """A token of 8 KiB and ninety other headers, and a body in the same piece of data."""
    head = "authorization: Bearer " + "x" * 8192 + "\r\n" + "x: y\r\n" * 90
    async with serve() as served, served.connect() as wire:
        wire.send(request(BODY + b" " * 60_000, head=head))
        assert (await wire.answer()).operations


async def test_no_more_of_a_head_is_parsed_than_is_allowed() -> None:
    """What is too large is not parsed first: a piece of data may have 256 KiB."""
    bound = bind(Address("127.0.0.1", 0), "--port")
    listener = Listener(an_app(), bound, USUAL)
    connection = GuardedConnection(listener._config, listener._guard, asyncio.get_running_loop())
    transport = Mock(spec=asyncio.Transport)
    transport.is_closing.side_effect = lambda: transport.close.called
    transport.get_extra_info.return_value = None
    connection.connection_made(transport)
    connection.data_received(b"GET /" + b"x" * 256 * 1024)
    assert transport.close.called
    assert len(connection.url) <= 32 * 1024
    connection.connection_lost(None)
    listener.close()


@pytest.mark.parametrize("trailers", [b"x: y\r\n" * 101, b"x: " + b"y" * 500_000])
async def test_trailers_without_end_are_cut_off(serve: Serve, trailers: bytes) -> None:
    limits = replace(USUAL, max_body_bytes=100_000)
    async with serve(limits) as served, served.connect() as wire:
        wire.send(
            b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        )
        wire.send(trailers)
        await wire.ended()  # with or without an answer
        assert served.metrics.cuts[Cut.FLOOD] == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-length: 1x\r\n\r\n",
        b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        (
            b"POST /mutate-v1-pod HTTP/1.1\r\ncontent-length: 5\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        b"POST /mutate-v1-pod HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nhost: x\r\n\r\n",
        (
            b"GET /mutate-v1-pod HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n"
        ),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_request_of_ours_is_a_4xx(serve: Serve, nonsense: bytes) -> None:
    async with serve() as served:
        async with served.connect() as wire:
            wire.send(nonsense)
            assert 400 <= (await wire.answer()).status < 500
            assert await wire.ended()
        async with served.connect() as wire:
            assert (await wire.ask(BODY)).operations


async def test_requests_may_follow_one_another_without_waiting(serve: Serve) -> None:
    async with serve() as served, served.connect() as wire:
        wire.send(request(BODY) * 3)
        for _ in range(3):
            assert (await wire.answer()).operations
        assert (await wire.ask(BODY)).operations


async def test_requests_that_nobody_could_wait_for_are_not_kept(serve: Serve) -> None:
    """A first review waits for its account; thousands behind it would take megabytes."""
    read = asyncio.Event()

    async def live(_namespace: str, _name: str) -> Account:
        await read.wait()
        return an_account()

    async with serve(accounts=FakeAccounts(live=live)) as served, served.connect() as wire:
        wire.send(request(BODY) + request(b"", head="x: y\r\n") * (MOST_WAITING + 1))
        assert (await wire.answer()).status == 400
        assert served.metrics.cuts[Cut.FLOOD] == 1
        read.set()


async def test_a_large_body_that_waited_for_its_place_has_its_time_anew(serve: Serve) -> None:
    """Eight others are answered first, for longer than a request may take to arrive."""
    held, release = asyncio.Semaphore(0), asyncio.Event()

    async def live(_namespace: str, _name: str) -> Account:
        held.release()
        await release.wait()
        return an_account()

    body = BODY + b" " * 3_000_000
    limits = replace(USUAL, read_timeout=0.5)
    async with serve(limits, FakeAccounts(live=live)) as served, AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(served.connect()) for _ in range(PLACES)]
        for wire in wires:
            wire.send(request(body))
        for _ in wires:
            await held.acquire()
        late = await stack.enter_async_context(served.connect())
        late.send(request(body, path="/mutate-v1-pod?timeout=30s")[:-1])
        guard = served.listener._guard
        await until(
            lambda: any(
                one.flow.read_paused and one.deadline < one.loop.time() for one in guard.connections
            )
        )
        release.set()
        for wire in wires:
            assert (await wire.answer()).operations
        guard.sweep()
        late.send(b" ")
        assert (await late.answer()).operations


async def test_as_many_requests_as_may_wait_are_answered(serve: Serve) -> None:
    async with serve() as served, served.connect() as wire:
        wire.send(request(BODY) * (MOST_WAITING + 1))
        for _ in range(MOST_WAITING + 1):
            assert (await wire.answer()).operations


async def test_an_answer_is_one_write() -> None:
    transport = Mock(spec=asyncio.Transport)
    joined = JoinedWrites(transport)
    joined.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    joined.write(b"head ")
    joined.write(b"body")
    joined.write(b"more")
    joined.answered()
    joined.write(b"head without body")
    joined.answered()
    joined.write(b"head cut short")
    joined.close()
    assert [call.args[0] for call in transport.write.call_args_list] == [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"head body",
        b"more",
        b"head without body",
        b"head cut short",
    ]
    assert transport.close.called


async def test_an_answer_without_a_body_comes_too() -> None:
    bound = bind(Address("127.0.0.1", 0), "--health-addr")
    listener = Listener(health_app(Readiness({})), bound, USUAL)
    await listener.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.head(f"http://127.0.0.1:{listener.port}/healthz")
        assert (answer.status_code, answer.headers["content-length"]) == (200, "2")
        assert (await client.get(f"http://127.0.0.1:{listener.port}/healthz")).text == "ok"
    listener.close()
    assert await listener.finish(1)


async def test_of_too_many_connections_the_one_idle_for_longest_goes(serve: Serve) -> None:
    async with serve(replace(USUAL, max_connections=3)) as served, AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(served.connect()) for _ in range(3)]
        await wires[1].ask(BODY)
        await wires[0].ask(BODY)
        newcomer = await stack.enter_async_context(served.connect())
        assert (await newcomer.ask(BODY)).operations
        assert await wires[2].ended()
        for wire in wires[:2]:
            assert (await wire.ask(BODY)).operations
        assert served.metrics.cuts[Cut.CROWD] == 1


async def test_an_address_that_takes_every_connection_ends_its_own(serve: Serve) -> None:
    """Each of its connections has sent one byte, and the API server's is idle, or new."""
    hostile = "127.0.0.2"
    async with serve(replace(USUAL, max_connections=4)) as served, AsyncExitStack() as stack:
        idle = await stack.enter_async_context(served.connect())
        slow = []
        for _ in range(6):
            slow.append(await stack.enter_async_context(served.connect(hostile)))
            await begun(served, slow[-1])
        new = await stack.enter_async_context(served.connect())
        for wire in (idle, new):
            assert (await wire.ask(BODY)).operations
        for wire in slow[:4]:
            assert await wire.ended()
        assert served.listener.connections == 4


async def test_a_new_connection_goes_before_answers_of_its_address(serve: Serve) -> None:
    looking, found = asyncio.Event(), asyncio.Event()

    async def live(_: str, __: str) -> Account:
        looking.set()
        await found.wait()
        return an_account()

    limits = replace(USUAL, max_connections=1)
    async with serve(limits, FakeAccounts(live=live)) as served, served.connect() as wire:
        wire.send(request(BODY))
        await looking.wait()
        async with served.connect("127.0.0.2") as newcomer:
            assert await newcomer.ended()
        found.set()
        assert (await wire.answer()).operations


async def test_one_address_with_slow_requests_only_can_still_be_served(serve: Serve) -> None:
    async with serve(replace(USUAL, max_connections=2)) as served, AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(served.connect()) for _ in range(2)]
        for wire in slow:
            await begun(served, wire)
        new = await stack.enter_async_context(served.connect())
        assert (await new.ask(BODY)).operations
        assert await slow[0].ended()


async def test_addresses_that_have_left_are_forgotten(serve: Serve) -> None:
    async with serve() as served:
        async with served.connect("127.0.0.2") as wire:
            await wire.ask(BODY)
        async with served.connect() as wire:
            await wire.ask(BODY)
            assert list(served.listener._guard.peers) == ["127.0.0.1"]


async def test_a_connection_with_a_request_under_way_is_not_the_one_that_goes(serve: Serve) -> None:
    looking, found = asyncio.Event(), asyncio.Event()

    async def live(_: str, __: str) -> Account:
        looking.set()
        await found.wait()
        return an_account()

    limits = replace(USUAL, max_connections=1)
    async with serve(limits, FakeAccounts(live=live)) as served, served.connect() as wire:
        wire.send(request(BODY))
        await looking.wait()
        async with served.connect() as newcomer:
            assert await newcomer.ended()
        found.set()
        assert (await wire.answer()).operations


async def test_a_handshake_that_does_not_come_ends(serve: Serve) -> None:
    async with serve(IMPATIENT) as served, Wire(served.listener.port) as plain:
        plain.send(b"\x16\x03\x01")
        assert await plain.ended()


async def test_a_handshake_has_less_time_than_a_request_may_have(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those under way can't be counted."""
    monkeypatch.setattr("webhook.server.listener._TLS_START", 0.1)
    patient = replace(USUAL, read_timeout=60)
    async with serve(patient) as served, Wire(served.listener.port) as plain:
        plain.send(b"\x16\x03\x01")
        assert await plain.ended()


async def test_a_plain_request_to_the_tls_port_ends(serve: Serve) -> None:
    async with serve() as served, Wire(served.listener.port) as plain:
        plain.send(request(BODY))
        await plain._reader.read()  # an alert, or nothing
        assert served.listener.connections == 0


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(serve: Serve) -> None:
    async with serve() as served:
        for cut in (1, 50, 200, len(request(BODY)) - 1):
            async with served.connect() as wire:
                wire.send(request(BODY)[:cut])
                await wire.sent()
        async with served.connect() as wire:
            assert (await wire.ask(BODY)).operations
            assert served.listener.connections <= 5


async def test_a_connection_that_is_over_does_not_wait_for_the_collector(serve: Serve) -> None:
    """Which comes seldom, since an admission makes no cycles."""
    async with serve() as served:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with served.connect() as wire:
                    assert (await wire.ask(BODY)).operations
            await until(lambda: served.listener.connections == 0)
            left = [found for found in gc.get_objects() if isinstance(found, GuardedConnection)]
        finally:
            gc.enable()
    assert len(left) == 0


async def test_while_draining_every_answer_ends_its_connection(serve: Serve) -> None:
    looking, found = asyncio.Event(), asyncio.Event()

    async def live(_: str, __: str) -> Account:
        looking.set()
        await found.wait()
        return an_account()

    other = dumped(a_review(a_pod(serviceAccountName="other")))
    accounts = FakeAccounts(an_account(), live=live)
    async with serve(USUAL, accounts) as served, AsyncExitStack() as stack:
        idle, unused, busy = [await stack.enter_async_context(served.connect()) for _ in range(3)]
        await idle.ask(BODY)
        busy.send(request(other))
        await looking.wait()
        served.listener.drain()
        new = await stack.enter_async_context(served.connect())
        for wire in (idle, unused, new):
            answer = await wire.ask(BODY)
            assert answer.operations
            assert answer.headers["connection"] == "close"
            assert await wire.ended()
        served.listener.close()
        with pytest.raises(ConnectionRefusedError):
            await served.connect().__aenter__()
        ending = asyncio.create_task(served.listener.finish(5))
        found.set()
        answer = await busy.answer()
        assert answer.operations
        assert answer.headers["connection"] == "close"
        assert await ending is True


async def test_idle_connections_end_last(serve: Serve) -> None:
    looking, found = asyncio.Event(), asyncio.Event()

    async def live(_: str, __: str) -> Account:
        looking.set()
        await found.wait()
        return an_account()

    async with (
        serve(USUAL, FakeAccounts(live=live)) as served,
        served.connect() as idle,
        served.connect() as busy,
    ):
        busy.send(request(BODY))
        await looking.wait()
        served.listener.drain()
        served.listener.close()
        ending = asyncio.create_task(served.listener.finish(5))
        await asyncio.sleep(0.1)
        assert served.listener.connections == 2
        found.set()
        assert (await busy.answer()).operations
        assert await idle.ended()
        assert await ending is True
        assert served.listener.connections == 0


async def test_what_does_not_end_in_time_is_cut_short(serve: Serve) -> None:
    looking = asyncio.Event()

    async def live(_: str, __: str) -> Account:
        looking.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serve(USUAL, FakeAccounts(live=live)) as served, served.connect() as wire:
        wire.send(request(BODY))
        await looking.wait()
        served.listener.close()
        assert await served.listener.finish(0.05) is False
        assert await wire.ended()
        assert served.listener.connections == 0
