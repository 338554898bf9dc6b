import asyncio
from typing import Any, cast

import pytest

from identity.account import Account
from tests.builders import CLIENT, ours
from tests.fakes.kube_api import Answer, Delay, Drop, FakeKubeApi, Hang, Late
from tests.webhook.accounts.time import Time
from tests.webhook.until import until
from webhook.accounts import AccountNotFound, AccountUnreadable
from webhook.accounts.reader import LiveReader
from webhook.kube import Json, KubeClient, NotFound, Place

ANNOTATIONS = ours({"client-id": CLIENT})


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def reader(client: KubeClient, time: Time) -> LiveReader:
    return LiveReader(client, time.pace)


def soon(seconds: float = 2.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_an_account_is_read_as_metadata(api: FakeKubeApi, reader: LiveReader) -> None:
    api.account("a", "b", ANNOTATIONS)

    assert await reader.read("a", "b", soon()) == Account("a", "b", "101", client_id=CLIENT)
    assert "PartialObjectMetadata" in api.requests[0].headers["accept"]


async def test_one_that_is_not_there_is_not_found(reader: LiveReader) -> None:
    with pytest.raises(AccountNotFound, match="ServiceAccount a/b does not exist"):
        await reader.read("a", "b", soon())


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../secrets/s", "a/b", "A", "-a", "a-", "a..b", "ä", "a\n", "a" * 254]
)
async def test_a_name_that_none_can_have_is_not_asked_for(
    api: FakeKubeApi, reader: LiveReader, name: str
) -> None:
    with pytest.raises(AccountNotFound):
        await reader.read("a", name, soon())

    assert api.requests == []


@pytest.mark.parametrize("name", ["a", "0", "a-b.c-d.e", "a" * 253])
async def test_every_name_that_one_can_have_is_asked_for(
    api: FakeKubeApi, reader: LiveReader, name: str
) -> None:
    api.account("a", name)

    assert (await reader.read("a", name, soon())).name == name


async def test_those_who_ask_at_the_same_time_share_one_read(
    api: FakeKubeApi, reader: LiveReader
) -> None:
    api.account("a", "b", ANNOTATIONS)
    api.fail(Delay(0.05), times=None)

    answers = await asyncio.gather(*(reader.read("a", "b", soon()) for _ in range(50)))

    assert len(set(answers)) == 1
    assert len(api.requests) == reader.reads == 1


async def test_a_hundred_at_once_for_what_is_not_there_are_all_answered(
    api: FakeKubeApi, reader: LiveReader
) -> None:
    answers = await asyncio.gather(
        *(reader.read("a", f"n{number}", soon(20)) for number in range(100)),
        return_exceptions=True,
    )

    assert {type(answer) for answer in answers} == {AccountNotFound}
    assert len(api.requests) == reader.reads == 100


async def test_a_read_that_began_before_is_not_the_last_word_on_what_it_missed(
    api: FakeKubeApi, reader: LiveReader
) -> None:
    """The account is created after the first read looked, and before the second one is asked."""
    api.fail(Late(0.1))
    first = asyncio.create_task(reader.read("a", "b", soon()))
    await until(lambda: len(api.requests) == 1)
    api.account("a", "b", ANNOTATIONS)

    assert (await reader.read("a", "b", soon())).client_id == CLIENT
    with pytest.raises(AccountNotFound):
        await first
    assert reader.reads == 2


async def test_nor_on_an_annotation_that_came_since(api: FakeKubeApi, reader: LiveReader) -> None:
    api.account("a", "b")
    api.fail(Late(0.1))
    first = asyncio.create_task(reader.read("a", "b", soon()))
    await until(lambda: len(api.requests) == 1)
    api.account("a", "b", ANNOTATIONS)

    assert (await reader.read("a", "b", soon())).client_id == CLIENT
    assert (await first).client_id is None


async def test_a_waiter_who_leaves_does_not_end_the_read_of_the_others(
    api: FakeKubeApi, reader: LiveReader
) -> None:
    api.account("a", "b", ANNOTATIONS)
    api.fail(Delay(0.1), times=None)
    leaving, staying = (asyncio.create_task(reader.read("a", "b", soon())) for _ in range(2))
    await until(lambda: len(api.requests) == 1)

    leaving.cancel()

    assert (await staying).client_id == CLIENT
    assert leaving.cancelled()
    assert len(api.requests) == 1


async def test_a_late_waiter_leaves_and_the_others_get_their_answer(
    api: FakeKubeApi, reader: LiveReader
) -> None:
    api.account("a", "b", ANNOTATIONS)
    api.fail(Delay(0.15))
    staying = asyncio.create_task(reader.read("a", "b", soon()))

    with pytest.raises(AccountUnreadable, match="a/b can't be read just now: no answer in time"):
        await reader.read("a", "b", soon(0.05))

    assert (await staying).client_id == CLIENT


async def test_the_read_ends_when_nobody_waits_any_more(
    api: FakeKubeApi, reader: LiveReader
) -> None:
    api.fail(Hang())
    with pytest.raises(AccountUnreadable):
        await reader.read("a", "b", soon(0.05))
    await until(lambda: api.connections == 0)

    api.account("a", "b")
    assert (await reader.read("a", "b", soon())).name == "b"
    assert reader.reads == 2


async def test_trouble_that_passes_is_waited_out(
    api: FakeKubeApi, reader: LiveReader, time: Time
) -> None:
    api.account("a", "b")
    api.fail(Answer(500))
    api.fail(Answer(429, headers={"Retry-After": "1"}))

    assert (await reader.read("a", "b", soon())).name == "b"
    assert time.waits == [0.1, 1.1]


async def test_a_connection_that_is_dead_without_a_word_leaves_time_for_another(
    api: FakeKubeApi, time: Time
) -> None:
    api.account("a", "b")
    async with KubeClient(api.connection()) as patient:
        reader = LiveReader(patient, time.pace)
        api.fail(Hang())

        assert (await reader.read("a", "b", soon(2.0))).name == "b"


@pytest.mark.parametrize(
    ("failure", "words", "asked"),
    [
        (Answer(500), "told by the test", 3),
        (Answer(503), "told by the test", 3),
        (Answer(429), "told by the test", 3),
        (Answer(200, b"rubbish"), "is not JSON", 3),
        (Answer(200, {"metadata": {}}), "without the metadata", 3),
        (Answer(403), 'verbs: \\["get"\\]} in a ClusterRole', 1),
        (Answer(401), "told by the test", 1),
        (Drop(), "connection to http://127.* broke", 6),
        (Hang(), "did not answer in time", 3),
    ],
)
async def test_trouble_that_stays_is_told(
    api: FakeKubeApi, reader: LiveReader, failure: Any, words: str, asked: int
) -> None:
    api.fail(failure, times=None)

    with pytest.raises(AccountUnreadable, match=words) as caught:
        await reader.read("a", "b", soon())

    assert str(caught.value).startswith("ServiceAccount a/b can't be read just now: ")
    assert len(api.requests) == asked


async def test_a_server_that_is_away_is_told(api: FakeKubeApi, reader: LiveReader) -> None:
    await api.stop()

    with pytest.raises(AccountUnreadable, match="can't be reached"):
        await reader.read("a", "b", soon())


async def test_one_who_asks_in_the_moment_a_read_ends_begins_another(time: Time) -> None:
    """The read is over and its end not told yet: to join it again and again would never end."""
    over = asyncio.get_running_loop().create_future()

    class Client:
        asked = 0

        async def get(self, place: Place, *, accept: str) -> Json:
            self.asked += 1
            if not over.done():
                over.set_result(None)  # wakes the latecomer before the read's own end is told
            raise NotFound("there is none")

    class Reader(LiveReader):
        joined = 0

        async def _join(self, flight: Any) -> Any:
            self.joined += 1
            assert self.joined < 10, "it joins a read that is over"
            return await super()._join(flight)

    client = Client()
    reader = Reader(cast("KubeClient", client), time.pace)

    async def latecomer() -> Account:
        await over
        return await reader.read("a", "b", soon())

    answers = await asyncio.gather(
        latecomer(), reader.read("a", "b", soon()), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [AccountNotFound] * 2
    assert client.asked == 2
