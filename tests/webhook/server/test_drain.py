"""The end of a process, seen from outside."""

import asyncio
import json
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.builders import a_pod
from tests.webhook.server.doubles import Answer, a_review, dumped
from tests.webhook.server.wire import PATIENCE, Wire, request

BODY = dumped(a_review())
SLOW = dumped(a_review(a_pod(serviceAccountName="slow")))


class Child:
    """A serving process; what it logs is what the test waits for."""

    def __init__(self, process: asyncio.subprocess.Process, tls: ssl.SSLContext) -> None:
        self.process = process
        self._tls = tls
        self.health = 0
        self.port = 0

    def connect(self) -> Wire:
        return Wire(self.port, self._tls)

    async def said(self, message: str) -> None:
        """Wait for a line of the log."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stderr.readline()).decode():
                if line.strip() == message or _message(line) == message:
                    return
        raise AssertionError(f"the process ended without {message!r}")

    async def told(self) -> Any:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.process.stdout.readline())

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def get(self, path: str) -> Answer:
        async with Wire(self.health) as wire:
            wire.send(request(path=path, method="GET"))
            return await wire.answer()

    async def exit_code(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


def _message(line: str) -> str:
    return str(json.loads(line)["message"]) if line.startswith("{") else ""


@asynccontextmanager
async def a_child(
    folder: Path, authority: trustme.CA, tls: ssl.SSLContext, **settings: float
) -> AsyncIterator[Child]:
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        folder / "tls.pem"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.webhook.server.child", json.dumps({"folder": str(folder), **settings})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        child = Child(process, tls)
        child.health = await child.told()
        child.port = await child.told()
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_drain_loses_no_review(
    tmp_path: Path, authority: trustme.CA, client_tls: ssl.SSLContext
) -> None:
    async with a_child(tmp_path, authority, client_tls, shutdown_delay=1.5) as child:
        assert (await child.get("/readyz")).body == b"ok"
        async with AsyncExitStack() as stack:
            used, unused, idle, busy = [
                await stack.enter_async_context(child.connect()) for _ in range(4)
            ]
            for wire in (used, idle):
                assert "connection" not in (await wire.ask(BODY)).headers
            busy.send(request(SLOW))
            await child.said("asked")
            child.process.send_signal(signal.SIGTERM)
            await child.said("draining")

            unready = await child.get("/readyz")
            assert unready.status == 503
            assert b"ending" in unready.body
            assert (await child.get("/healthz")).status == 200
            new = await stack.enter_async_context(child.connect())
            for wire in (used, unused, new):
                answer = await wire.ask(BODY)
                assert answer.operations
                assert answer.headers["connection"] == "close"
                assert await wire.ended()

            await child.said("port closed")
            with pytest.raises(ConnectionRefusedError):
                await child.connect().__aenter__()
            child.tell()
            answer = await busy.answer()
            assert answer.operations
            assert answer.headers["connection"] == "close"
            assert await idle.ended()
        await child.said("drained")
        assert await child.exit_code() == 0


async def test_an_idle_connection_is_still_answered_when_the_port_has_closed(
    tmp_path: Path, authority: trustme.CA, client_tls: ssl.SSLContext
) -> None:
    async with (
        a_child(tmp_path, authority, client_tls, shutdown_delay=0.1) as child,
        child.connect() as idle,
        child.connect() as busy,
    ):
        await idle.ask(BODY)
        busy.send(request(SLOW))
        await child.said("asked")
        child.process.send_signal(signal.SIGTERM)
        await child.said("port closed")
        answer = await idle.ask(BODY)
        assert answer.operations
        assert answer.headers["connection"] == "close"
        child.tell()
        assert (await busy.answer()).operations
        assert await child.exit_code() == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_at_once(
    tmp_path: Path, authority: trustme.CA, client_tls: ssl.SSLContext, first: signal.Signals
) -> None:
    async with (
        a_child(tmp_path, authority, client_tls, shutdown_delay=600) as child,
        child.connect() as wire,
    ):
        await wire.ask(BODY)
        child.process.send_signal(first)
        await child.said("draining")
        child.process.send_signal(signal.SIGTERM)
        assert await wire.ended()
        assert await child.exit_code() == 1


async def test_a_request_that_does_not_end_does_not_hold_the_process_up(
    tmp_path: Path, authority: trustme.CA, client_tls: ssl.SSLContext
) -> None:
    settings = {"shutdown_delay": 0.0, "shutdown_timeout": 0.2}
    async with (
        a_child(tmp_path, authority, client_tls, **settings) as child,
        child.connect() as wire,
    ):
        wire.send(request(SLOW))
        await child.said("asked")
        child.process.send_signal(signal.SIGTERM)
        await child.said("drained")
        child.tell()  # lets the test's own reader of standard input go
        assert await child.exit_code() == 1
