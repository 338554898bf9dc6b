"""Replicas whose clocks are wrong, beside others whose clocks are right."""

import asyncio

import pytest

from tests.webhook.certificates import virtual_time
from tests.webhook.certificates.keys import YEAR
from tests.webhook.certificates.replicas import Replica, Replicas, annotated
from tests.webhook.certificates.virtual_time import in_virtual_time
from webhook.certificates.secret import ROTATE

OFFSETS = {"12 years ahead": 12 * YEAR, "2 years ahead": 2 * YEAR, "2 years behind": -2 * YEAR}


class Watched:
    """Two good replicas, and at every write a look whether they are still trusted."""

    def __init__(self, replicas: Replicas, *good: Replica) -> None:
        self.good = good
        self.lost: list[str] = []
        self._replicas = replicas
        replicas.api.on_write.append(self.look)

    def look(self, *_: object) -> None:
        at = asyncio.get_running_loop().time()
        for replica in self.good:
            if replica.serves not in self._replicas.published:
                self.lost.append(f"{at:.1f} s: caBundle lacks the CA of {replica.name}")
            if not replica.is_ready():
                self.lost.append(f"{at:.1f} s: {replica.name}: {replica.certificate.problem}")


async def beside_good_ones(off: float, *, tells_time: bool) -> tuple[list[str], int, Replica]:
    """Return what went wrong, how many writes there were in ten minutes, and the bad replica."""
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        good = [await replicas.started(name) for name in ("one", "two")]
        for each in good:
            each.link.tells_time = tells_time
        await asyncio.sleep(100)
        watched = Watched(replicas, *good)
        replicas.api.writes.clear()
        bad = replicas.start("bad", off=off, tells_time=tells_time)
        for _ in range(60):
            await asyncio.sleep(10)
            if len(replicas.api.writes) > 300:
                break  # that is enough to fail by
        watched.look()
        print(f"{len(replicas.api.writes)} writes")  # noqa: T201  pytest -s shows it
        return watched.lost, len(replicas.api.writes), bad


@pytest.mark.parametrize("off", OFFSETS.values(), ids=OFFSETS)
def test_one_that_learns_that_its_clock_is_wrong_writes_nothing(off: float) -> None:
    lost, writes, bad = virtual_time.run(beside_good_ones(off, tells_time=True))
    assert lost == []
    assert writes == 0
    assert "clock is" in bad.certificate.trouble


@pytest.mark.parametrize("off", OFFSETS.values(), ids=OFFSETS)
def test_one_that_can_not_know_it_does_no_harm_and_writes_little(off: float) -> None:
    """Answers have no Date: each side makes certificates that are dead to the other."""
    lost, writes, _ = virtual_time.run(beside_good_ones(off, tells_time=False))
    assert lost == []
    assert 0 < writes < 100


@in_virtual_time
async def test_a_wrong_clock_is_told_with_its_difference() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        ahead = replicas.start("ahead", off=2 * YEAR)
        behind = replicas.start("behind", off=-301.0)
        await asyncio.sleep(30)
        assert replicas.api.writes == []
        assert ahead.certificate.problem == (
            "this machine's clock is 63072000 s ahead of the API server's:"
            " it must be put right before this replica makes certificates"
        )
        assert "clock is 301 s behind the API server's" in behind.certificate.problem
        assert behind.certificate.trouble == behind.certificate.problem
        assert (await replicas.started("good", within=1.0)).is_ready()
        await asyncio.sleep(120)
        assert behind.is_ready()
        assert "clock is 301 s behind" in behind.certificate.trouble
        behind.link.off = -299.0
        await asyncio.sleep(120)
        assert behind.is_ready()
        assert behind.certificate.trouble == ""


@in_virtual_time
async def test_one_whose_clock_goes_wrong_serves_on_and_stays_ready() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one, two = await replicas.started("one"), await replicas.started("two")
        await asyncio.sleep(100)
        leaf = two.leaf
        two.link.off = 3600.0
        await asyncio.sleep(601)
        replicas.api.writes.clear()
        assert two.is_ready()
        assert "clock is 3600 s ahead" in two.certificate.trouble
        assert two.leaf == leaf
        annotated(replicas, ROTATE, "serving")
        await asyncio.sleep(10)
        assert one.certificate.rotations["renew"] == 1
        two.link.off = 0.0
        await asyncio.sleep(120)
        assert two.is_ready()
        assert two.leaf == one.leaf


@in_virtual_time
async def test_a_step_that_somebody_undoes_again_and_again_is_held_back_and_told() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        await asyncio.sleep(100)
        undo = asyncio.create_task(_undo(replicas))
        await asyncio.sleep(600)
        writes = replica.certificate.rotations["publish"]
        undo.cancel()
        await asyncio.wait([undo])
        assert 10 < writes < 40
        assert "the step publish" in replica.certificate.trouble
        await asyncio.sleep(60)
        assert replica.is_ready()
        assert replica.certificate.trouble == ""


async def _undo(replicas: Replicas) -> None:
    while True:
        replicas.api.add_configuration(b"")
        await asyncio.sleep(0.5)
