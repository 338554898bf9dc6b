"""What writers remember of an identity between turns: for how long, and when they do not."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest

from entra.errors import Denied, LimitReached, NameTaken, NotFound, PairTaken, Unreachable
from entra.model import Kind
from entra.retry import ONCE
from entra.writer import Writers
from tests.entra.services.bench import ISSUER, Bench, credential, numbered
from tests.fakes.entra_services import breaks, refusal
from tests.fakes.virtual_time import elapsed

both = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
LISTS = "^GET .*/federatedIdentityCredentials$"
WRITES = "^(POST|PUT|PATCH|DELETE) "
HOUR = 3600.0


@both
async def test_turns_in_a_row_list_once(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    for number in range(20):
        async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
            assert len(writer.observed) == number
            await writer.create(numbered(number))
            await asyncio.sleep(100.0)
    assert len(bench.services.calls(LISTS)) == 1
    assert len(bench.services.there(identity)) == 20


async def test_it_lists_again_after_that_time_however_much_was_written_since() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.latency = 1.0
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        assert writer.listed_at == bench.pace.now() - 1.0  # when it began
    await asyncio.sleep(HOUR - 10.0)
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        await writer.create(credential())
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    await asyncio.sleep(10.0)
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        assert {one.name for one in writer.observed} == {"aks-app", "by-hand"}


async def test_who_asks_for_nothing_lists_and_others_go_by_that() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    async with bench.entra.writers.of(identity, known_for=HOUR):
        pass
    await asyncio.sleep(HOUR - 1.0)
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    async with bench.entra.writers.of(identity) as writer:
        assert [one.name for one in writer.observed] == ["by-hand"]
    await asyncio.sleep(HOUR - 1.0)
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        assert [one.name for one in writer.observed] == ["by-hand"]
    assert len(bench.services.calls(LISTS)) == 2


async def test_by_default_every_turn_lists_even_at_the_same_moment() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    for _ in range(3):
        async with bench.entra.writers.of(identity):
            pass
    assert len(bench.services.calls(LISTS)) == 3
    assert elapsed() == 0.0


@both
async def test_a_write_that_failed_makes_the_next_turn_list(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.fail(WRITES, refusal(403, "Authorization_RequestDenied"))
    with pytest.raises(Denied):
        async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
            await writer.create(credential())
    async with bench.entra.writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 2
    async with bench.entra.writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 2


@both
async def test_a_failed_write_that_the_block_shrugs_off_does_so_too(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.fail(WRITES, breaks(httpx.ReadTimeout("late")), times=1000, after_doing=True)
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        with suppress(Unreachable):
            await writer.delete("aks-app")
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        assert [one.name for one in writer.observed] == ["by-hand"]


async def test_a_cancelled_write_makes_the_next_turn_list() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.latency = 10.0

    async def write() -> None:
        async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
            await writer.create(credential())

    task = asyncio.create_task(write())
    await asyncio.sleep(25.0)  # the service has it, and is at work
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with bench.entra.writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 2


async def test_a_list_that_failed_leaves_nothing_known() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    bench.services.fail("^GET", refusal(403, "Authorization_RequestDenied"))
    with pytest.raises(Denied):
        async with bench.entra.writers.of(identity, known_for=HOUR):
            pytest.fail("it could not be listed")
    assert bench.entra.writers.remembered == 0
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        assert [one.name for one in writer.observed] == ["by-hand"]


async def test_an_error_of_the_block_alone_leaves_it_known() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    with pytest.raises(ZeroDivisionError):
        async with bench.entra.writers.of(identity, known_for=HOUR):
            raise ZeroDivisionError
    async with bench.entra.writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 1


@both
async def test_what_memory_shows_to_be_taken_is_looked_at_before_it_is_refused(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "aks-app", ISSUER, "somebody")
    bench.services.put(identity, "by-hand", ISSUER, credential().subject)
    async with bench.entra.writers.of(identity, known_for=HOUR):
        pass
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        with pytest.raises(NameTaken):
            await writer.create(credential())
        with pytest.raises(PairTaken):
            await writer.create(credential("aks-other"))
        assert len(bench.services.calls(LISTS)) == 2  # once in a turn is enough
    bench.services.there(identity).clear()
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        await writer.create(credential())
    assert set(bench.services.there(identity)) == {"aks-app"}


async def test_slots_that_became_free_are_found() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    for number in range(20):
        bench.services.put(identity, f"by-hand-{number}", ISSUER, f"subject-{number}")
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        with pytest.raises(LimitReached):
            await writer.create(credential())
    del bench.services.there(identity)["by-hand-3"]
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        await writer.create(credential())
    assert "aks-app" in bench.services.there(identity)


async def test_an_update_of_what_somebody_made_meanwhile_is_found() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    async with bench.entra.writers.of(identity, known_for=HOUR):
        pass
    bench.services.put(identity, "aks-app", ISSUER, "somebody")
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        await writer.update(credential())
    assert bench.services.there(identity)["aks-app"]["subject"] == credential().subject
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        with pytest.raises(NotFound):
            await writer.update(credential("aks-other"))


async def test_a_pair_that_was_taken_meanwhile_is_found_by_the_service() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    async with bench.entra.writers.of(identity, known_for=HOUR):
        pass
    bench.services.put(identity, "by-hand", ISSUER, credential().subject)
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        with pytest.raises(PairTaken) as taken:
            await writer.create(credential())
    assert taken.value.holder is not None
    assert taken.value.holder.name == "by-hand"
    assert elapsed() == 0.0


async def test_a_look_is_taken_when_asked_for() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    async with bench.entra.writers.of(identity, known_for=HOUR):
        pass
    await asyncio.sleep(60.0)
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    async with bench.entra.writers.of(identity, known_for=HOUR) as writer:
        assert bench.pace.now() - writer.listed_at == 60.0
        await writer.look()
        assert writer.listed_at == bench.pace.now()
        assert [one.name for one in writer.observed] == ["by-hand"]


async def test_what_is_forgotten_is_listed() -> None:
    bench = Bench()
    writers, identity = bench.entra.writers, bench.identity(Kind.APPLICATION)
    writers.forget(identity)  # nothing is known
    async with writers.of(identity, known_for=HOUR):
        pass
    assert writers.remembered == 1
    writers.forget(identity)
    assert writers.remembered == 0
    async with writers.of(identity, known_for=HOUR):
        writers.forget(identity)  # within a turn: for the next one
    async with writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 3
    async with writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 3


async def test_forgetting_leaves_our_last_writes_known_better_than_stale_reads() -> None:
    bench = Bench()
    writers, identity = bench.entra.writers, bench.identity(Kind.APPLICATION)
    async with writers.of(identity, known_for=HOUR) as writer:
        await writer.create(credential())
    writers.forget(identity)
    bench.services.stale_reads = 1
    async with writers.of(identity, known_for=HOUR) as writer:
        assert [one.name for one in writer.observed] == ["aks-app"]


async def test_memory_is_let_go_after_the_longest_time_that_was_asked_for() -> None:
    bench = Bench()
    writers = bench.entra.writers
    for number in range(10):
        async with writers.of(bench.identity(Kind.APPLICATION, f"app-{number}"), known_for=HOUR):
            pass
    async with writers.of(bench.identity(Kind.APPLICATION, "once")):
        pass
    assert writers.remembered == 10
    await asyncio.sleep(HOUR)
    async with writers.of(bench.identity(Kind.APPLICATION, "once")):
        pass
    assert writers.remembered == 0


async def test_nothing_is_known_for_longer_than_the_settings_allow() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    writers = Writers(bench.entra.credentials, ONCE, bench.pace, longest_known=60.0)
    async with writers.of(identity, known_for=HOUR):
        pass
    await asyncio.sleep(59.0)
    async with writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 1
    await asyncio.sleep(1.0)
    async with writers.of(identity, known_for=HOUR):
        assert len(bench.services.calls(LISTS)) == 2


async def test_who_waits_in_line_goes_by_what_the_one_before_it_listed() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.latency = 1.0

    async def turn(**known: Any) -> None:
        async with bench.entra.writers.of(identity, **known):
            await asyncio.sleep(1.0)

    await asyncio.gather(turn(), turn(known_for=HOUR), turn(known_for=HOUR))
    assert len(bench.services.calls(LISTS)) == 1
