import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from identity.account import Account
from tests.builders import CLIENT, ours
from tests.fakes.kube_api import Answer, FakeKubeApi, Hang
from tests.webhook.accounts.time import Time
from tests.webhook.until import until
from webhook.accounts import STALE_SECONDS, AccountCache, AccountNotFound, AccountUnreadable
from webhook.kube import KubeClient

ANNOTATIONS = ours({"client-id": CLIENT})
WATCH = "watch=1"
OTHER = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def cache(api: FakeKubeApi, client: KubeClient, time: Time) -> AsyncIterator[AccountCache]:
    """One that runs, is in sync and watches; the server has the account a/b."""
    api.account("a", "b", ANNOTATIONS)
    cache = AccountCache(client, pace=time.pace)
    task = asyncio.create_task(cache.run())
    await cache.wait_synced()
    await until(lambda: api.watches == 1)
    yield cache
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def idle(client: KubeClient, time: Time) -> AccountCache:
    """One that does not run."""
    return AccountCache(client, pace=time.pace)


def live_reads(api: FakeKubeApi) -> int:
    return api.count("GET", r"/namespaces/[^/]+/serviceaccounts/")


async def stale(cache: AccountCache, time: Time) -> None:
    time.now += STALE_SECONDS + 1
    assert cache.age_seconds() > STALE_SECONDS


async def test_a_known_account_is_answered_from_memory(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    assert cache.peek("a", "b") == Account("a", "b", "101", client_id=CLIENT)
    assert await cache.get("a", "b") == cache.peek("a", "b")
    assert cache.size == 1
    assert live_reads(api) == 0


async def test_what_the_watch_brings_is_known(api: FakeKubeApi, cache: AccountCache) -> None:
    api.account("a", "c", ANNOTATIONS)
    await until(lambda: cache.peek("a", "c") is not None)

    api.remove("serviceaccounts", "c", "a")
    await until(lambda: cache.peek("a", "c") is None)
    with pytest.raises(AccountNotFound):
        await cache.get("a", "c")


async def test_an_account_that_is_not_known_is_read_live_and_left_to_the_watch(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    api.end_watches()
    api.fail(Answer(500), path=WATCH, times=None)
    await until(lambda: api.watches == 0)
    api.account("a", "created-just-now", ANNOTATIONS)

    assert cache.peek("a", "created-just-now") is None
    assert (await cache.get("a", "created-just-now")).client_id == CLIENT
    assert cache.size == 1
    assert cache.live_reads == 1

    api.recover()
    await until(lambda: cache.peek("a", "created-just-now") is not None)


async def test_one_that_is_nowhere_is_not_found(cache: AccountCache) -> None:
    with pytest.raises(AccountNotFound):
        await cache.get("a", "nowhere")


async def test_one_that_can_not_be_asked_for_is_unreadable(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    api.fail(Answer(500), path="/namespaces/", times=None)

    with pytest.raises(AccountUnreadable):
        await cache.get("a", "unknown")
    assert (await cache.get("a", "b")).client_id == CLIENT


async def test_the_deadline_is_kept(api: FakeKubeApi, cache: AccountCache) -> None:
    """By itself the read would go on for longer, and then say that the server did not answer."""
    api.fail(Hang(), path="/namespaces/", times=None)
    deadline = asyncio.get_running_loop().time() + 0.1

    with pytest.raises(AccountUnreadable, match="no answer in time"):
        await cache.get("a", "unknown", deadline=deadline)


async def test_an_account_annotated_just_before_its_pod_is_seen(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    """The watch is held back: memory has the account from before."""
    api.account("a", "late")
    await until(lambda: cache.size == 2)
    api.fail(Hang(), path=WATCH)
    api.end_watches()
    await until(lambda: api.watches == 0)
    api.account("a", "late", ANNOTATIONS)

    assert cache.peek("a", "late") is None
    assert (await cache.get("a", "late")).client_id == CLIENT


async def test_an_account_without_an_identity_is_asked_about_once_in_five_seconds(
    api: FakeKubeApi, cache: AccountCache, time: Time
) -> None:
    api.account("a", "plain")
    await until(lambda: cache.size == 2)

    for _ in range(10):
        assert (await cache.get("a", "plain")).client_id is None
    assert live_reads(api) == 1

    time.now += 5.0
    await cache.get("a", "plain")
    assert live_reads(api) == 2


async def test_so_it_is_when_it_was_not_known_at_first(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    api.fail(Hang(), path=WATCH)
    api.end_watches()
    await until(lambda: api.watches == 0)
    api.account("a", "plain")

    for _ in range(3):
        assert (await cache.get("a", "plain")).client_id is None
    assert live_reads(api) == 3  # unknown: each is asked for, the account may be gone again

    await until(lambda: cache.size == 2)
    await cache.get("a", "plain")
    assert live_reads(api) == 3


async def test_what_the_watch_brings_wins_over_what_is_remembered(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    api.account("a", "plain")
    await until(lambda: cache.size == 2)
    assert (await cache.get("a", "plain")).client_id is None

    api.account("a", "plain", ANNOTATIONS)
    await until(lambda: cache.peek("a", "plain") is not None)
    assert (await cache.get("a", "plain")).client_id == CLIENT

    api.account("a", "plain", {"x": "y"})
    await until(lambda: cache.peek("a", "plain") is None)
    assert (await cache.get("a", "plain")).resource_version == "104"


async def test_what_is_known_stands_when_the_doubt_can_not_be_cleared(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    """... and the next pods do not wait for it again."""
    api.account("a", "plain")
    await until(lambda: cache.size == 2)
    api.fail(Hang(), path="/namespaces/", times=None)

    for _ in range(5):
        assert (await cache.get("a", "plain")).name == "plain"

    assert cache.live_reads == 1


async def test_an_account_deleted_just_now_is_not_found(
    api: FakeKubeApi, cache: AccountCache
) -> None:
    api.account("a", "plain")
    await until(lambda: cache.size == 2)
    api.fail(Answer(404), path="/namespaces/")

    with pytest.raises(AccountNotFound):
        await cache.get("a", "plain")


async def test_memory_that_is_too_old_is_checked_and_stands_if_nobody_answers(
    api: FakeKubeApi, cache: AccountCache, time: Time
) -> None:
    """As when the right to watch was withdrawn: what is read still serves, and is right."""
    api.fail(Answer(403), path=WATCH, times=None)
    api.end_watches()
    await until(lambda: api.watches == 0)
    api.account("a", "b", ours({"client-id": OTHER}))
    assert (await cache.get("a", "b")).client_id == CLIENT
    await stale(cache, time)

    assert cache.peek("a", "b") is None
    assert (await cache.get("a", "b")).client_id == OTHER
    time.now += 10
    api.fail(Answer(500), path="/namespaces/", times=None)
    assert (await cache.get("a", "b")).client_id == CLIENT


async def test_nothing_is_known_before_the_first_list(idle: AccountCache, api: FakeKubeApi) -> None:
    api.account("a", "b", ANNOTATIONS)

    assert not idle.synced
    assert idle.size == 0
    assert idle.age_seconds() == math.inf
    assert idle.peek("a", "b") is None
    assert (await idle.get("a", "b")).client_id == CLIENT


async def test_it_says_how_current_it_is(api: FakeKubeApi, cache: AccountCache, time: Time) -> None:
    assert cache.synced
    assert cache.relists == 0
    assert cache.age_seconds() == 0.0

    time.now += 42
    assert cache.age_seconds() == 42.0
    api.bookmark()
    await until(lambda: cache.age_seconds() == 0.0)


async def test_what_is_remembered_is_bounded(
    api: FakeKubeApi, idle: AccountCache, time: Time
) -> None:
    for number in range(1100):
        idle._remember(Account("a", f"n{number}", "1"))
    assert len(idle._lately) == 1024

    time.now += 5.0
    idle._remember(Account("a", "last", "1"))
    assert len(idle._lately) == 1
