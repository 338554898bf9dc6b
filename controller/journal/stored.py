"""One ConfigMap that is written by edits: together where possible, and never over somebody else's.

Nothing here decides what an entry means. What the API server returned last is kept; each write is
made under its resource version, and where that is not the latest any more, or it is not known
whether a write was done, the ConfigMap is read again and what is still missing is written.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from controller.journal.edits import Data, Edit
from controller.journal.errors import Full, JournalError
from controller.kube.errors import AlreadyExists, Changed, KubeError, NotFound, Transient
from controller.kube.paths import config_map, config_maps
from controller.names import COMPONENT
from entra.pacing import Pace

LARGEST: Final = 900 * 1024
"""Bytes of keys and values; etcd takes 1 MiB for all of a ConfigMap."""
_CONFLICTS: Final = 20
"""Writes in a row that somebody else may be faster than; each one is progress of theirs."""
_LONGEST_WAIT: Final = 1.0
"""Seconds after a conflict. Who has to read first is slower than who wrote last: without a wait
that grows, one of two who write at once would always lose."""
_LOSSES: Final = 2
"""Writes in a row of which no answer came, and after which reading worked."""
_LABELS: Final = {"app.kubernetes.io/managed-by": COMPONENT}

_log = logging.getLogger("azwi.controller.journal")

Told = Callable[[str, str | None], None]
"""Hears of each key whose value is another one than before; None: it is gone."""


class Objects(Protocol):
    """What is needed of the API server; see `controller.kube.Kube`."""

    async def get(self, path: str) -> dict[str, Any]:
        """Read an object."""

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make an object."""

    async def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change some fields of an object."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ConfigMap is, and who may write to it."""

    kube: Objects
    namespace: str
    before_write: Callable[[], None]
    """Raises if this process may not write (now)."""
    pace: Pace


@dataclass(slots=True, eq=False)
class _Asked:
    """An edit that somebody waits for."""

    edit: Edit
    done: bool = False
    error: KubeError | JournalError | None = None

    def settle(self, error: KubeError | JournalError | None = None) -> None:
        self.done, self.error = True, error


class StoredMap:
    """A ConfigMap of ours; `load` comes first."""

    def __init__(self, place: Place, name: str, told: Told = lambda _key, _text: None) -> None:
        self.name = name
        self._place = place
        self._told = told
        self._path = config_map(place.namespace, name)
        self._data: Data = {}
        self._annotations: Mapping[str, str] = {}
        self._version: str | None = None
        self._sure = False
        self._lock = asyncio.Lock()
        self._waiting: list[_Asked] = []

    @property
    def data(self) -> Mapping[str, str]:
        """What stands there, as last seen."""
        return self._data

    async def load(self) -> None:
        """Read it. That there is none yet is no error; everything else that fails is."""
        async with self._lock:
            await self._read()

    async def commit(self, edit: Edit) -> None:
        """Return once the edit is durable; raise `KubeError`, or `Full`, if it is not known to be.

        Those who ask while a write is under way share the next one.
        """
        if self._sure and not self._waiting:
            data = dict(self._data)
            edit(data)
            if data == self._data:
                return
        asked = _Asked(edit)
        self._waiting.append(asked)
        try:
            async with self._lock:
                if not asked.done:
                    await self._write_what_waits()
        finally:
            if asked in self._waiting:
                self._waiting.remove(asked)
        if asked.error is not None:
            raise asked.error

    async def take_annotation(self, key: str, sound: Callable[[str], bool]) -> str | None:
        """Read anew, and return an annotation once: it is removed first. Raises `KubeError`.

        One that is not sound stays. If no answer comes to the removal the annotation may be gone
        with nobody having got it; the other way two might.
        """
        async with self._lock:
            for conflicts in range(_CONFLICTS):
                if conflicts:
                    await self._wait(conflicts)
                await self._read()
                value = self._annotations.get(key)
                if value is None or not sound(value):
                    return None
                try:
                    await self._patch({"metadata": {"annotations": {key: None}}})
                except (Changed, NotFound):
                    continue
                return value
        return None

    async def _write_what_waits(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            await self._write(batch)
        except KubeError as error:
            for asked in batch:
                if not asked.done:
                    asked.settle(error)
        except BaseException:
            # Cancelled, say: the others' edits are for whoever of them comes next.
            self._waiting = [asked for asked in batch if not asked.done] + self._waiting
            raise
        else:
            for asked in batch:
                if not asked.done:
                    asked.settle()

    async def _write(self, batch: Sequence[_Asked]) -> None:
        conflicts = losses = 0
        while True:
            if not self._sure:
                await self._read()
            wanted = self._edited([asked for asked in batch if not asked.done])
            if wanted == self._data and (self._version is not None or not wanted):
                return
            try:
                await self._store(wanted)
            except (Changed, AlreadyExists, NotFound):
                conflicts += 1
                if conflicts == _CONFLICTS:
                    raise
                await self._wait(conflicts)
            except Transient:
                losses += 1
                if losses > _LOSSES:
                    raise
            else:
                return

    async def _wait(self, conflicts: int) -> None:
        longest = min(0.01 * 2**conflicts, _LONGEST_WAIT)
        await self._place.pace.sleep(longest * self._place.pace.chance())

    def _edited(self, batch: Sequence[_Asked]) -> Data:
        """Return the data with all edits made that can be."""
        data = dict(self._data)
        try:
            for asked in batch:
                asked.edit(data)
        except JournalError:
            return self._edited_singly(batch)
        return data if _size(data) <= LARGEST else self._edited_singly(batch)

    def _edited_singly(self, batch: Sequence[_Asked]) -> Data:
        """Make one edit after the other, and refuse those that can't be, or have no room."""
        data = dict(self._data)
        for asked in batch:
            tried = dict(data)
            try:
                asked.edit(tried)
            except JournalError as error:
                asked.settle(error)
                continue
            size = _size(tried)
            if size > LARGEST and size > _size(data):
                asked.settle(Full(self.name, size, LARGEST))
            else:
                data = tried
        return data

    async def _store(self, wanted: Data) -> None:
        if self._version is None:
            metadata = {"name": self.name, "labels": _LABELS}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": wanted}
            self._place.before_write()
            self._sure = False
            self._take(await self._place.kube.create(config_maps(self._place.namespace), body))
            return
        changes: dict[str, str | None] = {
            key: text for key, text in wanted.items() if self._data.get(key) != text
        }
        changes.update((key, None) for key in self._data.keys() - wanted.keys())
        await self._patch({"data": changes})

    async def _patch(self, changes: dict[str, Any]) -> None:
        metadata = {**changes.get("metadata", {}), "resourceVersion": self._version}
        self._place.before_write()
        self._sure = False
        self._take(await self._place.kube.merge(self._path, {**changes, "metadata": metadata}))

    async def _read(self) -> None:
        self._sure = False
        try:
            found = await self._place.kube.get(self._path)
        except NotFound:
            if self._version is not None:
                _log.warning(
                    "the journal's ConfigMap was deleted: it is made anew from memory",
                    extra={"configMap": self.name},
                )
            # What we know stays known: the next write brings it back.
            self._version, self._annotations, self._sure = None, {}, True
            return
        self._take(found)

    def _take(self, found: Mapping[str, Any]) -> None:
        metadata = found["metadata"]
        before, self._data = self._data, dict(found.get("data") or {})
        self._annotations = metadata.get("annotations") or {}
        self._version = metadata["resourceVersion"]
        self._sure = True
        for key in before.keys() | self._data.keys():
            text = self._data.get(key)
            if text != before.get(key):
                self._told(key, text)


def _size(data: Data) -> int:
    return sum(len(key.encode()) + len(text.encode()) for key, text in data.items())
