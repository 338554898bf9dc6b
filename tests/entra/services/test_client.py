"""All of it together, while everything that can fail does."""

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

import httpx
import pytest

from entra.errors import Transient
from entra.http import CallEnd
from entra.model import Identity, Kind
from tests.entra.services.bench import Bench, numbered
from tests.fakes.entra_services import FakeServices, Json, Keeper, breaks, refusal
from tests.fakes.virtual_time import elapsed

IDENTITIES, EACH = 10, 20


def identities(bench: Bench) -> list[Identity]:
    return [bench.identity(kind, f"app-{n}") for kind in Kind for n in range(IDENTITIES // 2)]


async def fill(bench: Bench, identity: Identity) -> None:
    async with bench.entra.writers.of(identity) as writer:
        for number in range(EACH):
            await writer.create(numbered(number))


async def all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


async def persistently(work: Callable[[], Awaitable[None]]) -> None:
    """Begin again, as a controller does, when one call's patience has ended."""
    for _ in range(5):
        with contextlib.suppress(Transient):
            return await work()
    return await work()


def assert_exactly_right(bench: Bench, identity: Identity) -> None:
    there = bench.services.there(identity)
    assert {(name, one["issuer"], one["subject"]) for name, one in there.items()} == {
        (wanted.name, wanted.issuer, wanted.subject) for wanted in map(numbered, range(EACH))
    }


async def test_200_credentials_cost_210_calls() -> None:
    bench = Bench()
    wanted = identities(bench)
    await all_of(fill(bench, identity) for identity in wanted)
    for identity in wanted:
        assert_exactly_right(bench, identity)
    assert len(bench.services.requests) == 210
    assert bench.entra.budget.calls == {
        "graph list": 5,
        "graph write": 100,
        "arm list": 5,
        "arm write": 100,
    }


async def test_at_published_rates_managed_identities_fill_in_64_seconds() -> None:
    bench = Bench(factor=1.0)
    wanted = [bench.identity(Kind.MANAGED_IDENTITY, f"app-{n}") for n in range(5)]
    await all_of(fill(bench, identity) for identity in wanted)
    assert elapsed() == pytest.approx(64.0)
    assert bench.entra.budget.seconds_waited["arm write"] == pytest.approx(5 * 64.0)


class Storm(FakeServices):
    """Fails one call in three, before or after doing it, and shows old states."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        chance = self.chance
        if chance.random() < 0.35:
            failure = chance.choice(
                [
                    refusal(429, "TooManyRequests", Retry_After=str(chance.randint(0, 9))),
                    refusal(503, "serviceNotAvailable"),
                    refusal(500),
                    refusal(
                        409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
                    ),
                    breaks(httpx.ReadTimeout("late")),
                    breaks(httpx.ConnectError("down")),
                ]
            )
            self.fail("", failure, after_doing=chance.random() < 0.5)
        self.latency = chance.random()
        return await super().handle_async_request(request)

    def shown(self, keeper: Keeper) -> dict[str, Json]:
        """Every other read shows what was there some seconds ago."""
        behind = self.chance.choice([0.0, self.chance.uniform(0.0, 30.0)])
        then = asyncio.get_running_loop().time() - behind
        old = (state for at, state in keeper.before if at > then)
        return next(old, keeper.credentials)


@pytest.mark.parametrize("round_", range(5))
async def test_in_a_storm_it_ends_exactly_right(round_: int) -> None:
    seed = int(os.environ.get("AZWI_SEED", "0")) or random.randrange(1, 10**9)
    print(f"AZWI_SEED={seed}")  # noqa: T201 - told where the test fails
    bench = Bench(seed=seed, services=Storm(random.Random(seed)))
    wanted = identities(bench)
    await all_of(persistently(partial(fill, bench, identity)) for identity in wanted)
    for identity in wanted:
        assert_exactly_right(bench, identity)

    async def change(identity: Identity) -> None:
        async with bench.entra.writers.of(identity) as writer:
            for number in range(0, EACH, 2):
                await writer.delete(numbered(number).name)
            for number in range(EACH, EACH + EACH // 2):
                await writer.create(numbered(number))

    await all_of(persistently(partial(change, identity)) for identity in wanted)
    for identity in wanted:
        left = {*range(1, EACH, 2), *range(EACH, EACH + EACH // 2)}
        assert set(bench.services.there(identity)) == {numbered(number).name for number in left}


async def test_each_try_is_told_by_kind_and_status() -> None:
    heard: list[CallEnd] = []
    bench = Bench(told=heard.append)
    application = bench.identity(Kind.APPLICATION)
    managed = bench.identity(Kind.MANAGED_IDENTITY)
    bench.services.fail("POST", refusal(503), times=2)
    bench.services.fail("DELETE", breaks(httpx.ReadTimeout("late")))
    for identity in (application, managed):
        async with bench.entra.writers.of(identity) as writer:
            await writer.create(numbered(1))
            await writer.delete(numbered(1).name)
    assert [(end.kind, end.status, end.error) for end in heard] == [
        ("graph list", 200, ""),
        ("graph write", 503, ""),
        ("graph write", 503, ""),
        ("graph write", 201, ""),
        ("graph delete", None, "Unreachable"),
        ("graph delete", 204, ""),
        ("arm list", 200, ""),
        ("arm write", 201, ""),
        ("arm delete", 200, ""),
    ]


async def test_closing_closes_the_transport() -> None:
    bench = Bench()
    async with bench.entra as entra:
        await entra.credentials.list(bench.identity(Kind.APPLICATION))
    assert bench.services.closed
