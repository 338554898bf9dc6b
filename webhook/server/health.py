"""Liveness, readiness and metrics: two small FastAPI applications."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Check: TypeAlias = Callable[[], str | None]
"""Says why the process is not ready; None: it is, as far as this goes."""


class Readiness:
    """Whether reviews should be sent here: every check passes, and the end has not begun."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = {**checks, "shutdown": self._shutdown}
        self._draining = False

    def drain(self) -> None:
        """Be unready from now on."""
        self._draining = True

    def results(self) -> dict[str, str | None]:
        """Return every check's reason, None where it passes."""
        return {name: _ask(check) for name, check in self._checks.items()}

    def _shutdown(self) -> str | None:
        return "the process is ending" if self._draining else None


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that breaks has not passed
        return f"the check failed: {type(error).__name__}"


def health_app(readiness: Readiness) -> FastAPI:
    """Return `/healthz` and `/readyz`, with bodies like those of Kubernetes' own components.

    Alive means that the event loop turns: an answer proves it, and nothing else is asked, since a
    restart would heal nothing else. `/readyz?verbose` lists every check.
    """
    app = _bare_app()

    async def healthz() -> Response:
        return PlainTextResponse("ok")

    async def readyz(request: Request) -> Response:
        results = readiness.results()
        ready = all(reason is None for reason in results.values())
        if ready and "verbose" not in request.query_params:
            return PlainTextResponse("ok")
        lines = [
            f"[+]{name} ok" if reason is None else f"[-]{name} failed: {reason}"
            for name, reason in results.items()
            if reason is not None or "verbose" in request.query_params
        ]
        lines.append("readyz check passed" if ready else "readyz check failed")
        return PlainTextResponse("\n".join(lines) + "\n", 200 if ready else 503)

    for path, handler in (("/healthz", healthz), ("/readyz", readyz)):
        app.add_api_route(path, handler, methods=["GET", "HEAD"])
    return app


def metrics_app(registry: CollectorRegistry) -> FastAPI:
    """Return `/metrics`, in the format that the scraper prefers.

    The text is made in a thread: with a thousand namespaces it takes some 0.3 s, and reviews are
    not to wait for it.
    """
    app = _bare_app()

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        text = await asyncio.to_thread(encode, registry)
        return Response(text, headers={"content-type": content_type})

    app.add_api_route("/metrics", metrics, methods=["GET", "HEAD"])
    return app


def _bare_app() -> FastAPI:
    return FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
