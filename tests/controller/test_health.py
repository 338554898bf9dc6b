"""The kubelet and Prometheus, as HTTP clients of the real servers."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from controller.config.parse import parse_config
from controller.config.settings import Address, Config
from controller.health import CannotListen, Check, Served, serving
from controller.metrics import Metrics

LOCAL = Address("127.0.0.1", 0)
UUID = "0123abcd-0000-4000-8000-000000000001"


def config(health: Address = LOCAL, metrics: Address | None = LOCAL) -> Config:
    arguments = [f"--tenant-id={UUID}", "--sign-in=managed-identity", "--namespace=azwi"]
    parsed = parse_config(arguments, {}, "host_1", Path("/nonexistent"))
    return replace(parsed, health_address=health, metrics_address=metrics)


@asynccontextmanager
async def served(
    live: Mapping[str, Check] | None = None,
    ready: Mapping[str, Check] | None = None,
    settings: Config | None = None,
) -> AsyncIterator[Served]:
    async with serving(
        settings or config(), live=live or {}, ready=ready or {}, metrics=Metrics()
    ) as given:
        yield given


async def get(address: str | None, path: str, **headers: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession(trust_env=False, headers=headers) as session,
        session.get(f"http://{address}{path}") as answer,
    ):
        return answer.status, await answer.text(), answer.headers["Content-Type"]


async def test_what_is_well_says_ok() -> None:
    async with served({"loop": lambda: None}, {"leader": lambda: None, "lists": lambda: ""}) as at:
        for path in ("/healthz", "/readyz"):
            status, text, kind = await get(at.health, path)
            assert (status, text) == (200, "ok\n")
            assert kind.startswith("text/plain")


async def test_reasons_stand_in_the_answer_one_a_line() -> None:
    ready: Mapping[str, Check] = {
        "leader": lambda: "nobody holds\nthe Lease",
        "fine": lambda: None,
        "lists": lambda: "forbidden",
    }
    async with served(ready=ready) as at:
        status, text, _ = await get(at.health, "/readyz")
        assert (status, text) == (503, "leader: nobody holds the Lease\nlists: forbidden\n")
        assert (await get(at.health, "/healthz"))[0] == 200


async def test_liveness_has_checks_of_its_own() -> None:
    async with served(live={"loop": lambda: "stuck"}) as at:
        assert await get(at.health, "/healthz") == (
            503,
            "loop: stuck\n",
            "text/plain; charset=utf-8",
        )
        assert (await get(at.health, "/readyz"))[0] == 200


async def test_a_check_is_made_anew_for_each_request() -> None:
    problems: list[str | None] = ["starting", None, "lost"]
    async with served(ready={"work": lambda: problems.pop(0)}) as at:
        assert [(await get(at.health, "/readyz"))[0] for _ in range(3)] == [503, 200, 503]


async def test_a_check_that_breaks_is_not_passed() -> None:
    def broken() -> str | None:
        raise ValueError("s3cr3t")

    async with served(live={"broken": broken, "next": lambda: "told too"}) as at:
        status, text, _ = await get(at.health, "/healthz")
        assert (status, text) == (503, "broken: can't be checked (ValueError)\nnext: told too\n")


async def test_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    problems: list[str | None] = [None, "since 1 s", "since 2 s", None, None]
    caplog.set_level(logging.INFO)
    async with served(ready={"work": lambda: problems.pop(0)}) as at:
        for _ in range(5):
            await get(at.health, "/readyz")
    assert [record.getMessage() for record in caplog.records] == ["not ready", "ready"]


async def test_metrics_are_on_a_port_of_their_own() -> None:
    async with served() as at:
        assert at.metrics != at.health
        status, text, kind = await get(at.metrics, "/metrics")
        assert status == 200
        assert "azwi_controller_leader 0.0" in text
        assert kind == "text/plain; version=0.0.4; charset=utf-8"
        assert (await get(at.metrics, "/readyz"))[0] == 404
        assert (await get(at.health, "/metrics"))[0] == 404


async def test_metrics_are_told_as_openmetrics_to_who_asks() -> None:
    async with served() as at:
        accept = "application/openmetrics-text; version=1.0.0"
        status, text, kind = await get(at.metrics, "/metrics", Accept=accept)
        assert status == 200
        assert text.endswith("# EOF\n")
        assert kind.startswith("application/openmetrics-text")


async def test_who_asks_for_nonsense_is_told_in_the_plain_form() -> None:
    async with served() as at:
        accept = "application/openmetrics-text; version=x"
        status, _, kind = await get(at.metrics, "/metrics", Accept=accept)
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_no_metrics_are_served_where_none_are_wanted() -> None:
    async with served(settings=config(metrics=None)) as at:
        assert at.metrics is None
        assert (await get(at.health, "/healthz"))[0] == 200


async def test_no_host_is_every_address_on_one_port() -> None:
    async with served(settings=config(Address("", 0), None)) as at:
        assert at.health.startswith(":")
        assert (await get(f"127.0.0.1{at.health}", "/healthz"))[0] == 200
        if socket.has_dualstack_ipv6():
            assert (await get(f"[::1]{at.health}", "/healthz"))[0] == 200


async def test_ipv6_is_one_of_them() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    async with served(settings=config(Address("::1", 0), None)) as at:
        assert at.health.startswith("[::1]:")
        assert (await get(at.health, "/healthz"))[0] == 200


async def test_a_taken_port_is_told_and_leaves_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"can't listen on 127\.0\.0\.1:{port}: .+ in use"):
            async with served(settings=config(metrics=Address("127.0.0.1", port))):
                pass


async def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(CannotListen, match=r"can't listen on nowhere\.invalid:0"):
        async with served(settings=config(Address("nowhere.invalid", 0))):
            pass


async def test_what_is_served_can_be_written_as_json() -> None:
    async with served() as at:
        told = json.loads(json.dumps({"health": at.health, "metrics": at.metrics}))
        assert (await get(told["health"], "/healthz"))[0] == 200


async def test_a_connection_that_is_kept_ends_with_the_server() -> None:
    async with served() as at:
        host, _, port = at.health.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"ok\n")
    writer.close()
    await writer.wait_closed()


async def test_after_the_end_nobody_listens() -> None:
    async with served() as at:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(at.health, "/healthz")
