"""Which objects a ServiceAccount leads to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.merge import merge_patch
from controller.model import Key
from controller.names import API_VERSION, FINALIZER, KIND, MADE_FOR
from controller.store import AccountRecord, Record
from entra.model import resource_id
from identity.credential_names import object_name
from identity.federation import WantedIdentity

Object = dict[str, Any]
_LABEL_MAX = 63


@dataclass(frozen=True, slots=True)
class Make:
    """An object to create."""

    name: str
    body: Object


@dataclass(frozen=True, slots=True)
class Change:
    """An object whose spec is to be another one; `identity` is the same, it is in the name."""

    name: str
    uid: str
    spec: Object
    """What of it is to be another one, as a merge patch."""


@dataclass(frozen=True, slots=True)
class Remove:
    """An object that nothing wants any more, or that another ServiceAccount of the name left."""

    name: str
    uid: str


Step = Make | Change | Remove


def plan_objects(
    key: Key, account: AccountRecord | None, there: Iterable[Record], audience: str
) -> list[Step]:
    """Return what to do so that the objects made for a ServiceAccount are as it says.

    `there` are those that were made for an account of this name. One that is being deleted is left
    to its end: its successor is made when it is gone.
    """
    wanted = _wanted(account, audience)
    known = {record.key.name: record for record in there}
    steps: list[Step] = []
    for wish in (record.wish for record in known.values()):
        other_owner = account is None or wish.owner != account.uid
        if not wish.deleting and (wish.key.name not in wanted or other_owner):
            steps.append(Remove(wish.key.name, wish.uid))
    for name, spec in wanted.items():
        record = known.get(name)
        if account is None:
            continue
        if record is None:
            steps.append(Make(name, _body(key, account, name, spec)))
        elif not record.wish.deleting and record.wish.owner == account.uid:
            change = merge_patch(record.spec, spec)
            if change:
                steps.append(Change(name, record.wish.uid, change))
    return steps


def _wanted(account: AccountRecord | None, audience: str) -> dict[str, Object]:
    if account is None:
        return {}
    federation = account.federation
    return {
        object_name(account.key.name, _known_by(identity)): _spec(
            account.key.name, identity, federation.policy, audience
        )
        for identity in federation.identities
    }


def _known_by(identity: WantedIdentity) -> str:
    place = resource_id(identity.resource_id) if identity.resource_id else None
    return place.folded if place else identity.client_id


def _spec(account: str, identity: WantedIdentity, policy: str | None, audience: str) -> Object:
    named = (
        {"resourceId": identity.resource_id}
        if identity.resource_id
        else {"clientId": identity.client_id}
    )
    if identity.tenant_id:
        named["tenantId"] = identity.tenant_id
    spec: Object = {
        "serviceAccountName": account,
        "audiences": [audience],
        "identity": named,
    }
    if policy:
        spec["deletionPolicy"] = policy
    return spec


def _body(key: Key, account: AccountRecord, name: str, spec: Mapping[str, Any]) -> Object:
    labels = {MADE_FOR: key.name} if len(key.name) <= _LABEL_MAX else {}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": key.namespace,
            "labels": labels,
            "finalizers": [FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "name": key.name,
                    "uid": account.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": dict(spec),
    }
