"""Requests that nobody should send: always a refusal in Graph's shape, never an error of ours."""

import pytest

from tests.emulator.graph.stage import PAYMENTS, Stage, refusal

BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "NaN": b'{"name": NaN}',
    "nested too deep": b'{"name": ' + b"[" * 100_000,
    "nested deep": b'{"name": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a huge number": b'{"name": ' + b"9" * 100_000 + b"}",
    "a large number": b'{"name": 123456789012345678901234567890}',
    "a NUL": b'{"name": "a\\u0000b"}',
    "a bare NUL": b'{"name": "a\x00b"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "half a pair": b'{"name": "\\ud800"}',
    "twins": b'{"name": "abc", "name": "abd"}',
    "an empty key": b'{"": 1}',
    "a long key": b'{"' + b"k" * 10_000 + b'": 1}',
    "a key with a NUL": b'{"\\u0000": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"name": "abc"}',
}
TOO_LARGE = b'{"name": "' + b"x" * (1 << 20) + b'"}'


def writes(stage: Stage) -> list[tuple[str, str]]:
    path = stage.path()
    return [
        ("POST", "/applications"),
        ("PATCH", path),
        ("POST", f"{path}/addPassword"),
        ("POST", f"{path}/removePassword"),
        ("POST", f"{path}/owners/$ref"),
        ("POST", f"{path}/federatedIdentityCredentials"),
        ("PATCH", f"{path}/federatedIdentityCredentials(name='abc')"),
        ("POST", "/servicePrincipals"),
        ("POST", "/$batch"),
    ]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_bodies_that_make_no_sense_are_refused(stage: Stage, body: bytes) -> None:
    for method, path in writes(stage):
        headers = {
            "Authorization": f"Bearer {stage.token()}",
            "Content-Type": "application/json; charset=utf-8",
            "Prefer": "create-if-missing",
        }
        answer = await stage.client.request(method, f"/v1.0{path}", content=body, headers=headers)
        assert refusal(answer)[0] == 400, (method, path)


async def test_a_body_of_more_than_a_megabyte_is_refused(stage: Stage) -> None:
    for method, path in writes(stage):
        headers = {
            "Authorization": f"Bearer {stage.token()}",
            "Content-Type": "application/json",
        }
        answer = await stage.client.request(
            method, f"/v1.0{path}", content=TOO_LARGE, headers=headers
        )
        assert refusal(answer) == (413, "Request_BadRequest"), (method, path)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/jsonx"])
async def test_a_body_of_another_type_is_refused(stage: Stage, kind: str) -> None:
    for method, path in writes(stage):
        headers = {"Authorization": f"Bearer {stage.token()}", "Content-Type": kind}
        answer = await stage.client.request(method, f"/v1.0{path}", content=b"{}", headers=headers)
        assert refusal(answer) == (415, "Request_BadRequest"), (method, path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1.0", 404),
        ("GET", "/v1.0/", 404),
        ("GET", "/v1.0/users", 404),
        ("GET", "/v1.0/applications/x/y", 404),
        ("GET", "/v1.0/applications(appId=x)", 404),
        ("GET", "/v1.0/applications(uniqueName='x')", 404),
        ("GET", "/v1.0/applications('x')", 404),
        ("GET", "/v1.0/applications(appId='x'", 404),
        ("GET", "/v1.0/applications(appId='%00')", 404),
        ("GET", "/v1.0/applications/%FF%FE", 404),
        ("GET", "/v1.0/applications/{object_id}", 404),
        ("GET", "/v1.0/applications/%7Bself%7D", 404),
        ("GET", "/v1.0/applications/" + "x" * 20_000, 404),
        ("PUT", "/v1.0/applications", 405),
        ("HEAD", "/v1.0/applications", 405),
        ("TRACE", "/v1.0/$batch", 405),
        ("GET", "/v1.0/$batch", 405),
        ("NONSENSE", "/v1.0/applications", 405),
        ("GET", "/v1.0x/applications", 404),
        ("GET", "/beta/users", 404),
    ],
)
async def test_paths_and_methods_that_are_not_served_are_refused(
    stage: Stage, method: str, path: str, status: int
) -> None:
    header = {"Authorization": f"Bearer {stage.token()}"}
    answer = await stage.client.request(method, path, headers=header)
    assert answer.status_code == status
    if method != "HEAD" and not path.startswith("/v1.0x"):
        refusal(answer)


async def test_names_of_many_kinds_are_not_found(stage: Stage) -> None:
    names = ["a" * 5000, "%00", "%F0%9F%92%A5", "%2e%2e", "{x}", "''", "%27", "*", "a;b"]
    parent = f"/applications(appId='{PAYMENTS}')/federatedIdentityCredentials"
    for name in names:
        for path in (f"{parent}/{name}", f"{parent}(name='{name}')"):
            answer = await stage.ask("GET", path)
            assert refusal(answer)[0] == 404, path
