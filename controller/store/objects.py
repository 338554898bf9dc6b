"""The `FederatedIdentityCredential` objects of the cluster, by what they ask for."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

import orjson

from controller.model import ClusterIdentity, Key, Wish
from controller.store.kept import Store, version_of
from controller.wishes import wish_from

_Index = defaultdict[Any, set[Key]]


@dataclass(frozen=True, slots=True)
class Record:
    """One object: its wish, and the status that stands in it, to tell whether a new one differs."""

    wish: Wish
    version: int
    told: bytes = field(repr=False)
    """The status as JSON: compact, and read only when another one may be due."""
    asked: bytes = field(repr=False, default=b"{}")
    """The spec as JSON, of objects that the controller made."""
    conditions: tuple[tuple[str, str], ...] = ()
    """Types and statuses of the conditions that stand, for counting."""

    @property
    def key(self) -> Key:
        """See `Versioned`."""
        return self.wish.key

    @property
    def uid(self) -> str:
        """See `Versioned`."""
        return self.wish.uid

    @property
    def status(self) -> dict[str, Any]:
        """The status that stands: told to people, never believed."""
        return _mapping(self.told)

    @property
    def spec(self) -> dict[str, Any]:
        """The spec as it stands, of an object that the controller made."""
        return _mapping(self.asked)


def record_from(body: Mapping[str, Any], cluster: ClusterIdentity) -> Record:
    """Read an object as the API server gives it."""
    wish = wish_from(body, cluster)
    status = body.get("status") or {}
    return Record(
        wish,
        version_of(body["metadata"]),
        orjson.dumps(status),
        orjson.dumps(body.get("spec") or {}) if wish.made_for else b"{}",
        tuple(
            (intern(str(condition.get("type"))), intern(str(condition.get("status"))))
            for condition in status.get("conditions") or ()
        ),
    )


def _mapping(text: bytes) -> dict[str, Any]:
    value = orjson.loads(text)
    return value if isinstance(value, dict) else {}


class Objects(Store[Record]):
    """All of them; `noticed` hears of every one whose wish has changed, with both sides."""

    def __init__(self, noticed: Callable[[Wish | None, Wish | None], None]) -> None:
        super().__init__(self._index)
        self._noticed = noticed
        self._by_client_id: _Index = defaultdict(set)
        self._by_resource: _Index = defaultdict(set)
        self._by_account: _Index = defaultdict(set)

    def nameless(self) -> list[Record]:
        """Return those that name no identity in a way that could be one."""
        return self._those(self._by_client_id.get("", ()))

    def of_client_id(self, client_id: str) -> list[Record]:
        """Return those that name an identity by client id."""
        return self._those(self._by_client_id.get(client_id, ()))

    def of_resource(self, folded: str) -> list[Record]:
        """Return those that name an identity by resource id, given in lower case."""
        return self._those(self._by_resource.get(folded, ()))

    def of_account(self, account: Key) -> list[Record]:
        """Return those that the controller made for a ServiceAccount of this name."""
        return self._those(self._by_account.get(account, ()))

    def client_ids(self) -> set[str]:
        """Return all client ids that are named."""
        return set(self._by_client_id) - {""}

    def resources(self) -> set[str]:
        """Return all resource ids that are named, in lower case."""
        return set(self._by_resource)

    def accounts(self) -> set[Key]:
        """Return all ServiceAccounts that some object was made for."""
        return set(self._by_account)

    def _those(self, keys: Any) -> list[Record]:
        found = (self.get(key) for key in keys)
        return [record for record in found if record is not None]

    def _index(self, before: Record | None, after: Record | None) -> None:
        old, new = before.wish if before else None, after.wish if after else None
        if old:
            for index, value in self._places(old):
                index[value].discard(old.key)
                if not index[value]:
                    # Else anybody could fill the memory with ids that were named once.
                    del index[value]
        if new:
            for index, value in self._places(new):
                index[value].add(new.key)
        if old != new:
            self._noticed(old, new)

    def _places(self, wish: Wish) -> list[tuple[_Index, Any]]:
        places: list[tuple[_Index, Any]] = []
        if wish.client_id:
            places.append((self._by_client_id, wish.client_id))
        elif not wish.resource_id:
            places.append((self._by_client_id, ""))
        if wish.resource_id:
            places.append((self._by_resource, wish.resource_id.rstrip("/").lower()))
        if wish.made_for:
            places.append((self._by_account, Key(wish.key.namespace, wish.made_for)))
        return places
