import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from entra.errors import NO_TRACE, EntraError, Throttled, Unauthenticated, Unavailable
from entra.sign_in.cache import TokenCache
from entra.token_answers import Grant
from entra.tokens import AccessToken
from tests.fakes.entra_tokens import Clock

SCOPE = "https://graph.example/.default"


class Issuer:
    """Gives tokens `scope-1`, `scope-2`...; fails and waits on demand."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lifetime = 3600.0
        self.refresh_in: float | None = None
        self.failures: list[EntraError] = []
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: str) -> Grant:
        self.asked.append(scope)
        number = len(self.asked)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        token = AccessToken(f"{scope}-{number}", self.clock() + self.lifetime)
        return Grant(token, self.lifetime, self.refresh_in, NO_TRACE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def cache(issuer: Issuer, clock: Clock) -> TokenCache:
    return TokenCache(issuer, clock)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def gathered(
    issuer: Issuer, ask: Callable[[], Awaitable[AccessToken]], many: int
) -> list[AccessToken | BaseException]:
    """Ask many times while the first request is held, then let it go."""
    issuer.gate.clear()
    tasks = [asyncio.ensure_future(ask()) for _ in range(many)]
    await settled()
    issuer.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def values(tokens: list[AccessToken | BaseException]) -> set[str]:
    return {token.value if isinstance(token, AccessToken) else repr(token) for token in tokens}


async def test_a_token_is_asked_for_once_and_kept(cache: TokenCache, issuer: Issuer) -> None:
    tokens = [await cache.token(SCOPE) for _ in range(3)]

    assert {token.value for token in tokens} == {f"{SCOPE}-1"}
    assert issuer.asked == [SCOPE]


async def test_each_scope_has_a_token_of_its_own(cache: TokenCache) -> None:
    assert (await cache.token("a")).value == "a-1"
    assert (await cache.token("b")).value == "b-2"
    assert (await cache.token("a")).value == "a-1"


async def test_those_who_ask_at_the_same_time_share_one_request(
    cache: TokenCache, issuer: Issuer
) -> None:
    tokens = await gathered(issuer, lambda: cache.token(SCOPE), 50)

    assert values(tokens) == {f"{SCOPE}-1"}
    assert issuer.asked == [SCOPE]


async def test_they_share_its_failure_too(cache: TokenCache, issuer: Issuer) -> None:
    failure = Unavailable("away")
    issuer.failures = [failure]

    assert await gathered(issuer, lambda: cache.token(SCOPE), 50) == [failure] * 50
    assert issuer.asked == [SCOPE]


async def test_after_a_failure_the_next_one_asks_again(cache: TokenCache, issuer: Issuer) -> None:
    issuer.failures = [Unavailable("away")]
    with pytest.raises(Unavailable):
        await cache.token(SCOPE)

    assert (await cache.token(SCOPE)).value == f"{SCOPE}-2"


async def test_when_the_one_that_asks_is_cancelled_the_next_one_does(
    cache: TokenCache, issuer: Issuer
) -> None:
    issuer.gate.clear()
    first, second = (asyncio.create_task(cache.token(SCOPE)) for _ in range(2))
    await settled()

    first.cancel()
    await settled()
    issuer.gate.set()

    assert (await second).value == f"{SCOPE}-2"
    assert first.cancelled()


@pytest.mark.parametrize(
    ("lifetime", "refresh_in", "renewed_after"),
    [
        (3600.0, None, 3300.0),  # five minutes before it ends
        (3600.0, 1800.0, 1800.0),  # as Entra ID asks for
        (86400.0, None, 43200.0),  # halfway, if it lives long
        (400.0, None, 200.0),  # halfway, if there are no five minutes
        (3600.0, 9999.0, 3300.0),  # a wish that makes no sense
    ],
)
async def test_a_token_is_renewed_before_it_ends(
    *,
    cache: TokenCache,
    issuer: Issuer,
    clock: Clock,
    lifetime: float,
    refresh_in: float | None,
    renewed_after: float,
) -> None:
    issuer.lifetime, issuer.refresh_in = lifetime, refresh_in
    await cache.token(SCOPE)

    clock.now += renewed_after - 0.1
    assert (await cache.token(SCOPE)).value == f"{SCOPE}-1"
    clock.now += 0.2
    assert (await cache.token(SCOPE)).value == f"{SCOPE}-2"


async def test_while_a_token_is_renewed_the_old_one_serves_the_others(
    cache: TokenCache, issuer: Issuer, clock: Clock
) -> None:
    await cache.token(SCOPE)
    clock.now += 3301
    issuer.gate.clear()
    renewal = asyncio.create_task(cache.token(SCOPE))
    await settled()

    assert (await cache.token(SCOPE)).value == f"{SCOPE}-1"
    issuer.gate.set()
    assert (await renewal).value == f"{SCOPE}-2"


@pytest.mark.parametrize("failure", [Unavailable("away"), Unauthenticated("the file is gone")])
async def test_while_a_renewal_fails_the_old_token_serves(
    *,
    cache: TokenCache,
    issuer: Issuer,
    clock: Clock,
    failure: EntraError,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await cache.token(SCOPE)
    clock.now += 3301
    issuer.failures = [failure] * 100

    with caplog.at_level(logging.WARNING):
        assert (await cache.token(SCOPE)).value == f"{SCOPE}-1"

    assert "going on with the last one" in caplog.text
    assert f"{SCOPE}-1" not in caplog.text.replace(SCOPE + "'", "")
    clock.now += 269  # 30 seconds are left
    with pytest.raises(type(failure)):
        await cache.token(SCOPE)


async def test_a_renewal_that_failed_is_tried_again_half_a_minute_later(
    cache: TokenCache, issuer: Issuer, clock: Clock
) -> None:
    await cache.token(SCOPE)
    clock.now += 3301
    issuer.failures = [Unavailable("away")]
    for _ in range(5):
        await cache.token(SCOPE)
    assert len(issuer.asked) == 2

    clock.now += 30
    assert (await cache.token(SCOPE)).value == f"{SCOPE}-3"


async def test_a_renewal_waits_as_long_as_the_service_asks(
    cache: TokenCache, issuer: Issuer, clock: Clock
) -> None:
    await cache.token(SCOPE)
    clock.now += 3301
    issuer.failures = [Throttled("slow", retry_after=120.0)]
    await cache.token(SCOPE)

    clock.now += 119
    await cache.token(SCOPE)
    assert len(issuer.asked) == 2
    clock.now += 2
    await cache.token(SCOPE)
    assert len(issuer.asked) == 3


async def test_a_token_that_was_refused_is_not_given_again(cache: TokenCache) -> None:
    token = await cache.token(SCOPE)

    cache.forget(SCOPE, token)

    assert (await cache.token(SCOPE)).value == f"{SCOPE}-2"


async def test_forgetting_an_old_token_leaves_the_newer_one(
    cache: TokenCache, issuer: Issuer
) -> None:
    old = await cache.token(SCOPE)
    cache.forget(SCOPE, old)
    new = await cache.token(SCOPE)

    cache.forget(SCOPE, old)
    cache.forget("another", old)

    assert await cache.token(SCOPE) == new
    assert len(issuer.asked) == 2


async def test_a_hundred_who_forget_the_same_token_cause_one_request(
    cache: TokenCache, issuer: Issuer
) -> None:
    token = await cache.token(SCOPE)

    async def refused() -> AccessToken:
        cache.forget(SCOPE, token)
        return await cache.token(SCOPE)

    tokens = await gathered(issuer, refused, 100)

    assert values(tokens) == {f"{SCOPE}-2"}
    assert len(issuer.asked) == 2


async def test_a_forgotten_token_does_not_come_back_when_the_renewal_fails(
    cache: TokenCache, issuer: Issuer
) -> None:
    cache.forget(SCOPE, await cache.token(SCOPE))
    issuer.failures = [Unavailable("away")]

    with pytest.raises(Unavailable):
        await cache.token(SCOPE)


async def test_a_token_that_lives_for_seconds_is_given_all_the_same(
    cache: TokenCache, issuer: Issuer
) -> None:
    issuer.lifetime = 10.0
    issuer.failures = [Unavailable("away")]
    with pytest.raises(Unavailable):
        await cache.token(SCOPE)

    tokens = await gathered(issuer, lambda: cache.token(SCOPE), 3)

    assert values(tokens) == {f"{SCOPE}-2"}
    assert issuer.asked == [SCOPE, SCOPE]
