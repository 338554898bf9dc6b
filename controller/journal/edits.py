"""What is changed in the entries of a ConfigMap, said so that it can be done again. Pure.

An edit is made on whatever stands there when it is written: another leader's entries are not in its
way. Done twice it changes nothing the second time, so that it may be tried again whenever it is not
known whether it was done.
"""

import hashlib
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from controller.journal.entries import Entry, Retained, entry_in, text_of
from entra.model import Identity

Data = dict[str, str]
Edit = Callable[[Data], None]


def remember(identity: Identity, now: float) -> Edit:
    """Note an identity; when it was found is no reason to write it again."""

    def edit(data: Data) -> None:
        entry = _made_readable(data, identity.client_id)
        if entry.identity != identity:
            data[identity.client_id] = text_of(replace(entry, identity=identity, found_at=now))

    return edit


def forget(client_id: str, known: AbstractSet[str]) -> Edit:
    """Remove all about an identity.

    `known` are the credentials that were retained as far as the asker knows: if there are others by
    now, nobody has decided about those, and they stay, with the identity that they are on.
    """

    def edit(data: Data) -> None:
        entry = _readable(data, client_id)
        if entry is None:
            return
        others = {name: one for name, one in entry.retained.items() if name not in known}
        if not others:
            del data[client_id]
        elif len(others) < len(entry.retained):
            data[client_id] = text_of(replace(entry, retained=others))

    return edit


def missed(client_id: str, now: float) -> Edit:
    """Note since when an identity is not found."""

    def edit(data: Data) -> None:
        entry = _readable(data, client_id)
        if entry is not None and entry.missing_since is None:
            data[client_id] = text_of(replace(entry, missing_since=now))

    return edit


def found(client_id: str) -> Edit:
    """Note that an identity is found."""

    def edit(data: Data) -> None:
        entry = _readable(data, client_id)
        if entry is not None and entry.missing_since is not None:
            data[client_id] = text_of(replace(entry, missing_since=None))

    return edit


def retain(client_id: str, name: str, retained: Retained) -> Edit:
    """Note a credential that stays without an object."""

    def edit(data: Data) -> None:
        entry = _made_readable(data, client_id)
        if entry.retained.get(name) != retained:
            more = {**entry.retained, name: retained}
            data[client_id] = text_of(replace(entry, retained=more))

    return edit


def release(client_id: str, name: str) -> Edit:
    """Remove a credential that is retained no more."""

    def edit(data: Data) -> None:
        entry = _readable(data, client_id)
        if entry is None or name not in entry.retained:
            return
        fewer = {key: one for key, one in entry.retained.items() if key != name}
        left = replace(entry, retained=fewer)
        if left.empty:
            del data[client_id]
        else:
            data[client_id] = text_of(left)

    return edit


def put(key: str, text: str | None) -> Edit:
    """Write one key as a whole, or remove it."""

    def edit(data: Data) -> None:
        if text is None:
            data.pop(key, None)
        else:
            data[key] = text

    return edit


def _readable(data: Data, client_id: str) -> Entry | None:
    text = data.get(client_id)
    return None if text is None else entry_in(text, client_id)


def _made_readable(data: Data, client_id: str) -> Entry:
    """Return the entry to be changed; one that makes no sense is put aside, word by word."""
    text = data.get(client_id)
    entry = None if text is None else entry_in(text, client_id)
    if text is not None and entry is None:
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        data[f"{client_id}.unreadable-{digest}"] = text
    return entry or Entry()
