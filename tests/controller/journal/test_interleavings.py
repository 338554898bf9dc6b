"""However two leaders come into each other's way, what both meant is what is noted."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from controller.journal import Journal, Retained
from controller.kube.errors import KubeError, Unavailable, Unreachable
from entra.model import Identity
from tests.controller.journal.config_maps import (
    ConfigMaps,
    Failure,
    application,
    client_id,
    loaded,
)

SEEDS = range(40)
STEPS = 25


def retained_by(leader: str, number: int) -> Retained:
    return Retained(leader, f"account-{number}", "https://issuer.example/", "subject")


@dataclass
class Leader:
    """One of two, who does some things at a time, and knows what it meant."""

    name: str
    journal: Journal
    chance: random.Random
    identities: dict[str, Identity]
    retained: dict[tuple[str, str], Retained]

    async def act(self, numbers: range) -> None:
        """Change a few identities of its own, or retained credentials of its own, all at once."""
        chosen = self.chance.sample(list(numbers), k=self.chance.randint(1, 3))
        await asyncio.gather(*(self._one(number) for number in chosen))

    async def _one(self, number: int) -> None:
        key = client_id(number)
        match self.chance.choice(["remember", "forget", "retain", "release"]):
            case "remember":
                identity = application(number, name=f"{self.name}-{self.chance.randrange(3)}")
                self.identities[key] = identity
                await _until_done(self.journal.remember, identity)
            case "forget":
                self.identities.pop(key, None)
                for name in [name for owner, name in self.retained if owner == key]:
                    del self.retained[key, name]
                await _until_done(self.journal.forget, key)
            case "retain":
                name = f"{self.name}-{self.chance.randrange(3)}"
                one = self.retained[key, name] = retained_by(self.name, self.chance.randrange(3))
                await _until_done(self.journal.retain, key, name, one)
            case _:
                name = f"{self.name}-{self.chance.randrange(3)}"
                self.retained.pop((key, name), None)
                await _until_done(self.journal.release, key, name)


async def _until_done(method: object, *arguments: object) -> None:
    while True:
        try:
            await method(*arguments)  # type: ignore[operator]
        except KubeError:
            continue
        return


async def noted(api: ConfigMaps) -> tuple[dict[str, Identity], dict[tuple[str, str], Retained]]:
    journal = await loaded(api)
    keys = {key for name in api.objects for key in api.data(name)}
    retained = {(key, name): one for key in keys for name, one in journal.retained(key).items()}
    assert journal.senseless == frozenset()
    return dict(journal.identities), retained


def failures(chance: random.Random) -> list[Failure]:
    return [
        Failure(
            chance.choice(["create", "merge", "get"]),
            chance.choice([Unreachable("cut"), Unavailable("503")]),
            chance.random() < 0.5,
        )
        for _ in range(chance.randrange(12))
    ]


async def leader_of(api: ConfigMaps, name: str, chance: random.Random) -> Leader:
    return Leader(name, await loaded(api), chance, {}, {})


@pytest.mark.parametrize("seed", SEEDS)
async def test_leaders_of_identities_of_their_own_lose_nothing_and_bring_nothing_back(
    seed: int,
) -> None:
    chance = random.Random(seed)
    api = ConfigMaps(seed)
    first, second = [await leader_of(api, name, chance) for name in ("first", "second")]
    api.failures.extend(failures(chance))

    async def run(leader: Leader, numbers: range) -> None:
        for _ in range(STEPS):
            await leader.act(numbers)

    await asyncio.gather(run(first, range(4)), run(second, range(4, 8)))
    api.failures.clear()
    identities, retained = await noted(api)
    assert identities == first.identities | second.identities
    assert retained == first.retained | second.retained
    for leader in (first, second):
        assert leader.identities.items() <= leader.journal.identities.items()


@pytest.mark.parametrize("seed", SEEDS)
async def test_leaders_of_the_same_identities_end_with_what_both_retained(seed: int) -> None:
    chance = random.Random(seed)
    api = ConfigMaps(seed)
    leaders = [await leader_of(api, name, chance) for name in ("first", "second")]
    api.failures.extend(failures(chance))
    meant: dict[tuple[str, str], Retained] = {}

    async def run(leader: Leader) -> None:
        for number in (leader.chance.randrange(3) for _ in range(STEPS)):
            key, name = client_id(number), f"{leader.name}-{leader.chance.randrange(3)}"
            await _until_done(leader.journal.remember, application(number))
            if leader.chance.random() < 0.7:
                one = meant[key, name] = retained_by(leader.name, leader.chance.randrange(3))
                await _until_done(leader.journal.retain, key, name, one)
            else:
                meant.pop((key, name), None)
                await _until_done(leader.journal.release, key, name)

    await asyncio.gather(*(run(leader) for leader in leaders))
    api.failures.clear()
    identities, retained = await noted(api)
    assert retained == meant
    assert {key for key, _ in meant} <= identities.keys()
