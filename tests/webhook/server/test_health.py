"""Liveness, readiness and the metrics page."""

import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from webhook.metrics import Metrics, Result
from webhook.server.health import health_app, metrics_app
from webhook.server.readiness import Readiness


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


class Cache:
    reason: str | None = "not synced yet"

    def __call__(self) -> str | None:
        return self.reason


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def readiness(cache: Cache) -> Readiness:
    return Readiness({"certificate": lambda: None, "cache": cache})


@pytest.fixture
async def client(readiness: Readiness) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(health_app(readiness)) as found:
        yield found


async def test_alive_means_that_the_loop_turns(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_unready_says_why(client: httpx.AsyncClient, cache: Cache) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.text == "[-]cache failed: not synced yet\nreadyz check failed\n"
    cache.reason = None
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_verbose_lists_every_check(client: httpx.AsyncClient, cache: Cache) -> None:
    cache.reason = None
    answer = await client.get("/readyz?verbose")
    assert answer.text == "[+]certificate ok\n[+]cache ok\n[+]shutdown ok\nreadyz check passed\n"


async def test_the_end_is_unready_for_good(
    client: httpx.AsyncClient, cache: Cache, readiness: Readiness
) -> None:
    cache.reason = None
    readiness.drain()
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "the process is ending" in answer.text
    assert (await client.get("/healthz")).status_code == 200


async def test_a_check_that_breaks_has_not_passed() -> None:
    def breaks() -> str | None:
        raise KeyError("secret")

    async with client_of(health_app(Readiness({"odd": breaks}))) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "KeyError" in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/redoc", "/healthz/"])
async def test_there_is_nothing_else(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_metrics_are_text_for_old_scrapers() -> None:
    metrics = Metrics()
    metrics.observe(Result.INJECTED, "team-a", 0.0002)
    async with client_of(metrics_app(metrics.registry)) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"azwi_mutation_request", "azwi_requests", "process_cpu_seconds"} <= families


async def test_metrics_are_openmetrics_for_those_who_ask() -> None:
    metrics = Metrics()
    metrics.observe(Result.INJECTED, "team-a", 0.0002)
    async with client_of(metrics_app(metrics.registry)) as client:
        accept = {"accept": "application/openmetrics-text;version=1.0.0"}
        answer = await client.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    parsed = openmetrics.text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    families = {family.name for family in parsed}
    assert "azwi_mutation_request" in families


async def test_making_the_text_does_not_hold_reviews_up() -> None:
    metrics = Metrics()
    threads: list[int] = []

    def connections() -> int:
        threads.append(threading.get_ident())
        return 0

    metrics.watch_connections(connections)
    async with client_of(metrics_app(metrics.registry)) as client:
        await client.get("/metrics")
    assert threads
    assert threading.get_ident() not in threads
