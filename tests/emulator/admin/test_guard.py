"""Pages of other sites have no business with the admin API."""

from collections.abc import Mapping

import httpx
import pytest

from emulator.admin.guard import is_ours
from tests.emulator.admin.stage import Stage
from tests.emulator.conftest import ORIGIN

OWN = ORIGIN.removeprefix("https://")


async def reset(stage: Stage, headers: Mapping[str, str]) -> httpx.Response:
    return await stage.ask("POST", "/reset", headers=dict(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "127.0.0.1:8443"},
        {"Host": "[::1]:8443"},
        {"Host": "localhost"},
        {"Host": OWN.upper()},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        {"Host": "10.1.2.3:8443", "Origin": "https://10.1.2.3:8443"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_programs_and_its_own_page_are_served(stage: Stage, headers: dict[str, str]) -> None:
    assert (await reset(stage, headers)).status_code == 204


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.test:8443"}, "HostNotAllowed"),
        ({"Host": "emulator.test.evil.test"}, "HostNotAllowed"),
        ({"Host": "["}, "HostNotAllowed"),
        ({"Host": ""}, "HostNotAllowed"),
        ({"Host": "evil.test", "Origin": "https://evil.test"}, "HostNotAllowed"),
        ({"Origin": "https://evil.test"}, "OriginNotAllowed"),
        ({"Origin": "null"}, "OriginNotAllowed"),
        ({"Origin": "https://127.0.0.1:3000"}, "OriginNotAllowed"),
        ({"Origin": ORIGIN.replace("https", "http")}, "OriginNotAllowed"),
        ({"Sec-Fetch-Site": "cross-site"}, "OriginNotAllowed"),
        ({"Sec-Fetch-Site": "same-site"}, "OriginNotAllowed"),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    stage: Stage, headers: dict[str, str], code: str
) -> None:
    await stage.done("PUT", "/faults", {"latencySeconds": 1})
    refused = await reset(stage, headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, code)
    assert stage.world.gate.settings.latency_seconds == 1


async def test_a_page_of_another_site_reads_nothing(stage: Stage) -> None:
    for headers in ({"Host": "evil.test"}, {"Origin": "https://evil.test"}):
        for path in ("/state", "/requests", "/faults", "/issuers", "/health"):
            assert (await stage.ask("GET", path, headers=headers)).status_code == 403
    assert (await stage.http.get("/", headers={"Host": "evil.test"})).status_code == 403


async def test_a_link_on_another_site_leads_here(stage: Stage) -> None:
    clicked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await stage.http.get("/", headers=clicked)).status_code == 200
    assert (await stage.ask("GET", "/state", headers=clicked)).status_code == 200


async def test_no_answer_lets_another_site_read_it(stage: Stage) -> None:
    answer = await stage.ask("GET", "/state", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_probe_may_call_it_anything(stage: Stage) -> None:
    assert (await stage.http.get("/healthz", headers={"Host": "any.test"})).status_code == 200


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("a.example.org", True),
        ("A.Example.org.:1", True),
        ("b.a.example.org", False),
        ("example.org", False),
        ("emulator", True),
        ("emulator.evil.test", False),
        ("x.localhost:1", True),
        ("localhost.evil.test", False),
        ("127.0.0.1.evil.test", False),
        ("user@127.0.0.1", True),
        ("127.0.0.1:99999", True),
        ("[::1", False),
    ],
)
def test_names_are_those_of_the_certificate(host: str, ours: bool) -> None:
    assert is_ours(host, {"*.example.org", "emulator"}) is ours
