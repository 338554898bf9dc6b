"""The state in a file: everything comes back as it was, and what can't be read is told of."""

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from emulator.directory import (
    ALWAYS,
    Application,
    Credential,
    Directory,
    ManagedIdentity,
    RoleAssignment,
    Secret,
    ServicePrincipal,
    Subscription,
    Tenant,
)
from emulator.storage import FILE, SCHEMA, Committing, Database, InMemory, StorageError
from emulator.tokens.issuers import Reach

APP = Application(
    object_id="OBJECT-1",
    app_id="APP-1",
    tenant="T",
    display_name="Zahlungen \u00fc \x00 \U0001f511",
    secrets=(Secret("key", "s3cret", ends=5.5, begins=1.0, display_name="mine"),),
    owners=("o",),
    permissions=("a", "b"),
    identifier_uris=("api://x",),
    token_version=2,
    tags=("t",),
    created=12.25,
    certificates=("PEM",),
)
IDENTITY = ManagedIdentity("S", "Group", "Name", "CLIENT", "PRINCIPAL", "T", "eu", {"k": "v"}, ())
ASSIGNMENT = RoleAssignment("n", "/subscriptions/S", "PRINCIPAL", "role", "User")
REACH = Reach("https://I", "https://r", Path("/ca"), Path("/token"), "PEM", "t0ken")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def credential(name: str) -> Credential:
    return Credential(f"id-{name}", name, "https://I", f"s-{name}", ("a",), "words")


def filled(database: Database) -> Directory:
    directory = Directory(database.keep)
    directory.tenants.put("T", Tenant("T", "Contoso"), 1.0)
    directory.subscriptions.put("S", Subscription("S", "T", "one"), 1.0)
    directory.put_application(APP, 2.0)
    directory.put_principal(ServicePrincipal("P-2", "APP-1", "T", "x", tags=("y",)), 2.0)
    directory.put_identity(IDENTITY, 3.0)
    directory.assignments.put(ASSIGNMENT.id, ASSIGNMENT, 3.0)
    for holder in (APP, IDENTITY):
        for name in ("zebra", "Ant", "mole"):
            directory.credentials(holder.key).put(name, credential(name), 4.0)
    return directory


def loaded(path: Path) -> Directory:
    with Database.opened(path) as database:
        found = Directory(database.keep)
        database.load(found)
        return found


def contents(directory: Directory) -> list[Any]:
    tables = (
        directory.tenants,
        directory.subscriptions,
        directory.applications,
        directory.principals,
        directory.identities,
        directory.assignments,
        directory.credentials(APP.key),
        directory.credentials(IDENTITY.key),
    )
    return [table.values() for table in tables]


def test_everything_comes_back_as_it_was_and_in_its_order(path: Path) -> None:
    with Database.opened(path) as database:
        before = filled(database)
    found = loaded(path)
    assert contents(found) == contents(before)
    assert [one.name for one in found.credentials(APP.key).values()] == ["zebra", "Ant", "mole"]
    assert contents(loaded(path)) == contents(before)


def test_what_comes_back_is_found_by_all_its_names_and_was_always_there(path: Path) -> None:
    with Database.opened(path) as database:
        filled(database)
    found = loaded(path)
    assert (found.holder("app-1"), found.holder("client")) == (APP, IDENTITY)
    principal = found.principal("t", "client")
    assert principal is not None
    assert principal.type == "ManagedIdentity"
    assert len(found.credentials(APP.key).values(ALWAYS)) == 3


def test_changes_keep_their_place_and_removals_stay_removed(path: Path) -> None:
    with Database.opened(path) as database:
        before = filled(database)
        table = before.credentials(APP.key)
        table.put("ant", credential("ANT"), 5.0)
        table.delete("zebra", 5.0)
        table.put("zebra", credential("zebra"), 6.0)
        before.delete_identity(IDENTITY, 6.0)
    found = loaded(path)
    assert contents(found) == contents(before)
    assert [one.name for one in found.credentials(APP.key).values()] == ["ANT", "mole", "zebra"]
    assert found.holder("client") is None
    assert found.assignments.values() == []


def test_what_is_forgotten_does_not_come_back(path: Path) -> None:
    with Database.opened(path) as database:
        filled(database).forget()
        database.keep("issuers", "https://I", REACH)
        database.keep("planted", "tenants/t", value=True)
        database.forget("issuers")
    with Database.opened(path) as database:
        assert (database.issuers(), database.planted()) == ([], {"tenants/t"})
    assert not any(contents(loaded(path)))


def test_issuers_come_back_with_their_tokens(path: Path) -> None:
    with Database.opened(path) as database:
        database.keep("issuers", REACH.issuer, Reach(REACH.issuer))
        database.keep("issuers", REACH.issuer, REACH)
    with Database.opened(path) as database:
        assert database.issuers() == [REACH]


def test_the_file_is_for_nobody_else(path: Path) -> None:
    path.touch(mode=0o666)
    path.chmod(0o666)
    with Database.opened(path) as database:
        filled(database)
        database.commit()
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_no_secret_is_in_an_error_or_a_name(path: Path) -> None:
    assert "s3cret" not in repr(APP)
    assert "t0ken" not in repr(REACH)
    with Database.opened(path) as database:
        filled(database)
    broken(
        path, "UPDATE rows SET json = replace(json, 'token_version', 'x') WHERE key = 'object-1'"
    )
    broken(path, "UPDATE rows SET json = json || 's3cret' WHERE key = 'object-1'")
    with pytest.raises(StorageError, match="the row 'object-1' of 'applications'") as caught:
        loaded(path)
    assert "s3cret" not in str(caught.value)


def broken(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO rows VALUES (99, 'tenants', 'x', '{}')", "the row 'x' of 'tenants'"),
        ("INSERT INTO rows VALUES (99, 'unknown', 'x', '{}')", "the row 'x' of 'unknown'"),
        (f"PRAGMA user_version = {SCHEMA + 1}", f"has the form {SCHEMA + 1}, and this emulator"),
        ("PRAGMA application_id = 5", "is a database of another program"),
        ("ALTER TABLE rows RENAME TO columns", "can't be used: no such table: rows"),
    ],
)
def test_a_file_of_another_kind_is_told_of_with_a_way_out(
    path: Path, statement: str, told: str
) -> None:
    with Database.opened(path) as database:
        filled(database)
    broken(path, statement)
    with pytest.raises(StorageError) as caught:
        loaded(path)
    assert told in str(caught.value)
    assert "start with another --state, without --persist, or remove the file" in str(caught.value)


def test_a_file_that_is_no_database_is_told_of(path: Path) -> None:
    path.write_text("no database at all " * 100)
    with pytest.raises(StorageError, match="can't be read: file is not a database"):
        loaded(path)


def test_a_database_of_another_program_stays_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    with pytest.raises(StorageError, match="of another program"):
        loaded(path)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert found == [("theirs",)]


def test_a_file_is_one_processs_at_a_time(path: Path) -> None:
    with (
        Database.opened(path),
        pytest.raises(StorageError, match="is in use by another process"),
        Database.opened(path),
    ):
        pytest.fail("both have it")
    with Database.opened(path):
        pass


def test_what_was_not_committed_is_not_there(path: Path) -> None:
    with Database.opened(path) as database:
        directory = Directory(database.keep)
        directory.tenants.put("T", Tenant("T"), 1.0)
        database.commit()
        directory.tenants.put("U", Tenant("U"), 1.0)
        assert rows_elsewhere(path) == 1
        database.commit()
        assert rows_elsewhere(path) == 2


def rows_elsewhere(path: Path) -> int:
    """What a process would find that takes the files as they are now."""
    copy = path.with_name("copy.sqlite3")
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).write_bytes(
            path.with_name(path.name + suffix).read_bytes()
        )
    with closing(sqlite3.connect(copy)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM rows").fetchone()
        return int(count)


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with Database.opened(path) as found:
        yield found


async def called(database: Database, path: Path, error: Exception | None = None) -> list[str]:
    """Serve one request that writes, and tell what was kept as each message went out."""
    seen: list[str] = []
    directory = Directory(database.keep)

    async def serve(_: Scope, __: Receive, send: Send) -> None:
        directory.tenants.put("T", Tenant("T"), 1.0)
        seen.append(f"written {rows_elsewhere(path)}")
        if error is not None:
            raise error
        await send({"type": "http.response.start", "status": 200, "headers": []})
        directory.tenants.put("U", Tenant("U"), 1.0)
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        seen.append(f"{message['type']} {rows_elsewhere(path)}")

    async def receive() -> Message:
        raise AssertionError("nothing to read")

    await Committing(serve, database)({"type": "http"}, receive, send)
    seen.append(f"done {rows_elsewhere(path)}")
    return seen


async def test_a_write_is_kept_before_its_answer_begins(database: Database, path: Path) -> None:
    assert await called(database, path) == [
        "written 0",
        "http.response.start 1",
        "http.response.body 1",
        "done 2",
    ]


async def test_what_was_written_before_a_failure_is_kept(database: Database, path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        await called(database, path, ZeroDivisionError())
    assert rows_elsewhere(path) == 1


async def test_a_write_whose_caller_went_away_is_kept(database: Database, path: Path) -> None:
    directory = Directory(database.keep)

    async def serve(_: Scope, __: Receive, ___: Send) -> None:
        directory.tenants.put("T", Tenant("T"), 1.0)
        await asyncio.Event().wait()

    async def nothing(*_: Any) -> Any:
        return {}

    task = asyncio.create_task(Committing(serve, database)({"type": "http"}, nothing, nothing))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert rows_elsewhere(path) == 1


def test_without_a_file_nothing_is_kept() -> None:
    storage = InMemory()
    storage.keep("tenants", "t", Tenant("T"))
    storage.forget("tenants")
    storage.commit()
