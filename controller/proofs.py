"""Which credentials are proved when, and what is told of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.model import Key, Wish
from controller.probe import History, Intervals, Prober, ProbeSubject, Verification, next_in
from controller.status.conditions import VERIFIED, Condition, Told
from controller.status.teller import Teller
from controller.store import Objects, Record

_LATELY: Final = 300.0
"""Seconds for which a new credential may not be known everywhere."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """What is known of the proof of one object's credential."""

    wish: Wish
    """The object as it was when that was told: changed, it is to be told anew."""
    proves: tuple[str, ...]
    """What it is a proof of: another credential needs another one."""
    told: Told
    history: History
    condition: Condition
    probe: dict[str, Any] | None


class Proofs:
    """Work for a queue, by object; `complete` is asked whenever an object is told anything."""

    def __init__(  # noqa: PLR0913  three of them by name
        self,
        prober: Prober,
        objects: Objects,
        teller: Teller,
        intervals: Intervals,
        *,
        due: Callable[[Key, float], None],
        probed: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take who proves, who tells, and whom to ask for a proof in so many seconds."""
        self._prober = prober
        self._objects = objects
        self._teller = teller
        self._intervals = intervals
        self._due = due
        self._probed = probed
        self._clock = clock
        self._proofs: dict[Key, _Proof] = {}

    def complete(self, wish: Wish, told: Told) -> Told:
        """Return what is to be told of an object with what its proof says, and have it proved."""
        key, record = wish.key, self._objects.get(wish.key)
        if record is None or record.uid != wish.uid or not self._may_prove(wish, told):
            self._proofs.pop(key, None)
            return told
        proof = self._proof(record, wish, told)
        self._proofs[key] = proof
        self._due(key, next_in(proof.history, wish.uid, self._clock(), self._intervals))
        return replace(told, verified=proof.condition, probe=proof.probe)

    def forget(self, key: Key) -> None:
        """Take that an object is gone."""
        self._proofs.pop(key, None)

    async def prove(self, key: Key) -> float | None:
        """Make one proof; say when the next is due. Raises `KubeError` if it can't be told."""
        proof, record = self._proofs.get(key), self._objects.get(key)
        if proof is None or record is None or not _is_same(record.wish, proof.wish):
            self._proofs.pop(key, None)
            return None  # once it is told anew it is due again
        now = self._clock()
        wait = next_in(proof.history, record.uid, now, self._intervals)
        if wait > 0:
            return wait
        verification = await self._prober.verify(_subject(proof, now))
        self._probed(verification.reason)
        after = self._proofs.get(key)
        if after is None or not _is_same(after.wish, proof.wish) or after.proves != proof.proves:
            return None  # it changed meanwhile, and is due by itself
        proof = replace(
            after,
            history=after.history.proved(verification.result, now, self._clock()),
            condition=_condition(verification),
            probe=verification.told(),
        )
        self._proofs[key] = proof
        told = replace(proof.told, verified=proof.condition, probe=proof.probe, keeps_error=True)
        await self._teller.tell(proof.wish, told)
        return next_in(proof.history, record.uid, self._clock(), self._intervals)

    def _may_prove(self, wish: Wish, told: Told) -> bool:
        holds = told.authorized.holds and told.synced.holds and told.credential is not None
        return holds and not wish.foreign and self._prober.covers(wish.key.namespace)

    def _proof(self, record: Record, wish: Wish, told: Told) -> _Proof:
        proves = _proves(wish, told)
        known = self._proofs.get(record.key)
        now = self._clock()
        if known is None or known.wish.uid != wish.uid:
            standing, probe = _standing(record)
            history = History(now) if standing else History(now).changed(now)
            condition = standing or _PENDING
            return _Proof(wish, proves, told, history, condition, probe)
        if known.proves != proves:
            history = known.history.changed(now)
            return _Proof(wish, proves, told, history, _PENDING, None)
        return replace(known, wish=wish, told=told)


def _proves(wish: Wish, told: Told) -> tuple[str, ...]:
    client_id = told.identity.client_id if told.identity else wish.client_id
    name = told.credential.name if told.credential else ""
    return client_id, name, wish.subject, wish.issuer, wish.audience, wish.tenant_id


def _standing(record: Record) -> tuple[Condition | None, dict[str, Any] | None]:
    """Return what people were told before this process began: kept until there is news.

    The one place where a status is read. Nothing that anybody may do rests on it: who can write it
    can show `Verified` in a namespace of his own for one interval after a restart. To forget it
    would make every object unready at each restart, with an Event and a write for each.
    """
    status = record.status
    for condition in status.get("conditions") or ():
        known = condition.get("type") == VERIFIED and condition.get("status") != "Unknown"
        if known and condition.get("observedGeneration") == record.wish.generation:
            reason, message = (str(condition.get(key, "")) for key in ("reason", "message"))
            kept = Condition(VERIFIED, condition["status"], reason, message)
            return kept, status.get("lastProbe")
    return None, None


def _is_same(one: Wish, other: Wish) -> bool:
    return (one.uid, one.generation) == (other.uid, other.generation)


def _subject(proof: _Proof, now: float) -> ProbeSubject:
    wish, identity = proof.wish, proof.told.identity
    changed = proof.history.changed_at
    return ProbeSubject(
        namespace=wish.key.namespace,
        account=wish.account,
        client_id=identity.client_id if identity else wish.client_id,
        tenant_id=wish.tenant_id or (identity.tenant_id if identity else ""),
        audience=wish.audience,
        written_lately=changed is not None and now - changed < _LATELY,
    )


def _condition(verification: Verification) -> Condition:
    return Condition(VERIFIED, verification.status, verification.reason, verification.message)


_PENDING: Final = Condition(VERIFIED, "Unknown", "Pending", "the exchange was not tried yet")
