"""The client against a server of our own that fails as it is told."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.kube import (
    Changed,
    Connection,
    Expired,
    Invalid,
    Kube,
    KubeError,
    NotFound,
    NotServed,
    Unauthenticated,
    Unavailable,
    Unreachable,
    client,
    kopf_login,
    paths,
)
from controller.kube.tls import trusting, with_certificate
from controller.kube.tokens import TokenFile
from identity.version import VERSION
from tests.controller.kube.conftest import TOKEN
from tests.controller.kube.server import Authority, Server, serving

FIC = paths.fic("shop", "payments")
Doing = Callable[[Kube], Awaitable[object]]


def a_status(code: int, reason: str, message: str = "why", **details: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


@pytest.mark.parametrize(
    ("do", "asked"),
    [
        (lambda kube: kube.get("/a", {"x": "1 &"}), ("GET", "/a", {"x": "1 &"}, None, None)),
        (
            lambda kube: kube.create("/a", {"k": 1}),
            ("POST", "/a", {}, {"k": 1}, "application/json"),
        ),
        (
            lambda kube: kube.replace("/a", {"k": 1}),
            ("PUT", "/a", {}, {"k": 1}, "application/json"),
        ),
        (
            lambda kube: kube.merge("/a", {"k": None}),
            ("PATCH", "/a", {}, {"k": None}, "application/merge-patch+json"),
        ),
        (
            lambda kube: kube.json_patch("/a", [{"op": "remove", "path": "/x"}]),
            ("PATCH", "/a", {}, [{"op": "remove", "path": "/x"}], "application/json-patch+json"),
        ),
        (
            lambda kube: kube.delete("/a"),
            (
                "DELETE",
                "/a",
                {},
                {"apiVersion": "v1", "kind": "DeleteOptions"},
                "application/json",
            ),
        ),
        (
            lambda kube: kube.delete("/a", uid="u", resource_version="7"),
            (
                "DELETE",
                "/a",
                {},
                {
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "preconditions": {"uid": "u", "resourceVersion": "7"},
                },
                "application/json",
            ),
        ),
    ],
)
async def test_what_is_sent(kube: Kube, server: Server, do: Doing, asked: tuple[Any, ...]) -> None:
    await do(kube)
    [found] = server.asked
    assert (
        found.method,
        found.path,
        found.query,
        found.body,
        found.headers.get("content-type"),
    ) == asked
    assert found.headers["authorization"] == f"Bearer {TOKEN}"
    assert found.headers["user-agent"] == f"azwi-controller/{VERSION}"
    assert found.headers["accept"] == "application/json"
    assert found.headers["accept-encoding"] == "identity"


async def test_a_quoted_name_stays_quoted(kube: Kube, server: Server) -> None:
    await kube.get(paths.config_map("shop", "a%b c?d"))
    assert server.asked[0].path == "/api/v1/namespaces/shop/configmaps/a%25b%20c%3Fd"


async def test_an_answer_is_returned_as_it_is(kube: Kube, server: Server) -> None:
    server.answer(201, {"metadata": {"uid": "u"}, "unknown": [1]})
    assert await kube.create("/a", {}) == {"metadata": {"uid": "u"}, "unknown": [1]}


async def test_deleting_what_is_not_there_is_no_error(kube: Kube, server: Server) -> None:
    server.answer(404, a_status(404, "NotFound", name="payments"))
    assert await kube.delete(FIC) is False
    server.answer(200, a_status(200, ""))
    assert await kube.delete(FIC) is True


async def test_deleting_another_one_is_told(kube: Kube, server: Server) -> None:
    server.answer(409, a_status(409, "Conflict"))
    with pytest.raises(Changed):
        await kube.delete(FIC, uid="old")


async def test_a_kind_that_is_not_served_is_no_absence(kube: Kube, server: Server) -> None:
    for body in (b"404 page not found\n", a_status(404, "NotFound")):
        server.answer(404, body)
        with pytest.raises(NotServed):
            await kube.get(FIC)
        server.answer(404, body)
        with pytest.raises(NotServed):
            await kube.delete(FIC)


def a_list(*names: str, more: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": "77", **({"continue": more} if more else {})}
    return {"metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]}


async def test_a_collection_is_read_page_by_page(kube: Kube, server: Server) -> None:
    server.answer(200, a_list("a", "b", more="next=&"))
    server.answer(200, a_list("c"))
    pages = [page async for page in kube.pages("/things", {"labelSelector": "x"})]
    assert [[item["metadata"]["name"] for item in page.items] for page in pages] == [
        ["a", "b"],
        ["c"],
    ]
    assert [page.resource_version for page in pages] == ["77", "77"]
    assert [asked.query for asked in server.asked] == [
        {"labelSelector": "x", "limit": "500"},
        {"labelSelector": "x", "limit": "500", "continue": "next=&"},
    ]


async def test_metadata_is_all_that_is_asked_for(kube: Kube, server: Server) -> None:
    server.answer(200, a_list())
    assert [page.items async for page in kube.pages("/things", metadata_only=True)] == [[]]
    assert server.asked[0].headers["accept"] == (
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    )


async def test_an_empty_list_may_be_null(kube: Kube, server: Server) -> None:
    server.answer(200, {"metadata": {"resourceVersion": "5"}, "items": None})
    assert [page.items async for page in kube.pages("/things")] == [[]]


async def test_a_list_that_expires_in_the_middle_is_not_begun_anew(
    kube: Kube, server: Server
) -> None:
    """Who reads it would take the items of the first page twice, or for all there is."""
    server.answer(200, a_list("a", more="x"))
    server.answer(410, a_status(410, "Expired"))
    pages = kube.pages("/things")
    assert len((await anext(pages)).items) == 1
    with pytest.raises(Expired):
        await anext(pages)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": {}},
        {"metadata": {}, "items": {}},
        {"metadata": {}, "items": 1},
        {"metadata": [], "items": []},
        {"metadata": None, "items": None},
    ],
)
async def test_an_answer_that_is_no_list_is_an_error_and_no_empty_list(
    kube: Kube, server: Server, body: object
) -> None:
    server.answer(200, body)
    with pytest.raises(Unavailable, match="the answer is not a list"):
        await anext(kube.pages("/things"))


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"[]", b'"x"', b"\xff"])
async def test_an_answer_that_is_no_object_is_an_error(
    kube: Kube, server: Server, body: bytes
) -> None:
    server.answer(200, body)
    with pytest.raises(Unavailable, match="GET /a: the answer is not an object; is it an API"):
        await kube.get("/a")


async def test_a_redirect_is_not_followed(kube: Kube, server: Server) -> None:
    server.answer(302, b"", Location="https://elsewhere.example/")
    with pytest.raises(Unavailable, match="status 302"):
        await kube.get("/a")
    assert len(server.asked) == 1


async def test_an_answer_without_an_end_is_given_up(
    kube: Kube, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1000)
    server.answer(200, b" " * 100_000)
    with pytest.raises(Unavailable, match="makes no sense"):
        await kube.get("/a")


async def test_a_server_that_hangs_is_given_up(connection: Connection, server: Server) -> None:
    async with Kube(connection, timeout=0.2) as kube:
        server.hang()
        with pytest.raises(Unreachable, match=r"did not answer in 0\.2 s"):
            await kube.get("/a")


async def test_waiting_for_a_free_connection_has_an_end_too(
    connection: Connection, server: Server
) -> None:
    async with Kube(connection, timeout=0.2, connections=1) as kube:
        server.hang()
        results = await asyncio.gather(*(kube.get("/a") for _ in range(3)), return_exceptions=True)
        assert {type(result) for result in results} == {Unreachable}


async def test_many_calls_share_the_connections(connection: Connection, server: Server) -> None:
    async with Kube(connection, connections=4) as kube:
        await asyncio.gather(*(kube.get(f"/{number}") for number in range(50)))
    assert len(server.asked) == 50
    assert len(server.connections) <= 4


@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"])
async def test_a_connection_that_breaks_is_told_and_a_create_not_sent_twice(
    kube: Kube, server: Server, after: bytes
) -> None:
    server.drop(after=after)
    with pytest.raises(Unreachable, match=r"POST /a: the connection to 127.0.0.1:[0-9]+ broke"):
        await kube.create("/a", {})
    assert len(server.asked) == 1


async def test_a_cancelled_call_frees_its_connection(
    connection: Connection, server: Server
) -> None:
    async with Kube(connection, connections=1) as kube:
        server.hang()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(kube.get("/a"), 0.1)
        assert await kube.get("/b") == {}


async def test_nobody_there_is_told(connection: Connection, server: Server) -> None:
    gone = Connection("https://127.0.0.1:1", connection.ssl_context, connection.token)
    async with Kube(gone) as kube:
        with pytest.raises(Unreachable, match=r"GET /a: 127\.0\.0\.1:1 can't be reached: "):
            await kube.get("/a")


async def test_a_stranger_is_told_and_gets_no_token(server: Server, connection: Connection) -> None:
    stranger = Connection(server.url, trusting(None), connection.token)
    async with Kube(stranger) as kube:
        with pytest.raises(Unreachable, match=r"TLS with 127.0.0.1:[0-9]+ failed: .*certificate"):
            await kube.get("/a")
    assert not server.asked


async def test_what_the_machine_says_of_authorities_and_proxies_is_ignored(
    kube: Kube, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert await kube.get("/a") == {}
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_closed_client_says_so(connection: Connection) -> None:
    kube = Kube(connection)
    with pytest.raises(Unreachable, match="the client is closed"):
        await kube.get("/a")


async def test_a_renewed_token_is_read_when_the_old_one_is_refused(
    connection: Connection, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    renewed = Connection(server.url, connection.ssl_context, TokenFile(file))
    async with Kube(renewed) as kube:
        file.write_text("new\n")
        server.answer(401, a_status(401, "Unauthorized"))
        assert await kube.create("/a", {"k": 1}) == {}
    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer old",
        "Bearer new",
    ]
    assert [asked.body for asked in server.asked] == [{"k": 1}, {"k": 1}]


async def test_a_token_that_is_refused_is_not_sent_again(
    connection: Connection, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("same")
    async with Kube(Connection(server.url, connection.ssl_context, TokenFile(file))) as kube:
        server.answer(401, a_status(401, "Unauthorized"))
        with pytest.raises(Unauthenticated):
            await kube.get("/a")
    assert len(server.asked) == 1


async def test_a_client_certificate_is_shown(authority: Authority) -> None:
    async with serving(authority.server(ask=True)) as server:
        context = trusting(authority.pem)
        async with Kube(Connection(server.url, context)) as kube:
            with pytest.raises(KubeError):
                await kube.get("/a")
        with_certificate(context, *authority.client(), "here")
        async with Kube(Connection(server.url, context)) as kube:
            assert await kube.get("/a") == {}


async def test_the_token_is_never_shown(
    connection: Connection, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by an object, nor by a server that says what it was sent, nor by a log."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = [repr(connection), str(connection), repr(connection.token)]
    login = kopf_login(connection)
    assert login.token == TOKEN
    said += [repr(login), str(login)]
    async with Kube(connection, timeout=0.3) as kube:
        said.append(repr(kube))
        server.answer(500, f"Authorization: Bearer {TOKEN}".encode())
        server.answer(403, a_status(403, "Forbidden", message=f"not with {TOKEN}"))
        server.answer(401, a_status(401, "Unauthorized"))
        server.answer(200, f'"{TOKEN}"'.encode())
        server.drop()
        server.drop(after=b"HTTP/1.1 nonsense " + TOKEN.encode() + b"\r\n\r\n")
        server.hang()
        for _ in range(7):
            with pytest.raises(KubeError) as caught:
                await kube.create("/a", {})
            said += traceback.format_exception(caught.value)
            said.append(repr(caught.value.__dict__))
    said.append(caplog.text)
    said += [repr(record.__dict__) for record in caplog.records]
    assert len(server.asked) == 7
    assert [text for text in said if TOKEN in text] == []


async def test_a_test_operation_that_fails_is_invalid(kube: Kube, server: Server) -> None:
    server.answer(422, a_status(422, "Invalid"))
    with pytest.raises(Invalid):
        await kube.json_patch("/a", [{"op": "test", "path": "/x", "value": 1}])


async def test_an_absent_object_is_not_found(kube: Kube, server: Server) -> None:
    server.answer(404, a_status(404, "NotFound", "fic not found", name="payments"))
    with pytest.raises(NotFound, match=f"GET {FIC}: status 404 NotFound: fic not found"):
        await kube.get(FIC)
