"""A cluster with another issuer than before: who is let in stays so, who is not any more is not."""

import asyncio

import pytest

from tests.controller.reconcile.stage import ISSUER, Stage

NEW = "https://new.example/"
DAY = 24 * 3600.0


async def changed(stage: Stage) -> Stage:
    """Have three credentials of the old issuer, and the new one begun."""
    app = stage.services.application("billing")
    for name in ("pay", "loses", "goes"):
        stage.grant(app, name)
        stage.write(name, app)
    async with stage.running():
        await asyncio.sleep(5)
    return await Stage.opened(stage.cluster, stage.services, issuer=NEW)


def by_issuer(stage: Stage) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {ISSUER: [], NEW: []}
    for keeper in stage.services.keepers.values():
        for one in keeper.credentials.values():
            found[one["issuer"]].append(one["subject"].rsplit(":", 1)[1])
    return {issuer: sorted(names) for issuer, names in found.items()}


async def test_the_old_ones_stay_for_a_day_beside_the_new_ones(stage: Stage) -> None:
    stage = await changed(stage)
    names = ["goes", "loses", "pay"]
    async with stage.running(resync=1800):
        await asyncio.sleep(100)
        assert by_issuer(stage) == {ISSUER: names, NEW: names}
        await asyncio.sleep(DAY - 2000)
        assert by_issuer(stage) == {ISSUER: names, NEW: names}
        await asyncio.sleep(10_000)
        assert by_issuer(stage) == {ISSUER: [], NEW: names}


@pytest.mark.parametrize("when", ["before the new one is written", "afterwards"])
async def test_a_withdrawn_grant_takes_both(stage: Stage, when: str) -> None:
    stage = await changed(stage)
    app = next(iter(stage.services.keepers.values())).identity
    if when != "afterwards":
        stage.withdraw(app, "loses")
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.withdraw(app, "loses")
        await asyncio.sleep(290)
        assert by_issuer(stage) == {ISSUER: ["goes", "pay"], NEW: ["goes", "pay"]}


async def test_an_object_that_goes_takes_both(stage: Stage) -> None:
    stage = await changed(stage)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.delete("goes")
        await asyncio.sleep(5)
        assert by_issuer(stage) == {ISSUER: ["loses", "pay"], NEW: ["loses", "pay"]}
        assert stage.body("goes") is None


async def test_one_that_went_while_the_issuer_changed_takes_the_old_one(stage: Stage) -> None:
    stage = await changed(stage)
    stage.delete("goes")
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        assert by_issuer(stage) == {ISSUER: ["loses", "pay"], NEW: ["loses", "pay"]}
        assert stage.body("goes") is None


async def test_where_slots_are_short_the_old_ones_stay_and_it_is_said(stage: Stage) -> None:
    app = stage.services.application("billing")
    for number in range(15):
        name = f"pay-{number:02}"
        stage.grant(app, name, f"ns-{number % 2}")
        stage.write(name, app, f"ns-{number % 2}")
    async with stage.running():
        await asyncio.sleep(5)
    stage = await Stage.opened(stage.cluster, stage.services, issuer=NEW)
    async with stage.running(resync=180):
        await asyncio.sleep(100)
        stood = by_issuer(stage)
        assert (len(stood[ISSUER]), len(stood[NEW])) == (15, 5)
        told = [stage.condition(f"pay-{n:02}", namespace=f"ns-{n % 2}") for n in range(15)]
        assert told.count(("True", "Ready")) == 5
        assert told.count(("False", "NoSlot")) == 10


async def test_a_retained_one_of_the_old_issuer_goes_with_its_tokens(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "kept")
    stage.grant(app, "kept", verb="retain")
    stage.write("kept", app, deletionPolicy="Retain")
    async with stage.running():
        await asyncio.sleep(5)
        stage.delete("kept")
        await asyncio.sleep(5)
        assert by_issuer(stage) == {ISSUER: ["kept"], NEW: []}
    stage = await Stage.opened(stage.cluster, stage.services, issuer=NEW)
    async with stage.running(resync=1800):
        await asyncio.sleep(1000)
        assert by_issuer(stage)[ISSUER] == ["kept"]
