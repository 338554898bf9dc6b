"""200 credentials over 10 identities in parallel, while everything goes wrong that can.

Each test ends with what the emulator holds, compared as a whole with what was wanted, and prints
what it took. Chance has a seed, which is printed too.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import pytest

from entra.client import Entra
from entra.errors import LimitReached, PairTaken
from entra.http import TimeLimits
from entra.model import FederatedCredential, Identity, Kind
from entra.rates import Rates
from hack.emulator import Emulator
from identity.names import DEFAULT_AUDIENCE
from tests.entra.emulated.conftest import Open, Ways, application_id, managed_id

Json = dict[str, Any]

ISSUER: Final = "https://issuer.example/cluster/"
IDENTITIES: Final = [name(number) for name in (application_id, managed_id) for number in range(5)]
EACH: Final = 20
SEED: Final = 20261125
MOST_CALLS_PER_CREDENTIAL: Final = 1.2

UNLIMITED: Final = Rates(1000.0)
"""As an emulator that throttles nobody needs it."""
SHORT: Final = TimeLimits(connect=2.0, total=1.5)

FAULTS: Final[dict[str, Json]] = {
    "latency": {"latencySeconds": 0.02},
    "stale-reads": {"staleReadSeconds": 1.0, "staleReadShare": 0.7},
    "propagation": {"propagationSeconds": 2.0},
    "throttling": {"throttle": 3.0},
    "concurrent-writes": {"writeSeconds": 0.01},
    "clock-offset": {"clockOffsetSeconds": 900.0},
    "refused-503": {"failures": [{"kind": "*.credentials.*", "count": None, "share": 0.2}]},
    "lost-500": {
        "failures": [
            {"kind": "*.credentials.*", "count": None, "share": 0.2, "status": 500, "after": True}
        ]
    },
    "asked-to-wait-429": {
        "failures": [
            {
                "kind": "*.credentials.*",
                "count": None,
                "share": 0.1,
                "status": 429,
                "retryAfter": 1.0,
            }
        ]
    },
    "timeouts": {
        "failures": [
            {
                "kind": "*.credentials.*",
                "count": 6,
                "share": 0.1,
                "status": 504,
                "after": True,
                "delaySeconds": 2.0,
            }
        ]
    },
    "sign-in-503": {"failures": [{"kind": "token", "count": 2}]},
    "lookups-503": {
        "failures": [
            {"kind": "graph.principals.*", "count": None, "share": 0.3},
            {"kind": "graph.applications.*", "count": None, "share": 0.3},
            {"kind": "arm.identities.*", "count": None, "share": 0.3},
        ]
    },
}
"""One at a time; all of them together come after."""

WAYS: Final[dict[str, Ways]] = {
    "throttling": Ways(rates=Rates(40.0)),  # ten times what the emulator lets through
    "timeouts": Ways(rates=UNLIMITED, limits=SHORT),
}


STATUSES: Final = {
    "throttling": 429,
    "refused-503": 503,
    "lost-500": 500,
    "asked-to-wait-429": 429,
    "timeouts": 504,
    "lookups-503": 503,
}
"""What the emulator must have answered, so that a fault which does not bite is found out."""


def together() -> Json:
    merged: Json = {"failures": []}
    for fault in FAULTS.values():
        merged["failures"] += fault.get("failures", [])
        merged |= {name: value for name, value in fault.items() if name != "failures"}
    return merged | {"throttle": 8.0}  # retries count against it, too


def wanted_of(client_id: str) -> list[FederatedCredential]:
    return [
        FederatedCredential(
            name=f"team-{number:02}-{client_id[:8]}",
            issuer=ISSUER,
            subject=f"system:serviceaccount:team-{number:02}:app",
            audience=DEFAULT_AUDIENCE,
        )
        for number in range(EACH)
    ]


async def all_of(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """Do all at once; where one fails the others end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]


async def write_all(entra: Entra, client_id: str, wanted: Sequence[FederatedCredential]) -> None:
    identity = await entra.identities.by_client_id(client_id)
    async with entra.writers.of(identity) as writer:
        for credential in wanted:
            await writer.create(credential)


def held(emulator: Emulator) -> dict[str, set[tuple[str, str, str, tuple[str, ...]]]]:
    """All credentials of all identities, by client id."""
    state = emulator.admin("GET", "/state")
    rows = [(row["appId"], row) for row in state["applications"]]
    rows += [(row["clientId"], row) for row in state["managedIdentities"]]
    return {
        client_id: {
            (one["name"], one["issuer"], one["subject"], tuple(one["audiences"]))
            for one in row["federatedIdentityCredentials"]
            if one["known"] != "removed, and still known"
        }
        for client_id, row in rows
        if client_id in IDENTITIES
    }


def as_held(
    wanted: dict[str, list[FederatedCredential]],
) -> dict[str, set[tuple[str, str, str, tuple[str, ...]]]]:
    return {
        client_id: {(one.name, one.issuer, one.subject, (one.audience,)) for one in listed}
        for client_id, listed in wanted.items()
    }


def check(emulator: Emulator, wanted: dict[str, list[FederatedCredential]]) -> None:
    """Compare all that is there with all that was wanted."""
    there, right = held(emulator), as_held(wanted)
    missing = [(key[:13], *one) for key in right for one in sorted(right[key] - there[key])]
    too_much = [(key[:13], *one) for key in right for one in sorted(there[key] - right[key])]
    assert (missing, too_much) == ([], []), f"missing {missing}, too much {too_much}"


def calls(emulator: Emulator) -> dict[str, int]:
    """How often each kind was asked, sign-in apart."""
    found: dict[str, int] = {}
    for row in emulator.admin("GET", "/requests/counts")["counts"]:
        if row["kind"].startswith(("graph.", "arm.")):
            found[row["kind"]] = found.get(row["kind"], 0) + row["count"]
    return found


def tell(what: str, asked: dict[str, int]) -> None:
    total = sum(asked.values())
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(asked.items()))
    print(f"\n{what}: {total} calls, {total / 200:.3f} per credential ({kinds}); seed {SEED}")  # noqa: T201


async def test_without_faults_it_takes_at_most_a_fifth_more_calls_than_credentials(
    fresh: Emulator, opened: Open
) -> None:
    entra = await opened(Ways(rates=UNLIMITED))
    wanted = {client_id: wanted_of(client_id) for client_id in IDENTITIES}
    await all_of(*(write_all(entra, *each) for each in wanted.items()))
    asked = calls(fresh)
    tell("no faults", asked)
    check(fresh, wanted)
    assert sum(asked.values()) <= MOST_CALLS_PER_CREDENTIAL * EACH * len(IDENTITIES)


@pytest.mark.parametrize("fault", [*FAULTS, "all-together"])
async def test_every_fault_ends_exactly_right(fresh: Emulator, opened: Open, fault: str) -> None:
    settings = together() if fault == "all-together" else FAULTS[fault]
    fresh.admin("PUT", "/faults", settings | {"randomSeed": SEED})
    ways = WAYS.get(fault, Ways(rates=UNLIMITED))
    if fault == "all-together":
        ways = Ways(rates=Rates(400.0), limits=SHORT)
    entra = await opened(ways)
    wanted = {client_id: wanted_of(client_id) for client_id in IDENTITIES}
    await all_of(*(write_all(entra, *each) for each in wanted.items()))
    tell(fault, calls(fresh))
    check(fresh, wanted)
    # One without a status yet is being held back from a caller who has gone.
    answered = {call["status"] or 504 for call in fresh.admin("GET", "/requests")["requests"]}
    biting = set(STATUSES.values()) if fault == "all-together" else {STATUSES.get(fault, 200)}
    assert answered >= biting
    if fault == "concurrent-writes":
        assert 409 not in answered, "one writer at a time never meets itself"


@pytest.mark.parametrize("fault", ["none", "all-together"])
async def test_changes_and_removals_end_exactly_right(
    fresh: Emulator, opened: Open, fault: str
) -> None:
    settings = {} if fault == "none" else together()
    entra = await opened(Ways(rates=Rates(400.0), limits=SHORT))
    before = {client_id: wanted_of(client_id) for client_id in IDENTITIES}
    await all_of(*(write_all(entra, *each) for each in before.items()))
    fresh.admin("PUT", "/faults", settings | {"randomSeed": SEED})

    async def change(client_id: str) -> list[FederatedCredential]:
        """Every third credential goes, every third gets another subject; one new one comes."""
        identity = await entra.identities.by_client_id(client_id)
        kept = []
        async with entra.writers.of(identity) as writer:
            for number, credential in enumerate(before[client_id]):
                if number % 3 == 0:
                    assert await writer.delete(credential.name)
                    continue
                if number % 3 == 1:
                    moved = credential.subject + "-moved"
                    credential = await writer.update(_with_subject(credential, moved))  # noqa: PLW2901
                kept.append(credential)
            kept.append(
                await writer.create(_with_subject(before[client_id][0], "spiffe://new/one"))
            )
        return kept

    changed = await all_of(*map(change, IDENTITIES))
    tell(f"changes, {fault}", calls(fresh))
    check(fresh, dict(zip(IDENTITIES, changed, strict=True)))


async def test_two_programs_at_the_same_identities_get_in_each_others_way_without_harm(
    fresh: Emulator, opened: Open
) -> None:
    fresh.admin("PUT", "/faults", {"writeSeconds": 0.02, "randomSeed": SEED})
    programs = [await opened(Ways(rates=UNLIMITED)) for _ in range(2)]
    wanted = {client_id: wanted_of(client_id) for client_id in IDENTITIES}
    halves = [{key: listed[number::2] for key, listed in wanted.items()} for number in range(2)]
    await all_of(
        *(
            write_all(program, *each)
            for program, half in zip(programs, halves, strict=True)
            for each in half.items()
        )
    )
    conflicts = [
        call
        for call in fresh.admin("GET", "/requests?kind=arm.credentials.*")["requests"]
        if call["status"] == 409
    ]
    tell(f"two programs, {len(conflicts)} conflicts", calls(fresh))
    assert conflicts
    check(fresh, wanted)


@pytest.mark.parametrize("client_id", [application_id(0), managed_id(0)])
async def test_the_twenty_first_is_refused_before_it_is_sent(
    fresh: Emulator, opened: Open, client_id: str
) -> None:
    entra = await opened(Ways(rates=UNLIMITED))
    await write_all(entra, client_id, wanted_of(client_id))
    identity = await entra.identities.by_client_id(client_id)
    async with entra.writers.of(identity) as writer:
        before = calls(fresh)
        with pytest.raises(LimitReached):
            await writer.create(
                FederatedCredential("one-too-many", ISSUER, "sub", DEFAULT_AUDIENCE)
            )
        taken = wanted_of(client_id)[3]
        with pytest.raises(PairTaken):
            await writer.create(
                FederatedCredential("another-name", taken.issuer, taken.subject, DEFAULT_AUDIENCE)
            )
        assert calls(fresh) == before


@pytest.mark.parametrize(
    ("client_id", "kind"),
    [(application_id(1), Kind.APPLICATION), (managed_id(1), Kind.MANAGED_IDENTITY)],
)
async def test_an_identity_is_found_by_its_client_id(
    fresh: Emulator, opened: Open, client_id: str, kind: Kind
) -> None:
    entra = await opened(Ways(rates=UNLIMITED))
    found: Identity = await entra.identities.by_client_id(client_id.upper())
    assert (found.kind, found.client_id) == (kind, client_id)


def _with_subject(credential: FederatedCredential, subject: str) -> FederatedCredential:
    return FederatedCredential(
        name=credential.name if subject.endswith("-moved") else "brand-new",
        issuer=credential.issuer,
        subject=subject,
        audience=credential.audience,
    )
