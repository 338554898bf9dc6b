"""Objects by key, each as new as anybody has told; the rule both stores follow."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

from controller.model import Key

_TOMBSTONES: Final = 10_000
"""Uids of objects that are gone, kept so that a list made before does not bring them back."""


class Versioned(Protocol):
    """What is kept of an object."""

    @property
    def key(self) -> Key:
        """Its namespace and name."""

    @property
    def uid(self) -> str:
        """Its own, never used again."""

    @property
    def version(self) -> int:
        """Its resourceVersion. Those of one resource may be compared.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
        """


Kept = TypeVar("Kept", bound=Versioned)


class Store(Generic[Kept]):
    """The newest that was told of each object; `changed` hears of every change, with both sides."""

    def __init__(self, changed: Callable[[Kept | None, Kept | None], None]) -> None:
        self._kept: dict[Key, Kept] = {}
        self._gone: dict[str, None] = {}
        self._changed = changed

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept.values())

    def get(self, key: Key) -> Kept | None:
        """Return what is known of an object."""
        return self._kept.get(key)

    def put(self, told: Kept) -> bool:
        """Take what a watch, a write or a list told; tell whether it was news."""
        known = self._kept.get(told.key)
        if told.uid in self._gone or (known and known.version >= told.version):
            return False
        self._kept[told.key] = told
        self._changed(known, told)
        return True

    def drop(self, key: Key, uid: str) -> bool:
        """Take that an object is gone; tell whether it was news. Another one of its name stays."""
        self._bury(uid)
        known = self._kept.get(key)
        if known is None or known.uid != uid:
            return False
        del self._kept[key]
        self._changed(known, None)
        return True

    def settle(self, keys: Iterable[Key], version: int) -> None:
        """Take that a whole list, as of `version`, had these keys: what is older is gone."""
        listed = set(keys)
        for key, known in list(self._kept.items()):
            if key not in listed and known.version <= version:
                self.drop(key, known.uid)

    def _bury(self, uid: str) -> None:
        self._gone[uid] = None
        while len(self._gone) > _TOMBSTONES:
            del self._gone[next(iter(self._gone))]


def version_of(metadata: dict[str, Any]) -> int:
    """Return the resourceVersion as a number."""
    return int(metadata["resourceVersion"])
