"""The state in a file, so that a restart finds it: SQLite, one table of rows as JSON.

Each change is written as it happens and committed before the answer that tells of it begins, so
that a killed process has lost nothing that it answered. (A machine that loses its power may lose
the last moments, never the file: https://www.sqlite.org/pragma.html#pragma_synchronous.)

What is kept: the directory, the ways to issuers that the admin API was given, and which entries of
the seed were planted. Faults, the log and the exchanges live as long as the process does.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import TypeAdapter, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.directory import (
    ALWAYS,
    Application,
    Credential,
    Directory,
    ManagedIdentity,
    RoleAssignment,
    ServicePrincipal,
    Subscription,
    Tenant,
)
from emulator.tokens.issuers import Reach

FILE: Final = "emulator.sqlite3"
SCHEMA: Final = 1
"""Goes up whenever a row of before can't be read any more."""
_APPLICATION: Final = 0x617A7769
"""`azwi` in ASCII: what marks the file as ours."""

_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {
    "tenants": TypeAdapter(Tenant),
    "subscriptions": TypeAdapter(Subscription),
    "applications": TypeAdapter(Application),
    "principals": TypeAdapter(ServicePrincipal),
    "identities": TypeAdapter(ManagedIdentity),
    "assignments": TypeAdapter(RoleAssignment),
    "credentials": TypeAdapter(Credential),
    "issuers": TypeAdapter(Reach),
    "planted": TypeAdapter(bool),
}

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS rows (
    position INTEGER PRIMARY KEY,
    "table" TEXT NOT NULL,
    key TEXT NOT NULL,
    json TEXT NOT NULL,
    UNIQUE ("table", key)
)
"""
_PUT: Final = """
INSERT INTO rows ("table", key, json) VALUES (?, ?, ?)
ON CONFLICT ("table", key) DO UPDATE SET json = excluded.json
"""


class StorageError(Exception):
    """The file can't be used; the text says why and what to do."""


class Storage(Protocol):
    """Where changes go, if anywhere."""

    def keep(self, table: str, key: str, value: object | None) -> None:
        """Take note of a row, or with None of its removal: a listener of tables."""

    def forget(self, table: str) -> None:
        """Take note of the removal of all rows of a table."""

    def commit(self) -> None:
        """Make sure of all that was noted."""


class InMemory:
    """Keeps nothing."""

    def keep(self, table: str, key: str, value: object | None) -> None:
        """Let it pass."""

    def forget(self, table: str) -> None:
        """Let it pass."""

    def commit(self) -> None:
        """Have nothing to do."""


class Database:
    """The file. One process has it at a time; for use in one thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._loading = False

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path) -> "Iterator[Database]":
        """Open a file, or make it, for as long as the block lasts. Raises StorageError."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as found:
            with _worded(path):
                _prepare(found, path)
            database = cls(found, path)
            yield database
            database.commit()

    def keep(self, table: str, key: str, value: object | None) -> None:
        """Write a row, or with None remove it."""
        if self._loading:
            return
        if value is None:
            self._write('DELETE FROM rows WHERE "table" = ? AND key = ?', table, key)
        else:
            self._write(_PUT, table, key, _adapter(table).dump_json(value).decode())

    def forget(self, table: str) -> None:
        """Remove all rows of a table."""
        self._write('DELETE FROM rows WHERE "table" = ?', table)

    def commit(self) -> None:
        """End the transaction, if there is one."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def load(self, directory: Directory) -> None:
        """Put what is kept of the directory into it, in the order in which it was made.

        Raises StorageError.
        """
        self._loading = True
        for table, key, value in self._rows():
            kind, _, holder = table.partition("/")
            if kind == "credentials":
                directory.credentials(holder).put(key, value, ALWAYS)
            elif kind in _PUTS:
                _PUTS[kind](directory, value)
        self._loading = False  # not so after an error: what was not understood stays as it is

    def issuers(self) -> list[Reach]:
        """Return the ways to issuers that were given at run time."""
        return [value for table, _, value in self._rows() if table == "issuers"]

    def planted(self) -> set[str]:
        """Return which entries of the seed were planted in this or an earlier life."""
        return {key for table, key, _ in self._rows() if table == "planted"}

    def _write(self, statement: str, *values: str) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        self._connection.execute(statement, values)

    def _rows(self) -> Iterator[tuple[str, str, Any]]:
        with _worded(self._path):
            found = self._connection.execute(
                'SELECT "table", key, json FROM rows ORDER BY position'
            ).fetchall()
        for table, key, text in found:
            try:
                yield table, key, _adapter(table).validate_json(text)
            except (ValidationError, LookupError) as error:
                raise StorageError(
                    f"{self._path}: the row {key!r} of {table!r} is none of this emulator;"
                    f" {_WAY_OUT}"
                ) from error


class Committing:
    """An ASGI layer: what an answer tells is kept before the answer begins."""

    def __init__(self, app: ASGIApp, storage: Storage) -> None:
        self._app = app
        self._storage = storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def committing(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._storage.commit()
            await send(message)

        try:
            await self._app(scope, receive, committing)
        finally:
            self._storage.commit()


_PUTS: Final[dict[str, Callable[[Directory, Any], None]]] = {
    "tenants": lambda directory, row: directory.tenants.put(row.id, row, ALWAYS),
    "subscriptions": lambda directory, row: directory.subscriptions.put(row.id, row, ALWAYS),
    "applications": lambda directory, row: directory.put_application(row, ALWAYS),
    "principals": lambda directory, row: directory.put_principal(row, ALWAYS),
    "identities": lambda directory, row: directory.put_identity(row, ALWAYS),
    "assignments": lambda directory, row: directory.assignments.put(row.id, row, ALWAYS),
}
_WAY_OUT: Final = "start with another --state, without --persist, or remove the file"


def _adapter(table: str) -> TypeAdapter[Any]:
    return _ADAPTERS[table.partition("/")[0]]


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN EXCLUSIVE")  # the lock is taken with the first access
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    elif application != _APPLICATION:
        raise StorageError(f"{path} is a database of another program; {_WAY_OUT}")
    elif version != SCHEMA:
        raise StorageError(
            f"{path} has the form {version}, and this emulator knows the form {SCHEMA} only;"
            f" {_WAY_OUT}"
        )
    connection.execute("COMMIT")


@contextlib.contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StorageError(
                f"{path} is in use by another process: end that, or start with another --state"
            ) from error
        raise StorageError(f"{path} can't be used: {error}; {_WAY_OUT}") from error
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path} can't be read: {error}; {_WAY_OUT}") from error
