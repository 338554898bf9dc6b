import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.builders import CLIENT, ours
from tests.fakes.kube_api import Answer, Cut, Drop, FakeKubeApi, Hang
from tests.webhook.accounts.time import Time
from tests.webhook.until import until
from webhook.accounts.follower import Follower
from webhook.kube import KubeClient

ANNOTATIONS = ours({"client-id": CLIENT})
LIST = r"/serviceaccounts\?(limit|continue)"
WATCH = "watch=1"
TOO_OLD = Answer(410, reason="Expired")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def follower(client: KubeClient, time: Time) -> Follower:
    return Follower(client, time.pace)


@asynccontextmanager
async def running(follower: Follower) -> AsyncIterator[None]:
    task = asyncio.create_task(follower.run())
    try:
        yield
    finally:
        assert not task.done(), "it never returns, and never raises"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def steady(api: FakeKubeApi, follower: Follower) -> AsyncIterator[Follower]:
    """One that has listed a/b and watches."""
    api.account("a", "b", ANNOTATIONS)
    async with running(follower):
        await until(lambda: api.watches == 1)
        yield follower


async def end_watch(api: FakeKubeApi) -> None:
    """End the watch as the server does after its time, and wait for the next one."""
    before = api.count("GET", WATCH)
    api.end_watches()
    await until(lambda: api.count("GET", WATCH) == before + 1 and api.watches == 1)


def knows(follower: Follower, name: str) -> Callable[[], bool]:
    return lambda: follower.store.find("a", name) is not None


async def test_it_lists_pages_of_metadata_then_watches_from_there(
    api: FakeKubeApi, follower: Follower
) -> None:
    for number in range(450):
        api.account("a", f"n{number}", ANNOTATIONS)

    async with running(follower):
        await follower.synced.wait()
        assert follower.store.size == 450
        await until(lambda: api.watches == 1)

    assert [seen.query.get("limit") for seen in api.requests] == ["200", "200", "200", None]
    assert all("as=PartialObjectMetadata" in seen.headers["accept"] for seen in api.requests)
    watch = api.requests[-1].query
    assert watch["resourceVersion"] == "550"
    assert watch["allowWatchBookmarks"] == "true"
    assert 240 <= int(watch["timeoutSeconds"]) <= 300


async def test_what_happens_between_list_and_watch_is_not_lost(
    api: FakeKubeApi, follower: Follower
) -> None:
    api.fail(Hang(), path=WATCH)
    async with running(follower):
        await until(lambda: api.count("GET", WATCH) == 1)
        api.account("a", "between", ANNOTATIONS)
        await until(knows(follower, "between"))


async def test_it_follows_what_is_added_changed_and_deleted(
    api: FakeKubeApi, steady: Follower
) -> None:
    api.account("a", "c")
    await until(knows(steady, "c"))
    api.account("a", "c", ANNOTATIONS)
    await until(lambda: getattr(steady.store.find("a", "c"), "client_id", None) == CLIENT)
    api.remove("serviceaccounts", "c", "a")
    await until(lambda: steady.store.find("a", "c") is None)
    assert steady.failures == 0


async def test_a_watch_that_ends_is_resumed_where_it_was(
    api: FakeKubeApi, steady: Follower, time: Time
) -> None:
    api.account("other", "c")
    api.remove("serviceaccounts", "c", "other")
    api.bookmark()
    await until(lambda: steady._version == "103")
    time.now += 250
    api.end_watches()
    await until(lambda: api.count("GET", WATCH) == 2)

    assert api.requests[-1].query["resourceVersion"] == "103"
    assert time.waits == []
    assert steady.lists == 1
    assert steady.failures == 0


async def test_a_watch_that_lived_out_its_time_is_a_proof_of_being_current(
    api: FakeKubeApi, steady: Follower, time: Time
) -> None:
    """In a cluster where nothing happens there are no bookmarks."""
    time.now += 250
    assert steady.age_seconds == 250
    await end_watch(api)

    assert steady.age_seconds == 0


async def test_a_watch_that_ends_at_once_again_and_again_does_not_spin(
    api: FakeKubeApi, follower: Follower, time: Time
) -> None:
    api.fail(Answer(200, b""), path=WATCH, times=None)
    async with running(follower):
        await until(lambda: len(time.waits) >= 12)

    assert time.waits[:8] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6]
    assert time.waits[8:12] == [30.0] * 4
    assert follower.lists == 1


async def test_a_version_that_is_gone_leads_to_a_new_list(
    api: FakeKubeApi, steady: Follower, time: Time
) -> None:
    api.fail(Hang(), path=WATCH)
    time.now += 250
    api.end_watches()
    await until(lambda: api.watches == 0)
    api.remove("serviceaccounts", "b", "a")
    api.account("a", "c", ANNOTATIONS)
    api.compact()

    await until(lambda: steady.lists == 2)
    assert steady.store.find("a", "b") is None
    assert steady.store.find("a", "c") is not None
    assert steady.store.size == 1


async def test_so_does_an_error_event(api: FakeKubeApi, steady: Follower) -> None:
    api.send_error(410, "Expired")

    await until(lambda: steady.lists == 2)
    await until(lambda: api.watches == 1)
    assert steady.failures == 1


async def test_the_old_content_is_served_until_the_new_list_is_whole(
    api: FakeKubeApi, steady: Follower
) -> None:
    for number in range(250):
        api.account("a", f"n{number}", ANNOTATIONS)
    await until(lambda: steady.store.size == 251)
    before = steady.store
    api.remove("serviceaccounts", "b", "a")
    await until(lambda: before.size == 250)
    api.fail(Hang(), path="continue=")

    api.send_error(410, "Expired")
    await until(lambda: api.count("GET", "continue=") == 1)

    assert steady.store is before
    assert steady.synced.is_set()
    await until(lambda: steady.lists == 2)
    assert steady.store is not before
    assert steady.store.size == 250


async def test_a_list_whose_pages_expire_starts_anew_and_comes_to_an_end(
    api: FakeKubeApi, follower: Follower
) -> None:
    for number in range(250):
        api.account("a", f"n{number}")
    api.fail(TOO_OLD, path="continue=", times=None)

    async with running(follower):
        await until(follower.synced.is_set)

    assert follower.store.size == 250
    limits = [seen.query.get("limit") for seen in api.requests if "continue" not in seen.query]
    assert limits[:4] == ["200", "200", "200", None]


@pytest.mark.parametrize(
    "failure",
    [
        Answer(500),
        Answer(503),
        Answer(504, reason="Timeout"),
        Answer(200, b"{"),
        Answer(200, b"[]"),
        Answer(200, {"items": []}),
        Answer(200, {"metadata": {}, "items": []}),
        Answer(200, {"metadata": {"resourceVersion": "1"}, "items": {}}),
        Answer(200, {"metadata": {"resourceVersion": "1"}, "items": ["x"]}),
        Answer(200, {"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {}}]}),
        Answer(401),
        Answer(403),
        Answer(429),
        Answer(410),
        Cut(after=30),
        Drop(),
        Hang(),
    ],
    ids=str,
)
async def test_trouble_with_the_list_is_waited_out(
    api: FakeKubeApi, follower: Follower, time: Time, failure: Any
) -> None:
    api.account("a", "b", ANNOTATIONS)
    times = 2 if isinstance(failure, Cut | Drop) else 1  # reads are tried twice by the client
    api.fail(failure, path=LIST, times=times)

    async with running(follower):
        await follower.synced.wait()

    assert follower.store.size == 1
    assert follower.failures == 1
    assert follower.problem == ""
    assert time.waits == [0.2]


@pytest.mark.parametrize(
    "failure",
    [
        Answer(500),
        Answer(200, b"{\n"),
        Answer(200, b'{"type": "ADDED", "object": {}}\n'),
        Answer(200, b'{"type": "BOOKMARK", "object": {"metadata": {}}}\n'),
        Answer(200, b'{"type": "ADDED", "obj'),
        Answer(401),
        Answer(403),
        Answer(429),
        Answer(404),
        Cut(after=10),
        Drop(),
        Hang(),
    ],
    ids=str,
)
async def test_trouble_with_the_watch_is_waited_out_without_a_new_list(
    api: FakeKubeApi, follower: Follower, time: Time, failure: Any
) -> None:
    api.account("a", "b", ANNOTATIONS)
    api.fail(failure, path=WATCH, times=2 if isinstance(failure, Drop) else 1)

    async with running(follower):
        await follower.synced.wait()
        await until(lambda: api.count("GET", WATCH) >= 1)
        api.account("a", "c", ANNOTATIONS)
        await until(knows(follower, "c"))

    assert follower.lists == 1
    assert follower.failures == 1
    assert time.waits == [0.2]


async def test_an_api_server_that_is_away_is_waited_for(
    api: FakeKubeApi, steady: Follower, time: Time
) -> None:
    await api.stop()
    await until(lambda: len(time.waits) > 3)
    assert steady.store.size == 1
    assert steady.synced.is_set()
    assert "can't be reached" in steady.problem
    api.account("a", "c", ANNOTATIONS)

    await api.start()

    await until(knows(steady, "c"))
    assert steady.lists == 1
    assert steady.problem == ""


async def test_a_cluster_that_was_set_back_is_listed_anew(
    api: FakeKubeApi, steady: Follower
) -> None:
    """A watch from a version that is yet to come would hear nothing until then."""
    for number in range(20):
        api.account("a", f"n{number}")
    await until(lambda: steady.store.size == 21)
    await api.stop()
    for number in range(20):
        api.remove("serviceaccounts", f"n{number}", "a")
    api.rewind(105)
    await api.start()

    await until(lambda: steady.lists == 2)
    assert steady.store.size == 1


async def test_of_a_cluster_that_was_set_back_nothing_is_kept(
    api: FakeKubeApi, steady: Follower
) -> None:
    """The same version of an object may stand for another content there."""
    api.account("a", "c", {})
    for number in range(20):
        api.account("a", f"n{number}")
    await until(lambda: steady.store.size == 22)
    await api.stop()
    for name in ("c", *(f"n{number}" for number in range(20))):
        api.remove("serviceaccounts", name, "a")
    before = steady.store.find("a", "c")
    assert before is not None
    api.rewind(int(before.resource_version) - 1)
    api.account("a", "c", ANNOTATIONS)
    await api.start()

    await until(lambda: steady.lists == 2)
    after = steady.store.find("a", "c")
    assert after is not None
    assert after.resource_version == before.resource_version
    assert after.client_id is not None


async def test_the_server_says_how_long_to_wait(
    api: FakeKubeApi, follower: Follower, time: Time
) -> None:
    api.fail(Answer(429, headers={"Retry-After": "7"}), path=LIST)
    api.fail(Answer(503, headers={"Retry-After": "86400"}), path=LIST)
    time.chance = 0.0

    async with running(follower):
        await follower.synced.wait()

    assert time.waits == [7.0, 60.0]


async def test_waits_start_short_again_after_a_steady_watch(
    api: FakeKubeApi, steady: Follower, time: Time
) -> None:
    for expected in (0.2, 0.4, 0.8):
        await end_watch(api)
        assert time.waits[-1] == expected

    time.now += 5
    api.send_error(500, "InternalError")
    await until(lambda: len(time.waits) > 3)
    assert time.waits[3] == 0.2


async def test_a_forbidden_list_is_told_once_with_the_rule_that_it_takes(
    api: FakeKubeApi, follower: Follower, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail(Answer(403), path=LIST, times=None)
    with caplog.at_level(logging.INFO, "azwi.webhook.accounts"):
        async with running(follower):
            await until(lambda: len(time.waits) >= 10)
            api.recover()
            await follower.synced.wait()

    told, recovered = caplog.records
    assert told.levelno == logging.WARNING
    assert told.__dict__["rule"] == (
        '{apiGroups: [""], resources: ["serviceaccounts"], verbs: ["list"]} in a ClusterRole'
    )
    assert told.__dict__["error"] == follower_error(told)
    assert "each is read when needed" in told.getMessage()
    assert recovered.levelno == logging.INFO
    assert recovered.getMessage() == "ServiceAccounts are followed again"


def follower_error(record: logging.LogRecord) -> str:
    rule = record.__dict__["rule"]
    return f"list /api/v1/serviceaccounts: told by the test; it takes the rule {rule}"


async def test_an_outage_is_told_once_and_its_end_too(
    api: FakeKubeApi, steady: Follower, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "azwi.webhook.accounts"):
        await api.stop()
        await until(lambda: len(time.waits) >= 10)
        await api.start()
        await until(lambda: api.watches == 1)
        api.bookmark()
        await until(lambda: steady.problem == "")

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "the last known stand" in caplog.messages[0]


async def test_nothing_is_logged_while_all_is_well(
    api: FakeKubeApi, steady: Follower, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            time.now += 250
            await end_watch(api)
            api.account("a", "c")
            api.bookmark()

    assert [record for record in caplog.records if record.name.startswith("azwi")] == []


async def test_cancelling_it_ends_its_connection_at_once(
    api: FakeKubeApi, follower: Follower
) -> None:
    stopping: Awaitable[None] = follower.run()
    task = asyncio.ensure_future(stopping)
    await until(lambda: api.watches == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: api.watches == 0)
