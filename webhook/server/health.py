"""Liveness, readiness and metrics: two small FastAPI applications.

Importing FastAPI takes more CPU than all the rest of the start: see `Server.start`.
"""

import asyncio

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from webhook.server.readiness import Readiness


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
