"""One writer for each identity, which knows what is there and misreads no stale answer."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from entra.errors import (
    Denied,
    Invalid,
    LimitReached,
    NameTaken,
    NotFound,
    NotPropagated,
    PairTaken,
    Unreachable,
)
from entra.model import Identity, Kind
from tests.entra.services.bench import ISSUER, Bench, credential, numbered, without_id
from tests.fakes.entra_services import breaks, refusal
from tests.fakes.virtual_time import elapsed

both = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
LOST = breaks(httpx.ReadTimeout("late"))
WRITES = "^(POST|PUT|PATCH|DELETE) "
LISTS = "^GET .*/federatedIdentityCredentials$"


@both
async def test_twenty_credentials_cost_one_list_and_twenty_writes(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        assert list(writer.observed) == []
        for number in range(20):
            await writer.create(numbered(number))
        assert [without_id(one) for one in writer.observed] == [numbered(n) for n in range(20)]
    assert len(bench.services.there(identity)) == 20
    assert len(bench.services.calls(LISTS)) == 1
    assert len(bench.services.calls()) == 21


@both
async def test_what_is_taken_is_refused_without_a_call(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    async with bench.entra.writers.of(identity) as writer:
        (there,) = writer.observed
        with pytest.raises(NameTaken) as name_taken:
            await writer.create(credential("by-hand"))
        with pytest.raises(PairTaken) as pair_taken:
            await writer.create(credential("aks-app", "somebody"))
        assert (name_taken.value.holder, pair_taken.value.holder) == (there, there)
        assert str(name_taken.value) == (
            f"write the credential by-hand of the {kind.value} {identity.client_id} (billing):"
            ' that name is in use, for subject "somebody" of "https://issuer.example/";'
            ' it is held by the credential "by-hand"; give the credential another name, or remove'
            " the one that is there"
        )
    assert len(bench.services.calls()) == 1


@both
async def test_its_own_writes_count(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        with pytest.raises(NameTaken):
            await writer.create(credential(subject="another"))
        with pytest.raises(PairTaken):
            await writer.create(credential("another"))
        await writer.update(credential(subject="another"))
        await writer.create(credential("another"))
        await writer.delete("aks-app")
        await writer.create(credential("aks-new", "another"))
        assert {one.name for one in writer.observed} == {"another", "aks-new"}
    assert set(bench.services.there(identity)) == {"another", "aks-new"}
    assert len(bench.services.calls(LISTS)) == 1


async def test_a_name_in_other_letters_is_the_same_name() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    bench.services.put(identity, "AKS-App", ISSUER, "somebody")
    async with bench.entra.writers.of(identity) as writer:
        with pytest.raises(NameTaken):
            await writer.create(credential("aks-app"))


@both
async def test_the_twenty_first_is_refused_without_a_call(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    for number in range(20):
        bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
    async with bench.entra.writers.of(identity) as writer:
        with pytest.raises(LimitReached, match="all 20 slots of the identity are used"):
            await writer.create(credential())
        await writer.delete("aks-0")
        await writer.create(credential())
    assert len(bench.services.there(identity)) == 20


@both
async def test_a_limit_that_the_service_has_no_code_for_is_found_by_counting(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        for number in range(20):
            bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
        with pytest.raises(LimitReached):
            await writer.create(credential())


@both
async def test_what_is_invalid_stays_so(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.fail(WRITES, refusal(400, "BadRequest", "The issuer is no URL."))
        with pytest.raises(Invalid, match="The issuer is no URL"):
            await writer.create(credential())
        await writer.create(credential())
        bench.services.fail(WRITES, refusal(400, "BadRequest", "The issuer is no URL."))
        with pytest.raises(Invalid, match="The issuer is no URL"):
            await writer.update(credential(subject="another"))


@both
async def test_an_invalid_update_of_a_full_identity_is_not_about_its_limit(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    for number in range(20):
        bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
    async with bench.entra.writers.of(identity) as writer:
        bench.services.fail(WRITES, refusal(400, "BadRequest", "The subject has a *."))
        with pytest.raises(Invalid, match=r"The subject has a \*"):
            await writer.update(credential("aks-0", "another"))


@both
async def test_the_same_credential_is_not_written_twice(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "aks-app", ISSUER, credential().subject)
    async with bench.entra.writers.of(identity) as writer:
        (there,) = writer.observed
        assert await writer.create(credential()) == there
        assert await writer.update(credential()) == there
    assert len(bench.services.calls()) == 1


async def test_a_description_is_written_where_there_are_descriptions() -> None:
    bench = Bench()
    described = replace(credential(), description="of the team")
    for kind, writes in ((Kind.APPLICATION, 1), (Kind.MANAGED_IDENTITY, 0)):
        identity = bench.identity(kind)
        bench.services.put(identity, "aks-app", ISSUER, credential().subject)
        begun = len(bench.services.calls(WRITES))
        async with bench.entra.writers.of(identity) as writer:
            await writer.update(described)
        assert len(bench.services.calls(WRITES)) - begun == writes


@both
async def test_an_updated_credential_is_observed_as_the_service_lists_it(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        await writer.update(credential(subject="another"))
        assert writer.observed == await bench.entra.credentials.list(identity)


@both
async def test_only_what_is_there_is_updated(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "by-hand", ISSUER, "somebody")
    bench.services.put(identity, "another", ISSUER, "another")
    async with bench.entra.writers.of(identity) as writer:
        with pytest.raises(NotFound, match="no credential of that name is there; create it"):
            await writer.update(credential())
        with pytest.raises(PairTaken):
            await writer.update(credential("another", "somebody"))
    assert len(bench.services.calls()) == 1


@both
async def test_what_was_not_observed_is_removed_all_the_same(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.put(identity, "late", ISSUER, "somebody")
        assert await writer.delete("late") is True
        assert await writer.delete("late") is False
    assert bench.services.there(identity) == {}


@both
async def test_a_removal_by_a_service_that_is_behind_is_asked_for_again(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        bench.services.fail("^DELETE", refusal(404, "NotFound"), times=2)
        assert await writer.delete("aks-app") is True
        assert bench.services.there(identity) == {}
        await writer.create(credential())
        bench.services.fail("^DELETE", refusal(404, "NotFound"), times=10_000)
        with pytest.raises(NotPropagated, match="still shows it"):
            await writer.delete("aks-app")
        bench.services.clear_faults()
        await writer.delete("aks-app")
    assert bench.services.there(identity) == {}


@both
async def test_what_somebody_else_removed_is_gone(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        bench.services.there(identity).clear()
        assert await writer.delete("aks-app") is True
        assert list(writer.observed) == []
    assert len(bench.services.calls("^DELETE")) == 1


@both
async def test_one_writer_at_a_time(kind: Kind) -> None:
    bench = Bench()
    bench.services.latency = 1.0
    identity = bench.identity(kind)

    async def write(number: int) -> None:
        async with bench.entra.writers.of(identity) as writer:
            await writer.create(numbered(number))

    await asyncio.gather(*map(write, range(10)))
    assert len(bench.services.there(identity)) == 10
    assert len(bench.services.calls(WRITES)) == 10
    assert elapsed() == pytest.approx(30.0)


async def test_different_identities_are_written_in_parallel() -> None:
    bench = Bench()
    bench.services.latency = 1.0

    async def write(identity: Identity) -> None:
        async with bench.entra.writers.of(identity) as writer:
            await writer.create(credential())

    await asyncio.gather(
        *(write(bench.identity(kind, f"app-{n}")) for kind in Kind for n in range(10))
    )
    assert elapsed() == pytest.approx(3.0)


@both
async def test_writers_elsewhere_are_waited_for(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
    bench.services.fail(WRITES, refusal(409, code), times=3)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
    assert len(bench.services.calls(WRITES)) == 4


async def test_an_identity_in_other_letters_has_the_same_writer() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    assert identity.resource
    shouted = replace(identity, resource=replace(identity.resource, name="BILLING"))
    async with bench.entra.writers.of(identity):
        waiting = asyncio.create_task(bench.entra.writers.of(shouted).__aenter__())
        await asyncio.sleep(100.0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})


@both
async def test_what_is_not_in_use_is_forgotten_after_a_while(kind: Kind) -> None:
    bench = Bench()
    writers = bench.entra.writers
    async with writers.of(bench.identity(kind)):
        assert writers.remembered == 1
    assert writers.remembered == 0
    async with writers.of(bench.identity(kind, "other")) as writer:
        await writer.create(credential())
    assert writers.remembered == 1
    await asyncio.sleep(300.0)
    async with writers.of(bench.identity(kind)):
        assert writers.remembered == 2
    assert writers.remembered == 0


async def test_a_writer_that_fails_or_is_cancelled_leaves_its_turn() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.fail("^GET", refusal(403, "Authorization_RequestDenied"))
    with pytest.raises(Denied):
        async with bench.entra.writers.of(identity):
            pytest.fail("it could not be listed")

    async def hold() -> None:
        async with bench.entra.writers.of(identity):
            await asyncio.sleep(1e6)

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(1.0)
    for task in (waiter, holder):
        task.cancel()
        await asyncio.wait({task})
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())


@both
async def test_a_write_whose_answer_was_lost_is_done_once(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.fail(WRITES, LOST, after_doing=True)
        created = await writer.create(credential())
        assert list(writer.observed) == [created]
        bench.services.fail(WRITES, refusal(500), after_doing=True)
        await writer.update(credential(subject="another"))
        bench.services.fail(WRITES, LOST, after_doing=True)
        assert await writer.delete("aks-app") is True
        assert list(writer.observed) == []
    assert bench.services.there(identity) == {}


@both
async def test_after_a_failure_that_leaves_it_open_the_next_write_looks_again(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.fail(WRITES, LOST, times=10_000, after_doing=True)
        with pytest.raises(Unreachable):
            await writer.create(numbered(1))
        bench.services.clear_faults()
        await writer.create(numbered(2))
        assert {one.name for one in writer.observed} == {"aks-1", "aks-2"}
    assert set(bench.services.there(identity)) == {"aks-1", "aks-2"}


@both
async def test_an_update_that_may_have_been_done_can_be_undone(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        bench.services.fail(WRITES, LOST, times=10_000, after_doing=True)
        with pytest.raises(Unreachable):
            await writer.update(credential(subject="another"))
        bench.services.clear_faults()
        await writer.update(credential())
    assert bench.services.there(identity)["aks-app"]["subject"] == credential().subject


@both
async def test_a_cancelled_write_leaves_no_wrong_belief(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.latency = 1.0
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(numbered(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.create(numbered(2)), 1.5)
        await writer.create(numbered(2))
        assert {one.name for one in writer.observed} == {"aks-1", "aks-2"}
    assert set(bench.services.there(identity)) == {"aks-1", "aks-2"}


@both
async def test_a_list_that_does_not_show_what_was_just_written_misleads_nobody(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
    bench.services.stale_reads = 1
    async with bench.entra.writers.of(identity) as writer:
        assert [without_id(one) for one in writer.observed] == [credential()]
        await writer.create(credential())
        with pytest.raises(PairTaken):
            await writer.create(credential("another"))
    assert len(bench.services.calls(WRITES)) == 1


@both
async def test_a_list_that_still_shows_what_was_removed_misleads_nobody(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "by-hand", ISSUER, credential().subject)
    async with bench.entra.writers.of(identity) as writer:
        await writer.delete("by-hand")
    bench.services.stale_reads = 1
    async with bench.entra.writers.of(identity) as writer:
        assert list(writer.observed) == []
        await writer.create(credential())
    assert set(bench.services.there(identity)) == {"aks-app"}


@both
async def test_a_list_that_still_shows_what_was_updated_misleads_nobody(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        await writer.update(credential(subject="another"))
    bench.services.stale_reads = 1
    async with bench.entra.writers.of(identity) as writer:
        assert [without_id(one) for one in writer.observed] == [credential(subject="another")]


@both
async def test_what_somebody_else_wrote_since_is_believed(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
        await writer.create(numbered(1))
        await writer.delete("aks-1")
    bench.services.put(identity, "aks-app", ISSUER, "somebody")
    bench.services.put(identity, "aks-1", ISSUER, "somebody-else")
    async with bench.entra.writers.of(identity) as writer:
        assert [(one.name, one.subject) for one in writer.observed] == [
            ("aks-app", "somebody"),
            ("aks-1", "somebody-else"),
        ]


@both
async def test_after_five_minutes_every_read_is_believed(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        await writer.create(credential())
    bench.services.there(identity).clear()
    await asyncio.sleep(299.0)
    async with bench.entra.writers.of(identity) as writer:
        assert len(writer.observed) == 1
    await asyncio.sleep(1.0)
    async with bench.entra.writers.of(identity) as writer:
        assert list(writer.observed) == []


@both
async def test_a_conflict_that_no_read_shows_is_waited_for(kind: Kind) -> None:
    """Somebody's credential is in the way, removed a moment later; reads know of neither."""
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.keeper(identity).before.append((0.0, {}))
        bench.services.stale_reads, bench.services.stale_by = 10_000, 1
        bench.services.put(identity, "by-hand", ISSUER, credential().subject)
        asyncio.get_running_loop().call_later(60.0, bench.services.there(identity).clear)
        await writer.create(credential())
    assert 60.0 < elapsed() < 100.0


@both
async def test_a_conflict_that_lasts_is_told_after_five_minutes(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.keeper(identity).before.append((0.0, {}))
        bench.services.stale_reads, bench.services.stale_by = 10_000, 1
        bench.services.put(identity, "by-hand", ISSUER, credential().subject)
        with pytest.raises(PairTaken):
            await writer.create(credential())
    assert 240.0 < elapsed() <= 300.0


@both
async def test_a_conflict_that_a_read_shows_is_told_at_once(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.put(identity, "by-hand", ISSUER, credential().subject)
        with pytest.raises(PairTaken) as caught:
            await writer.create(credential())
    assert caught.value.holder is not None
    assert caught.value.holder.name == "by-hand"
    assert elapsed() == 0.0


@both
async def test_a_service_behind_its_own_removal_is_waited_for(kind: Kind) -> None:
    """It refuses for what we removed, and its reads still show that."""
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "by-hand", ISSUER, credential().subject)
    async with bench.entra.writers.of(identity) as writer:
        await writer.delete("by-hand")
        taken = (
            refusal(
                400, "InvalidFederatedIdentityCredentialValue", "combination of issuer and subject"
            )
            if kind is Kind.APPLICATION
            else refusal(400, "BadRequest", "Issuer and subject combination already exists")
        )
        bench.services.fail("^(POST|PUT)", taken, times=2)
        bench.services.stale_reads = 2
        await writer.create(credential())
    assert set(bench.services.there(identity)) == {"aks-app"}


@both
async def test_a_limit_behind_our_own_removal_is_waited_for(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    for number in range(20):
        bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
    async with bench.entra.writers.of(identity) as writer:
        await writer.delete("aks-0")
        bench.services.fail("^(POST|PUT)", refusal(400, "BadRequest", "Too many."), times=2)
        bench.services.stale_reads = 2
        await writer.create(credential())
    assert len(bench.services.there(identity)) == 20


async def test_a_limit_with_a_code_is_looked_at_again() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    async with bench.entra.writers.of(identity) as writer:
        bench.services.fail("^POST", refusal(403, "Directory_QuotaExceeded"), times=2)
        await writer.create(credential())
        for number in range(19):
            bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
        bench.services.fail("^POST", refusal(403, "Directory_QuotaExceeded"), times=100)
        with pytest.raises(LimitReached):
            await writer.create(credential("one-more", "one more"))
    assert elapsed() < 60.0


@both
async def test_the_twentieth_whose_answer_was_lost_is_there(kind: Kind) -> None:
    """The try after it may meet the limit rather than its own credential."""
    bench = Bench()
    identity = bench.identity(kind)
    for number in range(19):
        bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
    async with bench.entra.writers.of(identity) as writer:
        bench.services.fail("^(POST|PUT)", LOST, after_doing=True)
        bench.services.fail("^(POST|PUT)", refusal(400, "BadRequest", "Too many."))
        assert without_id(await writer.create(credential())) == credential()
