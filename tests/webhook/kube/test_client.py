import asyncio
import gc
from typing import Any

import httpx
import pytest

from tests.fakes.kube_api import Answer, Cut, Delay, Drop, FakeKubeApi, Hang, Raw
from tests.webhook.until import until
from webhook.kube import (
    METADATA,
    METADATA_LIST,
    SECRETS,
    SERVICE_ACCOUNTS,
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeClient,
    KubeError,
    Limits,
    ServerError,
    TooManyRequests,
    Unreachable,
)

SECRET = SECRETS.named("s", "azwi")


def a_secret(**more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "s", "namespace": "azwi"}, **more}


async def test_an_object_is_created_read_and_replaced(api: FakeKubeApi, client: KubeClient) -> None:
    created = await client.post(SECRETS.all("azwi"), a_secret(data={"a": "1"}, unknown={"x": [1]}))
    assert await client.get(SECRET) == created
    assert created["unknown"] == {"x": [1]}

    replaced = await client.put(SECRET, {**created, "data": {"a": "2"}})
    assert replaced["data"] == {"a": "2"}
    assert replaced["metadata"]["resourceVersion"] > created["metadata"]["resourceVersion"]


async def test_two_writers_do_not_undo_each_other(api: FakeKubeApi, client: KubeClient) -> None:
    first = await client.post(SECRETS.all("azwi"), a_secret())
    with pytest.raises(AlreadyExists):
        await client.post(SECRETS.all("azwi"), a_secret())
    await client.put(SECRET, first)

    with pytest.raises(Conflict) as caught:
        await client.put(SECRET, first)

    assert type(caught.value) is Conflict


async def test_metadata_is_all_that_is_asked_for(api: FakeKubeApi, client: KubeClient) -> None:
    api.put("secrets", a_secret(data={"a": "1"}))

    assert "data" not in await client.get(SECRET, accept=METADATA)
    async for page in client.pages(SECRETS.all(), accept=METADATA_LIST):
        assert [found.keys() for found in page["items"]] == [{"kind", "apiVersion", "metadata"}]


async def test_a_collection_is_read_page_by_page(api: FakeKubeApi, client: KubeClient) -> None:
    for number in range(7):
        api.account("a", f"n{number}")

    pages = [page async for page in client.pages(SERVICE_ACCOUNTS.all(), limit=3)]

    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1
    assert api.count("GET", "limit=3") == 3


async def test_a_page_that_has_expired_is_gone(api: FakeKubeApi, client: KubeClient) -> None:
    for number in range(7):
        api.account("a", f"n{number}")
    seen = 0

    async def read() -> None:
        nonlocal seen
        async for page in client.pages(SERVICE_ACCOUNTS.all(), limit=3):
            seen += len(page["items"])
            api.compact()

    with pytest.raises(Gone):
        await read()
    assert seen == 3


@pytest.mark.parametrize("items", [{}, "x", 7])
@pytest.mark.parametrize("metadata", [{"resourceVersion": "1"}, None, []])
async def test_an_answer_that_is_no_list_is_an_error(
    api: FakeKubeApi, client: KubeClient, items: object, metadata: object
) -> None:
    api.fail(Answer(200, {"kind": "List", "metadata": metadata, "items": items}))

    with pytest.raises(ServerError, match="the answer is not a list"):
        async for _ in client.pages(SERVICE_ACCOUNTS.all()):
            pass


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"[]", b'"x"', b"\xff", b"1" * 200_000])
async def test_an_answer_that_is_not_json_is_an_error(
    api: FakeKubeApi, client: KubeClient, body: bytes
) -> None:
    api.fail(Answer(200, body))

    with pytest.raises(ServerError, match="is it an API server"):
        await client.get(SECRET)


async def test_a_compressed_answer_is_read_and_a_broken_one_is_an_error(
    api: FakeKubeApi, client: KubeClient
) -> None:
    api.put("secrets", a_secret(data={"a": "x" * 300_000}))
    assert len((await client.get(SECRET))["data"]["a"]) == 300_000
    assert api.requests[-1].headers["accept-encoding"] == "gzip"

    api.fail(Answer(200, b"not gzip", {"Content-Encoding": "gzip"}))
    with pytest.raises(ServerError, match="makes no sense"):
        await client.get(SECRET)


async def test_statuses_become_errors(api: FakeKubeApi, client: KubeClient) -> None:
    async def error_of(status: int, **headers: str) -> KubeError:
        api.fail(Answer(status, headers=headers))
        with pytest.raises(KubeError) as caught:
            await client.get(SECRET)
        return caught.value

    assert isinstance(await error_of(403), Forbidden)
    assert isinstance(await error_of(422), Invalid)
    assert isinstance(await error_of(500), ServerError)
    assert isinstance(await error_of(302, Location="https://elsewhere.example/"), ServerError)
    throttled = await error_of(429, **{"Retry-After": "3"})
    assert isinstance(throttled, TooManyRequests)
    assert throttled.retry_after == 3.0
    assert api.connections == 1


async def test_a_refused_connection_is_unreachable(api: FakeKubeApi, client: KubeClient) -> None:
    await api.stop()

    with pytest.raises(Unreachable, match="can't be reached"):
        await client.get(SECRET)


async def test_a_read_is_tried_again_when_its_connection_breaks(
    api: FakeKubeApi, client: KubeClient
) -> None:
    api.put("secrets", a_secret())
    api.fail(Drop())
    assert (await client.get(SECRET))["metadata"]["name"] == "s"

    api.fail(Cut(after=5))
    assert (await client.get(SECRET))["metadata"]["name"] == "s"

    api.fail(Drop(), times=2)
    with pytest.raises(Unreachable, match="broke"):
        await client.get(SECRET)


async def test_a_write_is_not_tried_again(api: FakeKubeApi, client: KubeClient) -> None:
    api.fail(Drop())

    with pytest.raises(Unreachable, match="broke"):
        await client.post(SECRETS.all("azwi"), a_secret())

    assert api.count("POST", "") == 1


async def test_a_restarted_server_is_found_again(api: FakeKubeApi, client: KubeClient) -> None:
    api.put("secrets", a_secret())
    await client.get(SECRET)
    await api.stop()
    await api.start()

    assert (await client.get(SECRET))["metadata"]["name"] == "s"


async def test_a_server_that_hangs_is_given_up(api: FakeKubeApi, client: KubeClient) -> None:
    api.fail(Hang())

    with pytest.raises(Unreachable, match="did not answer in time"):
        await client.get(SECRET)


async def test_an_answer_that_trickles_is_given_up_as_a_whole(
    api: FakeKubeApi, client: KubeClient
) -> None:
    """Each byte is in time and the answer is good, but all of it is not in time."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
    api.fail(Raw((head, b"{", *[b" "] * 38, b"}"), pause=0.05))

    with pytest.raises(Unreachable, match="did not answer in time"):
        await client.get(SECRET)


async def test_what_is_not_http_is_unreachable(api: FakeKubeApi, client: KubeClient) -> None:
    api.fail(Raw((b"220 smtp.example ESMTP\r\n",)), times=None)

    with pytest.raises(Unreachable, match="broke"):
        await client.get(SECRET)


async def test_an_informational_answer_is_none(api: FakeKubeApi, client: KubeClient) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    api.fail(Raw((early, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), pause=0.05))

    assert await client.get(SECRET) == {}


async def test_a_cancelled_request_ends_its_connection_and_frees_its_place(
    api: FakeKubeApi,
) -> None:
    api.put("secrets", a_secret())
    async with KubeClient(api.connection(), limits=Limits(connections=1)) as client:
        api.fail(Hang())
        task = asyncio.create_task(client.get(SECRET))
        await until(lambda: bool(api.requests))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert (await client.get(SECRET))["metadata"]["name"] == "s"
        assert api.connections == 1


async def test_a_hundred_reads_at_once_share_the_connections(api: FakeKubeApi) -> None:
    api.put("secrets", a_secret())
    api.fail(Delay(0.01), times=None)
    async with KubeClient(api.connection(), limits=Limits(connections=10)) as client:
        answers = await asyncio.gather(*(client.get(SECRET) for _ in range(100)))

        assert len(answers) == 100
        assert 1 < api.connections <= 10


async def test_waiting_for_a_connection_has_an_end(api: FakeKubeApi) -> None:
    api.fail(Hang(), times=None)
    async with KubeClient(api.connection(), limits=Limits(connections=1, answer=0.2)) as client:
        results = await asyncio.gather(
            *(client.get(SECRET) for _ in range(3)), return_exceptions=True
        )

    assert [type(result) for result in results] == [Unreachable] * 3


async def test_idle_connections_are_closed_after_a_while(api: FakeKubeApi) -> None:
    api.put("secrets", a_secret())
    async with KubeClient(api.connection(), limits=Limits(idle=0.05)) as client:
        await client.get(SECRET)
        assert api.connections == 1
        await until(lambda: api.connections == 0)
        await client.get(SECRET)


async def test_a_connection_that_the_server_closes_is_not_used_again(
    api: FakeKubeApi, client: KubeClient
) -> None:
    api.fail(Answer(200, {}, {"Connection": "close"}))
    await client.get(SECRET)
    api.put("secrets", a_secret())

    assert (await client.get(SECRET))["metadata"]["name"] == "s"
    assert len(api.requests) == 2


async def test_one_that_is_dead_without_a_word_takes_the_other_idle_ones_with_it(
    api: FakeKubeApi, client: KubeClient
) -> None:
    """What forgot one connection forgot the others too, and no request should wait on those."""
    api.put("secrets", a_secret())
    api.fail(Delay(0.01), times=None)
    await asyncio.gather(*(client.get(SECRET) for _ in range(5)))
    assert api.connections > 1
    api.recover()
    api.fail(Hang())

    with pytest.raises(Unreachable, match="did not answer in time"):
        await client.get(SECRET)

    await until(lambda: api.connections == 0)
    assert (await client.get(SECRET))["metadata"]["name"] == "s"


async def test_an_answer_that_nobody_asked_for_is_nobodys(
    api: FakeKubeApi, client: KubeClient
) -> None:
    """Neither as part of the one before it, nor as that of the next request."""
    api.put("secrets", a_secret())
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"of": "one"}'
    api.fail(Raw((answer + answer.replace(b"one", b"two"),)))

    asked_anew = await client.get(SECRET)

    assert asked_anew["metadata"]["name"] == "s"
    assert (await client.get(SECRET)) == asked_anew
    assert api.connections == 1


async def test_a_server_that_changes_the_protocol_is_not_followed(
    api: FakeKubeApi, client: KubeClient
) -> None:
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    api.fail(Raw((upgrade,)), times=None)

    with pytest.raises(KubeError):
        await client.get(SECRET)


async def test_a_line_break_in_a_header_is_refused(api: FakeKubeApi, client: KubeClient) -> None:
    with pytest.raises(Invalid):
        await client.get(SECRET, accept="a\r\nAuthorization: x")

    assert api.requests == []


def answers_in_memory() -> list[httpx.Response]:
    return [found for found in gc.get_objects() if isinstance(found, httpx.Response)]


async def test_an_answer_is_freed_as_soon_as_it_is_read(
    api: FakeKubeApi, client: KubeClient
) -> None:
    """Left to the garbage collector, the pages of a list are all in memory at once."""
    api.put("secrets", a_secret())
    gc.collect()
    before = answers_in_memory()  # of tests before this one: theirs to free
    gc.disable()
    try:
        await client.get(SECRET)
        left = [one for one in answers_in_memory() if not any(one is old for old in before)]
    finally:
        gc.enable()

    assert left == []
