import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from tests.fakes.kube_api import Answer, Cut, FakeKubeApi, Hang, Raw
from tests.webhook.until import until
from webhook.kube import (
    METADATA,
    SECRETS,
    SERVICE_ACCOUNTS,
    Forbidden,
    Gone,
    KubeClient,
    ServerError,
    Unreachable,
    WatchEvent,
)
from webhook.kube.watch import events_of

ALL = SERVICE_ACCOUNTS.all()


async def test_a_watch_tells_what_happened_and_happens(
    api: FakeKubeApi, client: KubeClient
) -> None:
    before = api.account("a", "one")["metadata"]["resourceVersion"]
    api.account("a", "two")

    async with client.watch(ALL, resource_version=before, accept=METADATA) as events:
        first = await anext(events)
        api.account("a", "two", {"x": "y"})
        api.remove("serviceaccounts", "one", "a")
        api.bookmark()
        rest = [await anext(events) for _ in range(3)]

    assert first.kind == "ADDED"
    assert first.object["kind"] == "PartialObjectMetadata"
    assert [event.kind for event in rest] == ["MODIFIED", "DELETED", "BOOKMARK"]
    assert [event.object["metadata"]["resourceVersion"] for event in rest] == ["103", "104", "104"]
    query = api.requests[-1].query
    assert query["watch"] == "1"
    assert query["allowWatchBookmarks"] == "true"
    assert query["timeoutSeconds"] == "270"


async def test_a_watch_of_one_object(api: FakeKubeApi, client: KubeClient) -> None:
    selector = {"fieldSelector": "metadata.name=s"}
    async with client.watch(SECRETS.all("azwi"), params=selector) as events:
        api.put("secrets", {"metadata": {"namespace": "azwi", "name": "other"}})
        api.put("secrets", {"metadata": {"namespace": "azwi", "name": "s"}})
        found = await anext(events)

    assert found.object["metadata"]["name"] == "s"


async def test_a_watch_ends_when_the_server_ends_it(api: FakeKubeApi, client: KubeClient) -> None:
    async with client.watch(ALL) as events:
        api.account("a", "b")
        api.end_watches()
        assert [event.kind async for event in events] == ["ADDED"]


async def test_a_watch_from_a_forgotten_version_is_gone(
    api: FakeKubeApi, client: KubeClient
) -> None:
    api.account("a", "b")
    api.compact()

    with pytest.raises(Gone):
        async with client.watch(ALL, resource_version="1"):
            pytest.fail("the watch began")


async def test_an_error_event_ends_the_watch_as_the_error_that_it_is(
    api: FakeKubeApi, client: KubeClient
) -> None:
    async with client.watch(ALL) as events:
        api.send_error(410, "Expired")
        with pytest.raises(Gone):
            await anext(events)
    async with client.watch(ALL) as events:
        api.send_error(500, "InternalError")
        with pytest.raises(ServerError):
            await anext(events)


async def test_a_forbidden_watch_names_the_rule(api: FakeKubeApi, client: KubeClient) -> None:
    api.fail(Answer(403))

    with pytest.raises(Forbidden, match=r'verbs: \["watch"\]'):
        async with client.watch(ALL):
            pass


async def test_a_stream_cut_in_the_middle_of_a_line_is_unreachable(
    api: FakeKubeApi, client: KubeClient
) -> None:
    api.fail(Cut(after=20))
    async with client.watch(ALL) as events:
        api.account("a", "b")
        with pytest.raises(Unreachable):
            await anext(events)


async def test_a_stream_that_ends_cleanly_in_the_middle_of_a_line_is_unreachable(
    api: FakeKubeApi, client: KubeClient
) -> None:
    async with client.watch(ALL) as events:
        api.send_raw(b'{"type": "ADD')
        api.end_watches()
        with pytest.raises(Unreachable, match="in the middle of an event"):
            await anext(events)


@pytest.mark.parametrize(
    "line", [b"{", b"null", b"[]", b"{}", b'{"type": 1, "object": {}}', b'{"type": "ADDED"}']
)
async def test_an_event_that_is_none_is_an_error(
    api: FakeKubeApi, client: KubeClient, line: bytes
) -> None:
    async with client.watch(ALL) as events:
        api.send_raw(line + b"\n")
        with pytest.raises(ServerError, match="not JSON as expected"):
            await anext(events)


async def test_a_server_that_does_not_begin_a_watch_is_given_up(
    api: FakeKubeApi, client: KubeClient
) -> None:
    api.fail(Hang())

    with pytest.raises(Unreachable, match="in time"):
        async with client.watch(ALL):
            pass


async def test_a_watch_is_given_up_when_its_time_is_well_over(
    api: FakeKubeApi, client: KubeClient
) -> None:
    """The server should have ended it after no time at all; the client's grace is 0.3 s."""

    api.fail(Raw((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",)))

    async with client.watch(ALL, timeout_seconds=0) as events:
        with pytest.raises(Unreachable, match="did not answer in time"):
            await anext(events)


async def test_leaving_a_watch_ends_its_connection_at_once(
    api: FakeKubeApi, client: KubeClient
) -> None:
    async with client.watch(ALL):
        assert api.watches == 1
    await until(lambda: api.connections == 0)


async def test_cancelling_a_watch_ends_its_connection_at_once(
    api: FakeKubeApi, client: KubeClient
) -> None:
    async def follow() -> None:
        async with client.watch(ALL) as events:
            async for _ in events:
                pass

    task = asyncio.create_task(follow())
    await until(lambda: api.watches == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: api.connections == 0)


def reading_is_paused(client: KubeClient) -> bool:
    transport: Any = client._http._transport
    return any(not wire._transport.is_reading() for wire in transport._wires)


async def test_a_slow_reader_makes_the_server_wait(api: FakeKubeApi, client: KubeClient) -> None:
    async with client.watch(ALL) as events:
        for number in range(40):
            api.account("a", f"n{number}", {"long": "x" * 100_000})
        await until(lambda: reading_is_paused(client))
        names = [(await anext(events)).object["metadata"]["name"] for _ in range(40)]

    assert names == [f"n{number}" for number in range(40)]


async def test_lines_are_found_wherever_the_chunks_end() -> None:
    expected = [WatchEvent("ADDED", {"metadata": {"name": f"é{n}"}}) for n in range(5)]
    stream = b"".join(
        orjson.dumps({"type": kind, "object": found}) + b"\n" for kind, found in expected
    )

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(stream), size):
            yield stream[start : start + size]

    for size in [*range(1, 60), len(stream)]:
        assert [event async for event in events_of(chunks(size), ALL, "x")] == expected


async def test_a_long_line_in_small_chunks_is_joined_once() -> None:
    """8 MiB in 128-byte chunks: joined at each of them, 256 GiB would be copied."""
    line = orjson.dumps({"type": "ADDED", "object": {"x": "y" * (8 << 20)}}) + b"\n"

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(line), 128):
            yield line[start : start + 128]

    found = [event async for event in events_of(chunks(), ALL, "x")]

    assert len(found[0].object["x"]) == 8 << 20


def test_an_event_does_not_show_its_object() -> None:
    assert repr(WatchEvent("ADDED", {"data": {"tls.key": "secret"}})) == "WatchEvent(ADDED)"
