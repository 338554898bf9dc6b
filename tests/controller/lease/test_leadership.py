"""Leadership, in virtual time: outages, lost answers, stopped processes, two contenders."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controller.config.settings import LeaseSettings
from controller.lease import Leadership, NotLeading
from tests.controller.lease.api_server import LeaseServer, Wire
from tests.fakes.virtual_time import VirtualTimeLoop, elapsed, virtual_pace

SETTINGS = LeaseSettings("azwi", "azwi-controller", "a", duration=30.0, renew=5.0, retry=2.0)


@dataclass
class Contender:
    leadership: Leadership
    wire: Wire
    task: asyncio.Task[None]

    def assured(self, seconds: float = 0.0) -> bool:
        try:
            self.leadership.assure(seconds)
        except NotLeading:
            return False
        return True

    async def stop(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task

    async def vanish(self) -> None:
        """End as by kill -9: nothing is given up."""
        self.wire.down = True
        await self.stop()


def contend(server: LeaseServer, identity: str) -> Contender:
    wire = Wire(server)
    leadership = Leadership(wire, replace(SETTINGS, identity=identity), virtual_pace())
    return Contender(leadership, wire, asyncio.create_task(leadership.run()))


@asynccontextmanager
async def contenders(
    server: LeaseServer, *names: str, delay: float = 0.01
) -> AsyncIterator[list[Contender]]:
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            contender = contend(server, name)
            contender.wire.delay = lambda: delay
            stack.push_async_callback(_ended, contender)
            found.append(contender)
            await asyncio.sleep(1.0)
        yield found


async def _ended(contender: Contender) -> None:
    contender.task.cancel()
    await asyncio.gather(contender.task, return_exceptions=True)


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


def a_lease(holder: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "azwi-controller", "namespace": "azwi", "labels": {"team": "x"}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30, "renewTime": "r1", **spec},
    }


async def test_the_first_one_makes_the_lease_and_leads(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await a.leadership.wait_leading()
        assert a.leadership.leading
        assert a.leadership.holder == server.holder == "a"
        assert server.spec["leaseDurationSeconds"] == 30
        assert server.spec["leaseTransitions"] == 0
        assert server.spec["acquireTime"] == server.spec["renewTime"]


async def test_a_second_one_stands_by_and_knows_the_holder(server: LeaseServer) -> None:
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(300)
        assert (a.leadership.leading, b.leadership.leading) == (True, False)
        assert b.leadership.holder == "a"
        with pytest.raises(NotLeading, match=r"ours for 0\.0 s more"):
            b.leadership.assure(0.0)


async def test_a_steady_state_is_one_write_for_each_renewal(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await a.leadership.wait_leading()
        a.wire.calls.clear()
        await asyncio.sleep(500)
        assert a.wire.calls.count("PUT") == pytest.approx(100, abs=1)
        assert set(a.wire.calls) == {"PUT"}


async def test_the_lease_is_ours_from_when_the_renewal_was_sent(server: LeaseServer) -> None:
    async with contenders(server, "a", delay=2.0) as [a]:
        await a.leadership.wait_leading()
        # Two seconds to learn that there is none; then the write is sent, and takes four.
        assert elapsed() == 6.0
        a.leadership.assure(26.0)
        with pytest.raises(NotLeading, match=r"for 26\.0 s more, and the call may take 27 s"):
            a.leadership.assure(26.6)
        a.wire.delay = lambda: 0.01


async def test_it_is_taken_as_soon_as_it_is_given_up(server: LeaseServer) -> None:
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(60)
        before = elapsed()
        await a.stop()
        assert server.holder == ""
        assert not a.leadership.leading
        await b.leadership.wait_leading()
        assert elapsed() - before < 3.0
        assert server.spec["leaseTransitions"] == 1


async def test_a_silent_holder_is_waited_for_and_then_replaced(server: LeaseServer) -> None:
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(61)
        last = _sent_last(server)
        await a.vanish()
        await b.leadership.wait_leading()
        assert 30.0 <= elapsed() - last <= 30.0 + 2 * 2.4 + 0.1
        assert server.holder == "b"


def _sent_last(server: LeaseServer) -> float:
    """When the latest renewal was, nearly: they are 5 s apart, and begin near second 0."""
    return elapsed() - (elapsed() % 5.0)


async def test_a_holder_that_counts_longer_than_we_do_is_waited_for_as_long_as_it_says(
    server: LeaseServer,
) -> None:
    server.put(a_lease("z", leaseDurationSeconds=90))
    async with contenders(server, "a") as [a]:
        await a.leadership.wait_leading()
        assert elapsed() >= 90.0
        assert server.stored is not None
        assert server.stored["metadata"]["labels"] == {"team": "x"}
        assert server.spec["leaseTransitions"] == 1


async def test_a_restart_takes_its_own_lease_back_at_once(server: LeaseServer) -> None:
    async with contenders(server, "a") as [first]:
        await asyncio.sleep(60)
        await first.vanish()
        again = contend(server, "a")
        await asyncio.sleep(0.1)
        assert again.leadership.leading
        assert server.spec["leaseTransitions"] == 0
        await again.stop()


async def test_two_of_one_name_do_not_both_lead(server: LeaseServer) -> None:
    """Whoever starts later takes the Lease for its own; the other one sees that at its renewal."""
    async with contenders(server, "a") as [first]:
        await asyncio.sleep(60)
        second = contend(server, "a")
        await asyncio.sleep(5.2)
        assert [first.assured(), second.assured()] == [False, True]
        for _ in range(100):
            await asyncio.sleep(1)
            assert [first.assured(), second.assured()] == [False, True]
        await first.stop()
        assert server.holder == "a", "it is not given up by who doesn't hold it"
        await second.stop()


async def test_a_short_outage_costs_nothing(server: LeaseServer) -> None:
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(60)
        lost = asyncio.create_task(a.leadership.wait_lost())
        for wire in (a.wire, b.wire):
            wire.down = True
        await asyncio.sleep(20)
        for wire in (a.wire, b.wire):
            wire.down = False
        await asyncio.sleep(60)
        assert not lost.done()
        assert (server.holder, server.spec["leaseTransitions"]) == ("a", 0)
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)


@pytest.mark.parametrize("failure", ["down", "refusing"])
async def test_an_outage_beyond_the_lease_is_a_loss_on_the_second_and_is_told(
    server: LeaseServer, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(60)
        a.wire.hang = 5.0  # one call is under way when the Lease ends
        setattr(a.wire, failure, True)
        began = elapsed()
        left = _left(a)
        with caplog.at_level(logging.INFO, "azwi.controller.lease"):
            await a.leadership.wait_lost()
        assert elapsed() - began == pytest.approx(left, abs=0.01)
        assert "Lease lost" in caplog.messages
        setattr(a.wire, failure, False)
        await a.leadership.wait_leading()
        assert server.spec["leaseTransitions"] == 0, "nobody else had it"


def _left(contender: Contender) -> float:
    return next(
        seconds / 100 for seconds in range(3000, -1, -1) if contender.assured(seconds / 100)
    )


async def test_lost_answers_of_renewals_that_went_through_are_no_loss_while_it_lasts(
    server: LeaseServer,
) -> None:
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(60)
        a.wire.answers_lost = True
        await asyncio.sleep(20)
        assert a.assured()
        a.wire.answers_lost = False
        await asyncio.sleep(10)
        assert a.assured()
        assert _left(a) > 20
        assert not b.assured()


async def test_lost_answers_only_mean_that_nobody_leads(server: LeaseServer) -> None:
    """The holder can't know that its renewals arrive; the standby sees that they do."""
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(60)
        a.wire.answers_lost = True
        await a.leadership.wait_lost()
        await asyncio.sleep(5)
        assert (a.assured(), b.assured(), server.holder) == (False, False, "a")


async def test_another_holder_that_is_seen_ends_it_at_once(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(60)
        server.put(a_lease("z"))
        await a.leadership.wait_lost()
        assert elapsed() < 66.5
        assert a.leadership.holder == "z"
        assert not a.leadership.leading


async def test_a_process_that_was_stopped_does_not_lead_when_it_goes_on(
    server: LeaseServer,
) -> None:
    """Its renewal was sent before, and its answer waits for it."""
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(60)
        a.wire.frozen = asyncio.Event()
        await asyncio.sleep(6)
        await b.leadership.wait_leading()
        a.wire.frozen.set()
        a.wire.frozen = None
        assert not a.assured()
        await asyncio.sleep(20)
        assert (a.assured(), b.assured()) == (False, True)
        assert a.leadership.holder == "b"


async def test_a_jump_in_time_ends_what_was_assured(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(60)
        assert a.assured()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.advance(31)
        assert not a.assured()
        assert not a.leadership.leading


async def test_a_lease_that_is_deleted_is_made_anew_by_its_holder_only(
    server: LeaseServer,
) -> None:
    """Who held it may not know yet: a standby that saw it held waits as if it were silent."""
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(61)
        server.remove()
        for _ in range(100):
            await asyncio.sleep(1)
            assert not b.assured()
        assert a.assured()
        assert server.holder == "a"


async def test_a_lease_that_was_deleted_with_its_holder_gone_is_made_by_the_standby(
    server: LeaseServer,
) -> None:
    async with contenders(server, "a", "b") as [a, b]:
        await asyncio.sleep(61)
        await a.vanish()
        server.remove()
        await b.leadership.wait_leading()
        assert elapsed() >= 90


async def test_a_loss_is_told_even_if_the_lease_is_ours_again_at_once(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(60)
        server.put(a_lease(""))
        await a.leadership.wait_lost()
        await a.leadership.wait_leading()
        assert server.spec["leaseTransitions"] == 1


async def test_the_lease_of_another_is_not_given_up(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(61)
        server.put(a_lease("z"))
        await a.stop()
        assert server.holder == "z"


async def test_it_is_given_up_even_if_a_renewal_arrives_meanwhile(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await a.leadership.wait_leading()
        a.wire.arrives_anyway = True
        a.wire.delay = lambda: 0.3 if a.wire.calls[-1] == "PUT" else 0.08
        sent = len(a.wire.calls)
        while len(a.wire.calls) == sent:  # noqa: ASYNC110  the fake has no event for it
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await a.stop()
        assert server.holder == ""
        # Renewed, read, not released under the version that was read, read again, released.
        assert a.wire.calls[sent:] == ["PUT", "GET", "PUT", "GET", "PUT"]
        await asyncio.sleep(1)


async def test_the_end_is_a_loss_too(server: LeaseServer) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(60)
        lost = asyncio.create_task(a.leadership.wait_lost())
        await a.stop()
        await lost
        assert not a.leadership.leading


async def test_giving_up_has_an_end_when_the_api_server_is_away(
    server: LeaseServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with contenders(server, "a") as [a]:
        await asyncio.sleep(60)
        began = elapsed()
        with caplog.at_level(logging.WARNING, "azwi.controller.lease"):
            await a.vanish()
        assert elapsed() - began <= 2.0
        assert caplog.messages[-1] == "Lease not given up"


async def test_a_part_of_a_second_is_rounded_up_for_the_others(server: LeaseServer) -> None:
    wire = Wire(server)
    leadership = Leadership(wire, replace(SETTINGS, duration=30.2), virtual_pace())
    task = asyncio.create_task(leadership.run())
    await leadership.wait_leading()
    assert server.spec["leaseDurationSeconds"] == 31
    await _ended(Contender(leadership, wire, task))
