"""Proofs beside reconciles: what they tell is of the object as it is, and ends with it."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from controller.kube import Unavailable, paths
from controller.model import Key
from controller.probe import Intervals, Prober, ProbeSubject, Verification
from controller.probe.verification import Result
from controller.proofs import Proofs
from controller.reconcile import IdentityReconciler
from tests.controller.reconcile.stage import Stage
from tests.fakes.entra_services import refusal

HOUR = 3600.0
PAY = Key("shop", "pay")


@dataclass
class FakeProber:
    """Proves as it is told to, when it may."""

    result: Result = Result.VERIFIED
    asked: list[ProbeSubject] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def covers(self, namespace: str) -> bool:
        return namespace == "shop"

    async def verify(self, subject: ProbeSubject) -> Verification:
        self.asked.append(subject)
        await self.go_on.wait()
        reason = "Verified" if self.result is Result.VERIFIED else "Refused"
        return Verification(self.result, reason, "as told", 1_800_000_000.0)


@dataclass
class Proving:
    stage: Stage
    prober: FakeProber
    proofs: Proofs
    due: dict[Key, float]


@pytest.fixture
async def proving(stage: Stage) -> Proving:
    prober, due = FakeProber(), dict[Key, float]()
    prober.go_on.set()

    def is_due(key: Key, after: float) -> None:
        due[key] = after

    made: Prober = prober  # type: ignore[assignment]
    proofs = Proofs(
        made,
        stage.objects,
        stage.teller,
        Intervals(steady=6 * HOUR, soon=0.0),
        due=is_due,
        clock=asyncio.get_running_loop().time,
    )
    stage.parts = replace(stage.parts, complete=proofs.complete)
    stage.identities = IdentityReconciler(stage.parts)
    stage.resource_work = replace(stage.resource_work, complete=proofs.complete)
    return Proving(stage, prober, proofs, due)


async def test_a_proof_makes_an_object_ready(proving: Proving) -> None:
    stage = proving.stage
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    assert stage.condition("pay") == ("Unknown", "Pending")
    await proving.proofs.prove(PAY)
    assert stage.condition("pay") == ("True", "Ready")


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_an_object_that_asks_for_something_else_is_not_told_the_old_proof(
    proving: Proving, when: str
) -> None:
    stage = proving.stage
    app, other = stage.services.application("billing"), stage.services.application("other")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    before = (stage.body("pay") or {})["status"]
    if when == "before":
        stage.write("pay", other)
        await proving.proofs.prove(PAY)
        assert not proving.prober.asked, "for whom should it be asked?"
    else:
        proving.prober.go_on.clear()
        work = asyncio.create_task(proving.proofs.prove(PAY))
        await asyncio.sleep(1)
        stage.write("pay", other)
        proving.prober.go_on.set()
        await work
    assert (stage.body("pay") or {})["status"] == before


async def test_a_successor_is_not_told_the_proof_of_the_one_before(proving: Proving) -> None:
    stage = proving.stage
    app, other = stage.services.application("billing"), stage.services.application("other")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    proving.prober.go_on.clear()
    work = asyncio.create_task(proving.proofs.prove(PAY))
    await asyncio.sleep(1)
    stage.cluster.put(paths.fic("shop", "pay"), metadata={"finalizers": []})
    stage.delete("pay")
    stage.write("pay", other)
    proving.prober.go_on.set()
    await work
    assert "status" not in (stage.body("pay") or {})


async def test_an_identity_that_is_gone_is_not_told_to_be_there_by_a_proof(
    proving: Proving,
) -> None:
    stage = proving.stage
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    stage.write("pay", str(identity.resource))
    assert identity.resource is not None
    await stage.resource_work.reconcile(identity.resource.folded)
    await stage.identities.reconcile(identity.client_id)
    await proving.proofs.prove(PAY)
    assert stage.condition("pay") == ("True", "Ready")
    stage.services.keepers.clear()
    await stage.resource_work.reconcile(identity.resource.folded)
    await asyncio.sleep(100)
    await stage.resource_work.reconcile(identity.resource.folded)
    assert stage.condition("pay") == ("False", "NotGranted")
    await asyncio.sleep(10 * HOUR)
    await proving.proofs.prove(PAY)
    assert stage.condition("pay") == ("False", "NotGranted")


async def test_a_proof_takes_nothing_from_what_is_told_of_an_outage(proving: Proving) -> None:
    stage = proving.stage
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    await proving.proofs.prove(PAY)
    stage.services.fail(".*", refusal(503, "serviceNotAvailable"), times=10**6)
    await asyncio.sleep(10 * HOUR)
    with pytest.raises(Exception, match="503"):
        await stage.identities.reconcile(app.client_id)
    trouble = (stage.body("pay") or {})["status"]["lastError"]
    proving.prober.result = Result.REFUSED
    await proving.proofs.prove(PAY)
    assert stage.condition("pay", "Verified") == ("False", "Refused")
    assert (stage.body("pay") or {})["status"]["lastError"] == trouble


async def test_a_proof_that_could_not_be_told_is_told_with_the_next_reconcile(
    proving: Proving,
) -> None:
    stage = proving.stage
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    stage.cluster.fail("PATCH .*/status", Unavailable("status 500"))
    with pytest.raises(Unavailable):
        await proving.proofs.prove(PAY)
    await stage.identities.reconcile(app.client_id)
    assert stage.condition("pay") == ("True", "Ready")
    assert len(proving.prober.asked) == 1


async def test_nothing_is_kept_of_objects_that_are_gone(proving: Proving) -> None:
    stage = proving.stage
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    proving.proofs.forget(PAY)
    assert await proving.proofs.prove(PAY) is None
    assert not proving.prober.asked
